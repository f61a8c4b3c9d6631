"""No byte of a proof file under a consortium's checkpoint changes unnoticed but the line end after the document: every signature that is
given has to hold. Tried as in `test_every_byte`: at some places with some values, or with `TALLYSTICK_DEEP=1` all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.proof import bundle_file, consistency_file, fork_file, record_proof, state_proof
from ledger.verify import verify
from tests.ledger.comet.consortium import block, checkpoint, trust_file
from tests.ledger.small_ledger import solo_ledger
from tests.ledger.verify.test_every_byte import changes

NEW = {"x": 20, "y": 20, "z": 20}
KINDS = ["record", "state", "consistency", "fork", "bundle"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    path: Path = tmp_path_factory.mktemp("bytes")
    with solo_ledger(path / "one.db") as one, solo_ledger(path / "other.db") as other:
        one.put("a", "b", "c")
        (answer,) = one.send(one.author.put("d"))
        other.put("x", "y")
        network = one.author.network
        with one.store.reading() as reader, other.store.reading() as elsewhere:
            step = block(network, 8, bytes(32), next_powers=NEW, by=["bank-a", "bank-b", "bank-c"])
            led = checkpoint(reader, steps=[step], height=9, powers=NEW)
            sides = [
                {"checkpoint": checkpoint(found, height=9, by=by), "header": None, "inclusion": None}
                for found, by in ((reader, ["bank-a", "bank-b", "port"]), (elsewhere, ["bank-b", "bank-c", "port"]))
            ]
            found = {
                "record": record_proof(reader, answer.record_id, note=led),  # type: ignore[union-attr]  # it was taken
                "state": state_proof(reader, "note/a", note=led),
                "consistency": consistency_file(reader, checkpoint(reader, 1, round_=1), led),
                "fork": fork_file(*sides),
            }
            found["bundle"] = bundle_file(network, [found["state"], found["consistency"]])
    return network, {name: document + b"\n" for name, document in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_changes_unnoticed(files: tuple[str, dict[str, bytes]], kind: str) -> None:
    network, documents = files
    document, trusted = documents[kind], trust_file(network)
    before = verify(document, trusted)
    assert before.ok, before.code
    for at, other in changes(document, kind):
        after = verify(other, trusted)
        if after.ok:
            assert at == len(document) - 1, (at, document[max(0, at - 30) : at + 30])
            assert after == before
