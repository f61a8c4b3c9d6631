"""Trust files of a consortium: from genesis, and later ones from a checkpoint that holds under the one before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger import canonical
from ledger.errors import InputError, VerificationFailed
from ledger.proof import state_proof
from ledger.verify import verify
from ledger.verify.comet import Trust
from ledger.verify.engines import read_trust
from nodes.trust_files import later_trust, trust_document
from tests.ledger.comet.consortium import FOUR, block, checkpoint, public, seconds
from tests.ledger.small_ledger import GENESIS, START_MS, Solo, solo_ledger

NEW = {"bank-a": 10, "x": 10, "y": 10}
VALIDATORS = [{"member": name, "public": public(name), "power": power} for name, power in FOUR.items()]
CONSORTIUM = {**GENESIS, "engine": {"kind": "comet"}, "application": {**GENESIS["application"], "validators": VALIDATORS}}


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Solo]:
    with solo_ledger(tmp_path_factory.mktemp("trust") / "one.db") as found:
        found.put("a")
        yield found


def first(solo: Solo) -> dict[str, Any]:
    """Genesis' validators, of the small ledger's own network."""
    return {**trust_document(CONSORTIUM), "network": solo.author.network}


def as_trust(document: dict[str, Any]) -> Trust:
    found = read_trust(canonical.encode(document))
    assert isinstance(found, Trust)
    return found


def test_genesis_names_the_first_validators(solo: Solo) -> None:
    document = first(solo)
    assert (document["engine"], document["height"], document["time"], document["max_age_s"]) == ("comet", 1, START_MS, 31_536_000)
    assert [each["name"] for each in document["validators"]] == sorted(FOUR)
    with solo.store.reading() as reader:
        proof = state_proof(reader, "note/a", note=checkpoint(reader))
    assert verify(proof, canonical.encode(document)).ok


def test_no_witness_can_be_demanded_of_a_consortium() -> None:
    assert trust_document(CONSORTIUM, {"w": "11" * 32}) == trust_document(CONSORTIUM)
    with pytest.raises(InputError, match="too-few-witnesses"):
        trust_document(CONSORTIUM, {"w": "11" * 32}, 1)


@pytest.mark.parametrize("validators", [None, [1], [{}]])
def test_a_genesis_without_validators_is_refused(validators: Any) -> None:
    with pytest.raises(InputError, match="bad-genesis"):
        trust_document({**CONSORTIUM, "application": {"validators": validators}})
    with pytest.raises(InputError, match="bad-genesis"):
        trust_document({**CONSORTIUM, "application": {}})


def test_a_later_trust_file_names_the_validators_of_a_checkpoint(solo: Solo) -> None:
    document = first(solo)
    network = solo.author.network
    late = block(network, 99_000, bytes(32), next_powers=NEW)
    with solo.store.reading() as reader:
        text = checkpoint(reader, height=99_001, powers=NEW, steps=[late], by=["bank-a", "x", "y"])
        newest = checkpoint(reader, height=600_000, powers=NEW)
        proof, old = state_proof(reader, "note/a", note=newest), state_proof(reader, "note/a", note=checkpoint(reader))
    later = later_trust(as_trust(document), text, [{"member": "bank-a", "public": public("bank-a"), "power": 10}])
    assert (later["height"], later["time"]) == (99_001, seconds(99_001) * 1000 + 123)
    assert {each["public"]: each["name"] for each in later["validators"]} == {
        public("bank-a"): "bank-a",
        **{public(name): public(name)[:32] for name in ("x", "y")},
    }
    assert verify(proof, canonical.encode(later)).ok
    assert verify(proof, canonical.encode(document)).code == "trust-too-old"
    assert verify(old, canonical.encode(later)).code == "before-trust"


def test_a_checkpoint_that_does_not_hold_makes_no_trust_file(solo: Solo) -> None:
    with solo.store.reading() as reader:
        text = checkpoint(reader, powers=NEW, by=["x", "y", "bank-a"])
    with pytest.raises(VerificationFailed, match="validators-not-trusted"):
        later_trust(as_trust(first(solo)), text, [])
