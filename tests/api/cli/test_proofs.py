from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.cli.conftest import Tallystick


@pytest.fixture
def trust(played_demo: Path) -> Path:
    return played_demo / "trust.json"


def declaration_of(story: dict[str, Any]) -> str:
    """The id of the story's plums, from their state proof."""
    path = next(Path(each) for each in story["proofs"] if each.endswith("plums-balance.json"))
    return str(json.loads(path.read_bytes())["files"][0]["key"]).removeprefix("declaration/")


def record_of(story: dict[str, Any], words: str) -> str:
    """The first record of the scene whose name holds these words."""
    return str(next(scene["record_ids"][0] for scene in story["scenes"] if words in scene["name"]))


def test_every_proof_of_the_demo_holds_with_the_trust_file_alone(
    story: dict[str, Any], trust: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    assert len(story["proofs"]) >= 8
    copies = [Path(shutil.copy(path, tmp_path)) for path in story["proofs"]]
    believed = shutil.copy(trust, tmp_path / "trust.json")
    verified = tallystick("verify", *copies, "--trust", believed, "--json")
    assert verified.status == 0, verified.err
    assert verified.json["ok"] is True
    assert [file["file"] for file in verified.json["files"]] == [str(copy) for copy in copies]
    for file in verified.json["files"]:
        assert {"file", "ok", "proves", "does_not_prove", "as_of", "code"} <= set(file)
        assert file["proves"] and file["does_not_prove"]
        assert (file["as_of"] is None) == file["file"].endswith("log-goes-on.json")


def test_the_plums_may_be_read_in_their_proof(played_demo: Path, trust: Path, tallystick: Tallystick) -> None:
    verified = tallystick("verify", played_demo / "proofs" / "plums-registered.json", "--trust", trust, "--json")
    part = verified.json["files"][0]["revealed"]["declaration"]
    assert part["number"].endswith("519123456")
    assert (part["currency"], part["total_minor"]) == ("USD", 3_625_000)


def test_one_changed_file_fails_and_the_others_are_still_judged(
    story: dict[str, Any], trust: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    good, other = (next(Path(path) for path in story["proofs"] if path.endswith(name)) for name in ("plums-registered.json", "apply.json"))
    bad = tmp_path / "bad.json"
    document = json.loads(other.read_bytes())
    document["header"]["time"] += 1
    bad.write_text(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")
    verified = tallystick("verify", good, bad, "--trust", trust, "--json")
    assert verified.status == 1
    assert [file["ok"] for file in verified.json["files"]] == [True, False]
    assert verified.json["files"][1]["code"]


def test_what_is_no_proof_or_cannot_be_read_is_said(trust: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    (tmp_path / "text.json").write_bytes(b"\xff not json")
    assert tallystick("verify", tmp_path / "text.json", "--trust", trust, "--json").status == 1
    missing = tallystick("verify", tmp_path / "missing.json", "--trust", trust, "--json")
    assert (missing.status, missing.out) == (2, "")
    assert missing.err.startswith("tallystick: unreadable: ")


def test_verifying_needs_no_home_and_little_of_the_program(played_demo: Path, trust: Path, tmp_path: Path) -> None:
    copy = shutil.copy(played_demo / "proofs" / "refused.json", tmp_path)
    command = [sys.executable, "-m", "api.cli", "verify", copy, "--trust", str(trust)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(Path.cwd()), "PATH": ""})
    assert finished.returncode == 0, finished.stderr
    assert "holds" in finished.stdout


def test_a_bank_proves_its_record_and_reveals_what_it_opens(
    story: dict[str, Any], played_demo: Path, trust: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    record_id = record_of(story, "Bank A applies for a loan")
    for options in ([], ["--reveal"]):
        file = tmp_path / f"proof-{len(options)}.json"
        made = tallystick("prove", record_id, "--home", played_demo / "bank-a", "-o", file, "--json", *options)
        assert (made.status, made.json["kind"]) == (0, "record"), made.err
        verdict = tallystick("verify", file, "--trust", trust, "--json").json["files"][0]
        assert verdict["ok"] is True
        assert ("application" in verdict["revealed"]) == bool(options)


def test_a_proof_never_reveals_what_a_secret_part_holds(
    story: dict[str, Any], played_demo: Path, trust: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    consent = record_of(story, "exporters give banks")
    file = tmp_path / "consent.json"
    assert tallystick("prove", consent, "--reveal", "--home", played_demo / "authority", "-o", file).status == 0
    verdict = tallystick("verify", file, "--trust", trust, "--json").json["files"][0]
    assert verdict["ok"] is True
    assert set(verdict["revealed"]) == {"consent"}


def test_state_is_proven_present_and_absent(played_demo: Path, trust: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    for key, words in (("member/bank-a", "is"), ("declaration/" + "0" * 64, "no state entry")):
        file = tmp_path / "state.json"
        made = tallystick("prove", "--state", key, "--height", "20", "--home", played_demo / "auditor", "-o", file, "--json")
        assert (made.status, made.json["kind"]) == (0, "state"), made.err
        verdict = tallystick("verify", file, "--trust", trust, "--json").json["files"][0]
        assert verdict["ok"] is True
        assert verdict["as_of"]["height"] == 20
        assert words in " ".join(verdict["proves"])


def test_what_a_declaration_has_available_is_read_in_words_and_money(
    story: dict[str, Any], played_demo: Path, trust: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    declaration = declaration_of(story)
    for home, options, money in (("authority", ["--reveal"], True), ("authority", [], False), ("auditor", [], False)):
        file = tmp_path / "declaration.json"
        made = tallystick("prove", "--declaration", declaration, "--home", played_demo / home, "-o", file, "--json", *options)
        assert (made.status, made.json["kind"]) == (0, "bundle"), made.err
        verdict = tallystick("verify", file, "--trust", trust, "--json").json["files"][0]
        assert verdict["ok"] is True
        (figures,) = verdict["declarations"]
        assert figures["declaration"] == declaration
        assert (figures["registered"] == {"currency": "USD", "value": "36250.00"}) == money
        assert any("parts per million of its registered amount available" in sentence for sentence in verdict["proves"])
        assert any("what the shares" in sentence for sentence in verdict["does_not_prove"]) != money
        told = tallystick("verify", file, "--trust", trust)
        assert ("USD 36250.00" in told.out) == money


def test_one_part_may_be_revealed_without_the_others(
    story: dict[str, Any], played_demo: Path, trust: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    record_id, file = record_of(story, "Bank A applies for a loan"), tmp_path / "part.json"
    assert tallystick("prove", record_id, "--part", "application", "--home", played_demo / "bank-a", "-o", file).status == 0
    assert set(tallystick("verify", file, "--trust", trust, "--json").json["files"][0]["revealed"]) == {"application"}
    for name, code in (("letter", "unknown-part"), ("secret-grants", "part-is-secret")):
        refused = tallystick("prove", record_id, "--part", name, "--home", played_demo / "bank-a", "-o", tmp_path / "none.json")
        assert (refused.status, refused.err.split(": ")[1]) == (2 if code == "unknown-part" else 1, code)


def test_the_log_is_proven_to_go_on_from_an_earlier_block(played_demo: Path, trust: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    file = tmp_path / "since.json"
    made = tallystick("prove", "--since", "2", "--height", "9", "--home", played_demo / "auditor", "-o", file, "--json")
    assert (made.status, made.json["kind"]) == (0, "consistency"), made.err
    verdict = tallystick("verify", file, "--trust", trust, "--json").json["files"][0]
    assert (verdict["ok"], verdict["as_of"]) == (True, None)
    assert tallystick("verify", file, "--trust", trust).out.startswith(f"{file}: holds")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ([], 2),
        (["--state", "policy", "--since", "1"], 2),
        (["--state", "policy", "--reveal"], 2),
        (["--since", "1", "--part", "declaration"], 2),
        (["--declaration", "zz"], 2),
        (["--declaration", "0" * 64, "--reveal"], 1),
        (["--since", "9", "--height", "2"], 2),
        (["--since", "999999"], 1),
        (["--state", "member/bank-a", "0" * 64], 2),
        (["zz"], 2),
        (["0" * 64], 1),
        (["--state", "member/bank-a", "--height", "999999"], 1),
        (["--state", "银行"], 2),
    ],
)
def test_what_cannot_be_proven_leaves_no_file(
    played_demo: Path, tallystick: Tallystick, tmp_path: Path, arguments: list[str], status: int
) -> None:
    failed = tallystick("prove", *arguments, "--home", played_demo / "bank-a", "-o", tmp_path / "proof.json")
    assert failed.status == status
    assert failed.err.startswith("tallystick: ")
    assert list(tmp_path.iterdir()) == []
