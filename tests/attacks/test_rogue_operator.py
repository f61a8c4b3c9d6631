"""A rogue operator of a `solo` network holds the key that signs the log, orders every record, and runs as many ledgers as it likes. It
holds no other member's keys.
"""

from __future__ import annotations

import pytest

from ledger import canonical
from ledger.errors import VerificationFailed
from ledger.verify import verify
from nodes.proofs import Proofs
from nodes.trust_files import trust_document
from nodes.witnessing.checkpoints import Checkpoints
from nodes.witnessing.witness import Witness
from tests.api.test_forked import TwoFaced, gossip, require_found_out
from tests.attacks.stolen import door, size_of_log
from tests.sealed_parts import demanded_parts


def test_it_shows_two_banks_two_histories_until_they_compare(two_faced: TwoFaced) -> None:
    """It can: each bank's replica accepts what it is shown, and a reader whose trust file demands no witness believes either. It cannot
    make them one again: what a bank signed names the history that it knows. Seen as soon as the banks ask each other, for good, by a file
    that convinces a stranger.
    """
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.twin, two_faced.bank_b)
    heads = []
    for node in (two_faced.bank_a, two_faced.bank_b):
        with node.store.reading() as reader:
            heads.append((reader.head.height, reader.head.log_root))
    assert heads[0][0] == heads[1][0] and heads[0][1] != heads[1][1]
    node = two_faced.bank_a
    body, parts = {"kind": "declarations"}, demanded_parts("enquiry.request")
    of_one_history = node.author.record("enquiry.request", body, [node.identity_key], parts).raw
    assert door(two_faced.twin, of_one_history) == "unknown-seen"
    assert door(two_faced.honest, of_one_history) == "ok"
    with pytest.raises(VerificationFailed, match="fork-seen"):
        gossip(two_faced.bank_a)
    require_found_out(two_faced, two_faced.bank_a)


def test_a_reader_who_demands_a_witness_is_not_fooled(two_faced: TwoFaced) -> None:
    """It can hand a stranger a proof out of either history. It cannot get a bank's cosignature under the one that the bank was not shown,
    so a trust file that demands one tells them apart.
    """
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.twin, two_faced.bank_b)
    witness, key = Witness(two_faced.bank_a), two_faced.bank_a.witness_key
    assert key is not None
    note = witness.cosign_newest()
    assert note is not None
    witness.hand_in(note)
    careless, careful = (canonical.encode(trust_document(two_faced.founded.genesis, {"bank-a": key.public.hex()}, k)) for k in (0, 1))
    shown, other = (Proofs(node.store, node.private).state("policy") for node in (two_faced.honest, two_faced.twin))
    assert [verify(proof, careless).ok for proof in (shown, other)] == [True, True]
    assert verify(shown, careful).ok
    assert verify(other, careful).code == "witnesses-missing"


def test_it_takes_nothing_back(two_faced: TwoFaced) -> None:
    """It can go on from an old copy of its ledger, as if what came after had never been. Whoever holds more knows: the first note of the
    other history, shown to a bank, is a fork.
    """
    for _ in range(3):
        two_faced.grow(two_faced.honest, two_faced.bank_a)
    assert size_of_log(two_faced.twin) < size_of_log(two_faced.bank_a)
    two_faced.grow(two_faced.twin)
    with two_faced.twin.store.reading() as reader:
        note = reader.checkpoint() or ""
    with pytest.raises(VerificationFailed, match="fork-seen"):
        Checkpoints(two_faced.bank_a).observe(note, "a member")
    require_found_out(two_faced, two_faced.bank_a)
