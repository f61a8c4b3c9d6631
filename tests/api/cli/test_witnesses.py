"""Trust files that demand witnesses, the witnesses that a node knows, and what a fork leaves behind."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.cli.running import RunningNode, listen
from ledger.errors import VerificationFailed
from nodes.enterprises import enrol, enrolment
from nodes.node import Node
from nodes.witnessing.checkpoints import Checkpoints
from nodes.witnessing.cosigned import CosignedNotes
from tests.api.cli.conftest import Tallystick, served
from tests.api.served import CHEAP

KEY = "5a" * 32


def test_a_trust_file_lists_the_witnesses_and_how_many_are_demanded(founded: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    home, file = founded / "bank-a", tmp_path / "trust.json"
    assert tallystick("trust", "--home", home, "-o", file).status == 0
    known = json.loads(file.read_bytes())
    assert ([each["name"] for each in known["witnesses"]], known["witnesses_required"]) == (["bank-a"], 0)
    made = tallystick("trust", "--home", home, "-o", file, "--witness", f"w.example/1:{KEY}", "--require", 1, "--json")
    assert (made.status, made.json["required"]) == (0, 1)
    assert json.loads(file.read_bytes())["witnesses"] == [{"name": "w.example/1", "public": KEY}]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--require", "2"], "too-few-witnesses"),
        (["--witness", "nobody"], "bad-witness"),
        (["--witness", "a b:" + KEY], "bad-witness"),
        (["--witness", "a:xyz"], "bad-witness"),
        (["--witness", f"a:{KEY}", "--witness", f"b:{KEY}"], "bad-witness"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_a_trust_file_that_nothing_could_satisfy_is_not_written(
    founded: Path, tallystick: Tallystick, tmp_path: Path, options: list[str], code: str
) -> None:
    refused = tallystick("trust", "--home", founded / "bank-a", "-o", tmp_path / "trust.json", *options)
    assert refused.status == 2
    assert f"tallystick: {code}: " in refused.err
    assert not (tmp_path / "trust.json").exists()


def test_whose_key_counts_is_said_by_hand(founded: Path, tallystick: Tallystick) -> None:
    home = founded / "authority"
    assert tallystick("witnesses", "add", f"w.example/1:{KEY}", "--home", home).status == 0
    listed = tallystick("witnesses", "list", "--home", home, "--json").json["items"]
    assert [(each["name"], each["source"]) for each in listed] == [("bank-a", "founding"), ("w.example/1", "admin")]
    twice = tallystick("witnesses", "add", f"w.example/2:{KEY}", "--home", home)
    assert (twice.status, "bad-witness" in twice.err) == (2, True)
    nothing = tallystick("witnesses", "accept", "bank-a", "--home", home)
    assert (nothing.status, "nothing-offered" in nothing.err) == (1, True)
    assert "unknown-witness" in tallystick("witnesses", "accept", "nobody", "--home", home).err


@contextmanager
def at_work(*homes: Path) -> Iterator[list[Node]]:
    """Homes that run as `tallystick serve` runs them, in this process."""
    with ExitStack() as stack:
        nodes = [Node.open(home, cost=CHEAP) for home in homes]
        for node in nodes:
            stack.enter_context(RunningNode(node, listen(node.config.api.host, node.config.api.port)))
        yield nodes


def enrol_one(authority: Node, name: str = "Somebody") -> None:
    enrol(enrolment("91210800MA0000001L", name), authority.author, authority.outbox, authority.directory, authority.identity_key)


def test_a_network_at_work_cosigns_by_itself_and_its_proofs_satisfy_who_demands_it(
    founded: Path, tallystick: Tallystick, tmp_path: Path
) -> None:
    proof, trust = tmp_path / "policy.proof.json", tmp_path / "trust.json"
    authority, bank = founded / "authority", founded / "bank-a"
    assert tallystick("trust", "--home", authority, "-o", trust, "--require", 1).status == 0
    with at_work(authority, bank) as (operator, _):
        enrol_one(operator)
        notes, end = CosignedNotes(operator.private), time.monotonic() + 120
        while not notes.cosigners_above(0):
            assert time.monotonic() < end, "the bank's node cosigned nothing"
            time.sleep(0.1)
    assert tallystick("prove", "--state", "policy", "--home", authority, "-o", proof).status == 0
    verified = tallystick("verify", proof, "--trust", trust)
    assert verified.status == 0, verified.out + verified.err
    assert "bank-a" in verified.out
    assert tallystick("witnesses", "list", "--home", authority, "--json").json["items"][0]["size"] > 1


def test_the_evidence_of_a_fork_is_a_file_that_a_stranger_verifies(founded: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    """The same home was run twice: each copy's operator signed a block of its own."""
    authority, file = founded / "authority", tmp_path / "fork.json"
    twin = Path(shutil.copytree(authority, tmp_path / "twin"))
    notes = []
    for home, name in ((authority, "Somebody"), (twin, "Somebody Else")):
        with Node.open(home, cost=CHEAP) as node:
            enrol_one(node, name)
            with node.store.reading() as reader:
                notes.append(reader.checkpoint() or "")
    with Node.open(authority, cost=CHEAP) as node, pytest.raises(VerificationFailed, match="fork-seen"):
        Checkpoints(node).observe(notes[1], "a friend")
    assert tallystick("audit", "--home", authority, "--json").json["findings"][0]["code"] == "fork-seen"
    assert tallystick("serve", "--home", authority).status == 1
    assert tallystick("evidence", "--home", authority, "-o", file).status == 0
    verified = tallystick("verify", file, "--trust", authority / "trust.json", "--json")
    assert verified.status == 0, verified.out
    assert "two histories" in verified.json["files"][0]["proves"][0]


def test_a_home_that_knows_nothing_against_its_operator_has_no_evidence(founded: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    with served(founded / "authority"):
        pass
    refused = tallystick("evidence", "--home", founded / "authority", "-o", tmp_path / "fork.json")
    assert (refused.status, "no-evidence" in refused.err) == (1, True)
