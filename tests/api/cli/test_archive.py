from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.cli.homes import reading
from ledger import canonical
from ledger.checkpoint import parse_note
from ledger.clock import SystemClock
from ledger.witness import WitnessKey
from nodes.witnessing.cosigned import CosignedNotes
from nodes.witnessing.witnesses import Witnesses
from tests.api.cli.conftest import Tallystick, served
from tests.ports import free_ports

WORDS = "three geese over the salt marsh"


@pytest.fixture(scope="module")
def archive(played_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's ledger, exported by a bank."""
    file = tmp_path_factory.mktemp("archive") / "ledger.tally"
    command = [sys.executable, "-m", "api.cli", "export", "--home", str(played_demo / "bank-a"), "-o", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file


def lines_of(archive: Path) -> list[bytes]:
    """The lines of an archive, without the cosignatures of the first one, of which each home knows its own."""
    first, *blocks = gzip.decompress(archive.read_bytes()).splitlines()
    opening = json.loads(first)
    opening["checkpoint"] = json.loads(blocks[-1])["checkpoint"]
    return [canonical.encode(opening), *blocks]


def test_a_bank_leaves_with_the_whole_ledger(
    story: dict[str, Any], played_demo: Path, tallystick: Tallystick, archive: Path, tmp_path: Path
) -> None:
    exported = tallystick("export", "--home", played_demo / "authority", "-o", tmp_path / "again.tally", "--json")
    assert exported.status == 0, exported.err
    assert (exported.json["height"], exported.json["network"]) == (story["height"], story["network"])
    status = (tmp_path / "again.tally").stat()
    assert (exported.json["bytes"], status.st_mode & 0o777) == (status.st_size, 0o600)
    lines = lines_of(archive)
    assert lines_of(tmp_path / "again.tally") == lines
    assert len(lines) == story["height"] + 1
    assert sum(len(json.loads(line)["records"]) for line in lines[1:]) == exported.json["records"]


def test_an_archive_is_verified_with_its_trust_file_alone(story: dict[str, Any], played_demo: Path, archive: Path, tmp_path: Path) -> None:
    copy, trust = shutil.copy(archive, tmp_path), shutil.copy(played_demo / "trust.json", tmp_path)
    command = [sys.executable, "-m", "api.cli", "verify", str(copy), str(story["proofs"][0]), "--trust", str(trust), "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(Path.cwd()), "PATH": ""})
    assert finished.returncode == 0, finished.stderr
    document = json.loads(finished.stdout)
    found, proof = document["files"]
    assert document["ok"] and found["ok"] and proof["ok"]
    assert (found["file"], found["code"], found["as_of"]["height"]) == (str(copy), None, story["height"])
    assert found["proves"] and found["does_not_prove"]


def test_a_changed_archive_does_not_hold_and_says_so(played_demo: Path, tallystick: Tallystick, archive: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(archive.read_bytes()).splitlines(keepends=True)
    # Two blocks are swapped, with the checksum made good again.
    lines[5], lines[6] = lines[6], lines[5]
    changed = tmp_path / "changed.tally"
    with changed.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        packed.writelines(lines)
    verified = tallystick("verify", changed, "--trust", played_demo / "trust.json", "--json")
    assert verified.status == 1
    assert {**verified.json["files"][0], "ok": False, "code": "block-missing", "first_bad_height": 5} == verified.json["files"][0]
    told = tallystick("verify", changed, "--trust", played_demo / "trust.json")
    assert told.status == 1 and "DOES NOT HOLD: block-missing, first at height 5" in told.out


def test_an_earlier_height_can_be_exported_and_one_that_is_not_there_is_named(
    story: dict[str, Any], played_demo: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    file = tmp_path / "early.tally"
    early = tallystick("export", "--home", played_demo / "auditor", "-o", file, "--to-height", "7", "--json")
    assert early.status == 0 and early.json["height"] == 7
    assert tallystick("verify", file, "--trust", played_demo / "trust.json", "--json").json["files"][0]["as_of"]["height"] == 7
    late = tallystick("export", "--home", played_demo / "auditor", "-o", tmp_path / "late.tally", "--to-height", "9999")
    assert late.status == 1 and late.err.startswith("tallystick: unknown-height: ") and f"heights 1 to {story['height']}" in late.err
    assert not (tmp_path / "late.tally").exists()
    assert not list(tmp_path.glob(".*"))


def test_without_keys_a_ledger_at_rest_is_audited_proven_from_and_exported(
    story: dict[str, Any], played_demo: Path, tallystick: Tallystick, archive: Path, tmp_path: Path
) -> None:
    home = tmp_path / "rest"
    restored = tallystick("restore", archive, "--home", home, "--trust", played_demo / "trust.json", "--json")
    assert restored.status == 0, restored.err
    assert (restored.json["engine"], restored.json["height"], restored.json["network"]) == ("none", story["height"], story["network"])
    audited = tallystick("audit", "--home", home, "--json")
    assert audited.status == 0 and audited.json["height"] == story["height"]
    record_id = next(each for scene in story["scenes"] for each in scene["record_ids"])
    assert tallystick("prove", record_id, "--home", home, "-o", tmp_path / "proof.json").status == 0
    assert tallystick("verify", tmp_path / "proof.json", "--trust", played_demo / "trust.json").status == 0
    assert tallystick("export", "--home", home, "-o", tmp_path / "again.tally").status == 0
    assert lines_of(tmp_path / "again.tally") == lines_of(archive)
    served_at_rest = tallystick("serve", "--home", home, "--port", free_ports(1))
    assert served_at_rest.status == 1 and served_at_rest.err.startswith("tallystick: ledger-at-rest: ")


def proposed(tallystick: Tallystick, home: Path, secrets: Path, days: int) -> Any:
    """Something for the ledger, by a maker of the home's member."""
    secret = secrets / f"{home.name}.maker.secret"
    change = json.dumps({"kind": "policy", "policy": {"hold_days_max": days}})
    return tallystick("governance", "propose", change, "--home", home, "--user", "maker", "--secret-file", secret, "--json")


def test_members_go_on_from_an_archive_with_a_backup_or_an_old_home(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    passphrase, archive, backup = tmp_path / "passphrase", tmp_path / "ledger.tally", tmp_path / "authority.backup"
    passphrase.write_text(WORDS + "\n", encoding="utf-8")
    assert proposed(tallystick, founded / "authority", founded, 20).status == 0
    assert tallystick("export", "--home", founded / "authority", "-o", archive).status == 0
    made = tallystick("backup", "--home", founded / "authority", "-o", backup, "--passphrase-file", passphrase)
    assert made.status == 0, made.err
    options = ["--keys", backup, "--passphrase-file", passphrase, "--json"]
    authority = tallystick("restore", archive, "--home", tmp_path / "authority", *options)
    assert authority.status == 0, authority.err
    assert [authority.json[name] for name in ("node", "engine", "height", "records", "read")] == ["authority", "solo", 1, 1, 1]
    bank = tallystick("restore", archive, "--home", tmp_path / "bank-a", "--keys", founded / "bank-a")
    assert bank.status == 0, bank.err
    assert "Never run it beside" in bank.out and authority.json["network"] in bank.out
    with served(tmp_path / "authority", tmp_path / "bank-a"):
        again = proposed(tallystick, tmp_path / "bank-a", founded, 21)
        assert again.status == 0, again.err
    for home in ("authority", "bank-a"):
        audited = tallystick("audit", "--home", tmp_path / home, "--json")
        assert (audited.status, audited.json["height"]) == (0, 2)


def test_an_archive_ends_with_the_cosignatures_that_its_home_knows(tallystick: Tallystick, founded: Path, tmp_path: Path) -> None:
    home, archive, trust = founded / "authority", tmp_path / "ledger.tally", tmp_path / "trust.json"
    assert proposed(tallystick, home, founded, 20).status == 0
    alone = tallystick("export", "--home", home, "-o", archive, "--cosigned")
    assert alone.status == 1 and alone.err.startswith("tallystick: not-cosigned: ")
    witness = WitnessKey("watcher", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    with reading(home) as opened, opened.store.reading() as reader:
        Witnesses(opened.private, SystemClock()).announce("watcher", witness.public.hex(), "member")
        note = reader.checkpoint() or ""
        CosignedNotes(opened.private).keep(reader, parse_note(note).checkpoint.size, [witness.cosign(note, 1_700_000_000)])
    assert proposed(tallystick, home, founded, 21).status == 0
    believed = json.loads((home / "trust.json").read_bytes())
    believed.update(witnesses=[{"name": "watcher", "public": witness.public.hex()}], witnesses_required=1)
    trust.write_bytes(canonical.encode(believed))
    for options, height, code in (([], 2, "witnesses-missing"), (["--to-height", "1"], 1, None), (["--cosigned"], 1, None)):
        exported = tallystick("export", "--home", home, "-o", archive, *options, "--json")
        assert (exported.status, exported.json["height"]) == (0, height), exported.err
        (found,) = tallystick("verify", archive, "--trust", trust, "--json").json["files"]
        assert found["code"] == code
        assert code or any("cosigned by watcher" in each for each in found["proves"])
    assert tallystick("export", "--home", home, "-o", archive, "--cosigned", "--to-height", "1").status == 2


def test_what_cannot_be_read_or_is_no_archive_makes_no_home(
    played_demo: Path, tallystick: Tallystick, archive: Path, tmp_path: Path
) -> None:
    home = tmp_path / "new"
    missing = tallystick("restore", tmp_path / "missing", "--home", home)
    assert (missing.status, missing.out) == (2, "") and missing.err.startswith("tallystick: unreadable: ")
    proof = tallystick("restore", played_demo / "trust.json", "--home", home)
    assert proof.status == 1 and proof.err.startswith("tallystick: archive-damaged: ")
    there = tallystick("restore", archive, "--home", played_demo / "bank-a")
    assert there.status == 1 and there.err.startswith("tallystick: home-not-empty: ")
    assert not home.exists()
