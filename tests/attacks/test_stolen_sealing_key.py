"""A thief holds a copy of a bank's sealing key, as it lay in its home, and a replica of the ledger, as every member has one."""

from __future__ import annotations

import pytest

from nodes.author import SigningKey
from nodes.keys.sealing_key import renew_sealing_key
from nodes.keys.staff import StaffKeys
from nodes.sealing import SealingKeys, open_part
from tests.api.business import answered, consented
from tests.api.rules import Rules
from tests.api.served import EXPORTER_USCC, Network
from tests.api.supervised import applied, declared, granted, people
from tests.attacks.stolen import door, opening, stored
from tests.nodes.lending import caller_of
from tests.sealed_parts import demanded_parts


def opens(network: Network, record_id: str, part: str, keys: SealingKeys) -> bool:
    """Whether a part opens with these keys, out of the auditor's replica, which can open nothing itself."""
    network.await_head("auditor")
    return open_part(stored(network.nodes["auditor"], record_id).record.core, part, keys) is not None


@pytest.mark.usefixtures("answering")
def test_it_opens_what_was_sealed_to_it_and_nothing_else_and_signs_nothing(network: Network, rules: Rules) -> None:
    """The thief can read all that was sealed to the bank until now, for good, and nobody sees it read. It cannot read what is sealed to
    others, use the grants that it reads, or sign. After the bank's two people made another key, which all see, nothing new opens; the
    bank goes on reading both.
    """
    victim = network.nodes["bank-b"]
    copied = dict(victim.sealing_keys)
    item = declared(network, total="48000.00")
    enquiry = _answer(network, item)
    own = str(applied(network, item, "4000.00", "bank-b").json()["id"])
    other_item = declared(network)
    granted(network, other_item)
    others = str(applied(network, other_item, "5000.00").json()["id"])
    assert opens(network, enquiry, "answer", copied)
    assert opens(network, own, "application", copied)
    assert not opens(network, others, "application", copied)
    terms = opening(victim, item["declaration_id"])
    assert rules.code("bank-a", "financing.apply", rules.application(terms, 1_000)) == "grant-unknown"
    (seal_id,) = [key for key in copied if (found := victim.directory.key(key)) is not None and found.alive]
    forger = people(network, "bank-a")[0].private
    signed = victim.author.record(
        "enquiry.request", {"kind": "declarations"}, [SigningKey(seal_id, forger)], demanded_parts("enquiry.request")
    )
    assert door(network.nodes["authority"], signed.raw) == "key-purpose"

    keys = StaffKeys(victim.member, victim.directory, victim.author, victim.outbox.send)
    maker, checker = (caller_of(victim, user, network.secrets["bank-b", user]) for user in ("maker", "checker"))
    renewed = renew_sealing_key(victim, keys, maker, checker, "compromised")
    assert renewed.revoked == [seal_id]
    rules.await_all()
    for node in network.nodes.values():
        dead, alive = node.directory.key(seal_id), node.directory.key(renewed.id)
        assert dead is not None and alive is not None and (dead.alive, alive.alive) == (False, True)
    later = _answer(network, declared(network))
    assert not opens(network, later, "answer", copied)
    assert opens(network, later, "answer", victim.sealing_keys) and opens(network, enquiry, "answer", victim.sealing_keys)
    told = network.sign_in("bank-b", "maker")
    for record in (enquiry, later):
        assert told.get(f"/v1/records/{record}").json()["parts"]["answer"]


def _answer(network: Network, item: dict[str, str]) -> str:
    """An enquiry of the bank's, answered: the id of the answer's record."""
    lines = [{"number": item["number"], "exporter_uscc": EXPORTER_USCC}]
    enquiry = answered(network, consented(network, "bank-b"), lines, "bank-b")
    assert enquiry["state"] == "answered"
    return str(enquiry["record_id"])
