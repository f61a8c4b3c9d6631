"""A rogue authority holds its whole home: its keys and its people's, what is sealed to it, and the keys of exporters in its custody.
Customs is another member, and so are the banks, who govern with it.
"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from ledger.keys import public_of
from nodes.author import SigningKey
from tests.api.business import WAIT
from tests.api.rules import UNKNOWN, Rules
from tests.api.served import Network
from tests.api.supervised import applied, granted, people
from tests.attacks.stolen import door, stored
from tests.attacks.test_rogue_registrar import registered
from tests.privacy.leak_search import search_tree, secrets_wanted
from tests.sealed_parts import demanded_parts


@pytest.mark.usefixtures("customs_answering")
def test_it_lends_nothing_and_approves_for_nobody(with_customs: Network) -> None:
    """It can sign any record as itself, and grant its own enquiry. It cannot hold, approve or pay out a share, nor register a declaration
    where customs does: nothing that a bank or customs does is done with its keys. Each attempt stands on the ledger under them.
    """
    network, rules = with_customs, Rules(with_customs)
    item = registered(network)
    granted(network, item)
    financing = str(applied(network, item, "36250.00").json()["id"])
    keys = people(network, "authority")
    declaration = {"declaration": f"{2**254:064x}", "ceiling_ppm": 1_000_000, "until": "2028-12", "replaces": []}
    kept = {"financing": financing, "shares": None}
    said = {
        "financing.intake": rules.code("authority", "financing.intake", kept),
        "financing.approve": rules.code("authority", "financing.approve", kept, *keys),
        "financing.disburse": rules.code("authority", "financing.disburse", kept | {"shares": [1_000_000], "final": True}, *keys),
        "declaration.register": rules.code("authority", "declaration.register", declaration),
        "enquiry.request": rules.code("authority", "enquiry.request", {"kind": "declarations"}),
    }
    assert said == dict.fromkeys(said, "not-permitted")
    assert network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()["state"] == "APPLIED"


def test_it_changes_no_rule_alone(with_customs: Network) -> None:
    """It can propose. It cannot pass a proposal without more than two thirds of the governors' weight; everybody sees what it proposed."""
    network, rules = with_customs, Rules(with_customs)
    before = network.sign_in("bank-a", "maker").get("/v1/policy").json()
    change = {"change": {"kind": "policy", "policy": {"hold_days_max": 20}}}
    proposed = network.sign_in("authority", "maker").post("/v1/governance/proposals", json=change, headers=WAIT)
    assert proposed.status_code == 201, proposed.text
    proposal = proposed.json()["id"]
    assert rules.code("authority", "governance.approve", {"proposal": proposal}) != "ok"
    network.await_head("bank-a")
    bank = network.sign_in("bank-a", "maker")
    assert bank.get(f"/v1/governance/proposals/{proposal}").json()["state"] == "OPEN"
    policy = network.sign_in("bank-a", "maker").get("/v1/policy").json()
    assert {name: value for name, value in policy.items() if name != "as_of"} == {
        name: value for name, value in before.items() if name != "as_of"
    }


def test_what_it_freezes_everybody_sees(with_customs: Network) -> None:
    """It can freeze a bank without any court. The order stands in every replica, and what was approved is paid out all the same
    (`tests/contracts/test_orders.py`); a lifted order leaves nothing behind but its two records.
    """
    network, rules = with_customs, Rules(with_customs)
    freeze = rules.done("authority", "order.freeze", {"target": {"kind": "member", "id": "bank-b"}, "digest": UNKNOWN})
    rules.await_all()
    for node in network.nodes.values():
        record = stored(node, freeze).record
        assert (record.type, record.body["target"]["id"]) == ("order.freeze", "bank-b")
    assert rules.code("bank-b", "enquiry.request", {"kind": "declarations"}) == "frozen"
    rules.done("authority", "order.lift", {"order": freeze, "digest": UNKNOWN})
    rules.done("bank-b", "enquiry.request", {"kind": "declarations"})


@pytest.mark.usefixtures("customs_answering")
def test_it_may_read_what_is_sealed_to_it_and_finds_no_secret_of_others(with_customs: Network) -> None:
    """It can read amounts, exporters and terms of every bank: it supervises to the lowest level. What its people read through its API is
    written down where they cannot take it out unseen (`tests/nodes/test_look_ups.py`), for the exporter too. It finds no password and no
    private key of another member.
    """
    network = with_customs
    item = registered(network, line_total="73012.55")
    granted(network, item)
    financing = str(applied(network, item, "61234.55").json()["id"])
    network.await_head("authority")
    read = network.sign_in("authority", "maker").get(f"/v1/records/{financing}")
    assert read.json()["parts"]["application"]["amount_minor"] == 6_123_455
    looked = network.sign_in("authority", "checker").get("/v1/look-ups", params={"limit": 500}).json()["items"]
    assert any(financing in str(each) for each in looked)
    others = {secret for (node, _), secret in network.secrets.items() if node != "authority"}
    assert search_tree(network.nodes["authority"].home.path, secrets_wanted(others, [])) == set()
    assert {info.id for info in network.nodes["authority"].keystore.list()}.isdisjoint(
        {info.id for info in network.nodes["bank-a"].keystore.list()}
    )


def test_it_can_speak_as_a_bank_but_not_unseen(with_customs: Network) -> None:
    """It can, by two of its people, give a bank a key that it holds itself, and sign with that. It cannot forge one that is there. The
    `key.add` and what followed stand in the bank's own replica under the authority's keys; the bank ends the key.
    """
    network, rules = with_customs, Rules(with_customs)
    private = generate_private_key(SECP256R1())
    public = public_of(private)
    entry = {"alg": public.alg, "public": public.public.hex(), "purpose": "service", "person": None}
    added = rules.done("authority", "key.add", {"member": "bank-b", "key": entry})
    author, operator = network.nodes["authority"].author, network.nodes["authority"]
    own = network.nodes["bank-b"].identity_key
    body = {"kind": "declarations"}
    forged = author.record("enquiry.request", body, [SigningKey(own.id, private)], demanded_parts("enquiry.request")).raw
    assert door(operator, forged) == "bad-signature"
    spoken = author.record("enquiry.request", body, [SigningKey(public.id, private)], demanded_parts("enquiry.request"))
    assert door(operator, spoken.raw) == "ok"
    rules.await_all()
    bank = network.nodes["bank-b"]
    assert stored(bank, added).record.signers == [key.id for key in people(network, "authority")]
    assert public.id in {key.id for key in bank.directory.keys("bank-b")}
    assert stored(bank, spoken.record_id).record.signers == [public.id]
    rules.done("bank-b", "key.revoke", {"key": public.id, "reason": "compromised"})
    again = author.record("enquiry.request", body, [SigningKey(public.id, private)], demanded_parts("enquiry.request"))
    assert door(operator, again.raw) == "key-not-alive"
