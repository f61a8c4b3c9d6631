"""A rogue bank holds its whole home (its keys and its people's, its replica, its private database) and a program that makes any record. It
is alone: no other member helps it.
"""

from __future__ import annotations

import pytest

from nodes.author import SigningKey
from tests.api.business import WAIT
from tests.api.rules import SALT, UNKNOWN, Rules
from tests.api.served import Network, problem
from tests.api.supervised import alerts, approved, declared, disbursed, forged, granted, one_alert, people
from tests.attacks.stolen import door, opening, size_of_log, stored
from tests.privacy.leak_search import search_tree, secrets_wanted
from tests.sealed_parts import demanded_parts


@pytest.mark.usefixtures("answering")
def test_it_finances_nothing_twice_and_nothing_beyond_what_is_left(network: Network, rules: Rules) -> None:
    """It can ask. It cannot hold or draw a share that is not there, whoever uses the rest. Each attempt stands under its keys in every
    replica, and is an alert.
    """
    item = declared(network)
    for bank in ("bank-a", "bank-b"):
        granted(network, item, bank)
    disbursed(network, approved(network, item, "29000.00", "bank-b"), "bank-b")
    terms = opening(network.nodes["bank-a"], item["declaration_id"])
    attempt, code = rules.put("bank-a", "financing.apply", rules.application(terms, 1_000_000))
    assert code == "exceeds-available"
    financing = rules.applied(terms, 200_000)
    assert rules.code("bank-a", "financing.apply", rules.application(terms, 1_000)) == "too-many-holds"
    for step in ("intake", "approve"):
        rules.done("bank-a", f"financing.{step}", {"financing": financing, "shares": None})
    drawn = {"financing": financing, "shares": [201_000], "final": True}
    assert rules.code("bank-a", "financing.disburse", drawn) == "exceeds-hold"
    rules.done("bank-a", "financing.disburse", drawn | {"shares": [200_000]})
    assert rules.code("bank-a", "financing.disburse", drawn | {"shares": [1_000]}) == "wrong-state"
    rules.await_all()
    seen = stored(network.nodes["auditor"], attempt)
    assert (seen.result["code"], seen.record.signers) == ("exceeds-available", [network.nodes["bank-a"].identity_key.id])
    assert "bank-a" in {each["bank"] for each in alerts(network, "over-limit-attempt", item["declaration_id"])}
    assert alerts(network, "double-attempt", item["declaration_id"])


def test_it_speaks_for_nobody_else_and_moves_nothing_of_others(network: Network, rules: Rules) -> None:
    """It can send any bytes to anyone. It cannot use another's grant, move another's financing, register, freeze, suspend, take an enquiry
    or revoke; nor sign with a key that it does not hold, nor send what another signed again. What its own keys signed stands on the
    ledger with its refusal; the rest leaves nothing.
    """
    theirs = rules.grant(rules.declaration(), "bank-b")
    financing = rules.applied(theirs, 100_000, "bank-b")
    declaration = {"declaration": f"{2**255:064x}", "ceiling_ppm": 1_000_000, "until": "2028-12", "replaces": []}
    freeze = {"target": {"kind": "member", "id": "bank-b"}, "digest": UNKNOWN}
    attempts = [
        ("financing.apply", rules.application(theirs, 1_000)),
        ("financing.intake", {"financing": financing, "shares": None}),
        ("financing.approve", {"financing": financing, "shares": None}),
        ("financing.cancel", {"financing": financing, "reason": "withdrawn"}),
        ("declaration.register", declaration),
        ("enquiry.take", {"request": rules.request(), "consent": theirs["consent"], "salt": SALT}),
        ("order.freeze", freeze),
        ("member.suspend", {"member": "bank-b", "reason": "breach"}),
        ("consent.revoke", {"consent": theirs["consent"]}),
    ]
    said = {kind: rules.code("bank-a", kind, body) for kind, body in attempts}
    assert said.pop("financing.apply") == "grant-unknown"
    assert set(said.values()) == {"not-permitted"}, said
    node, authority = network.nodes["bank-a"], network.nodes["authority"]
    before = size_of_log(authority)
    maker, _ = people(network, "bank-a")
    as_authority = node.author.record(
        "order.freeze", freeze, [SigningKey(authority.identity_key.id, maker.private)], demanded_parts("order.freeze")
    ).raw
    again = stored(node, financing).record.raw
    for raw, at_the_door in ((as_authority, "bad-signature"), (again, "repeat")):
        refused = network.sign_in("bank-a", "core").post("/v1/records", content=raw, headers=WAIT)
        assert problem(refused)["code"] == "not-your-record"
        assert door(authority, raw) == at_the_door
    assert size_of_log(authority) == before


@pytest.mark.usefixtures("answering")
def test_it_reads_nothing_of_what_it_was_not_told(network: Network) -> None:
    """It can read every byte of its home. It finds neither the number of a declaration that it was not answered about, nor what another
    bank lent on one that it was. Nobody sees it look.
    """
    untold, shared = declared(network, total="48151.62"), declared(network)
    granted(network, untold, "bank-b")
    for bank in ("bank-a", "bank-b"):
        granted(network, shared, bank)
    disbursed(network, approved(network, shared, "12345.67", "bank-b"), "bank-b")
    network.await_head("bank-a")
    wanted = secrets_wanted([untold["number"]], [(4_815_162, 2), (1_234_567, 2)])
    assert search_tree(network.nodes["bank-a"].home.path, wanted) == set()
    found = {hit.secret for hit in search_tree(network.nodes["bank-b"].home.path, wanted)}
    assert found >= {untold["number"], "1234567"}, "the search finds them where they belong"


@pytest.mark.usefixtures("answering")
def test_a_smaller_share_than_it_lends_is_seen_by_the_authority(network: Network) -> None:
    """It can claim a smaller share than the amount that it seals: the rules see shares only. The authority, which opens the amount, is told
    so by an alert. What it seals to nobody is an alert too.
    """
    item, other = declared(network), declared(network)
    granted(network, item)
    granted(network, other)
    small = forged(network, item, share=10_000, amount_minor=3_000_000)
    assert one_alert(network, "amount-off-share", small)["bank"] == "bank-a"
    closed = forged(network, other, share=10_000, amount_minor=362_500, readable=False)
    assert one_alert(network, "part-unreadable", closed)["details"]["code"] == "not-for-the-authority"
