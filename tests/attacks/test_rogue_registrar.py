"""A rogue registrar holds customs' whole home: its keys, the registry key, and what it registered. The authority is another member."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.business import WAIT, answered, await_record, consented, row, signed
from tests.api.rules import SALT, UNKNOWN, Rules
from tests.api.served import EXPORTER_USCC, Network
from tests.api.supervised import PLEDGE, alerts, applied, one_alert
from tests.attacks.stolen import stored


def registered(network: Network, **fields: str) -> dict[str, Any]:
    """What the registrar says, with nothing behind it: one result of its import."""
    answer = network.sign_in("customs", "maker").post("/v1/declaration-imports", json=[{**row(), **fields}], headers=WAIT)
    (item,) = answer.json()["items"]
    network.await_head("customs")
    return dict(item)


def asked(network: Network, item: dict[str, Any]) -> None:
    enquiry = answered(network, consented(network), [{"number": item["number"], "exporter_uscc": EXPORTER_USCC}])
    assert enquiry["lines"][0]["result"] == "match", enquiry


@pytest.mark.usefixtures("customs_answering")
def test_a_shipment_that_never_was_can_be_lent_on_and_its_exporter_finds_it(with_customs: Network) -> None:
    """It can register what was never shipped, and a bank can lend on it. It cannot do so unseen: the record is signed by customs alone, the
    exporter finds it in its own list and disputes it, which is an alert. Without the exporter's consent no bank can hold a share.
    """
    network = with_customs
    item = registered(network)
    network.await_head("exporter-a")
    exporter = network.sign_in("exporter-a", "maker")
    mine = exporter.get(f"/v1/declarations/{item['declaration_id']}").json()
    assert mine["number"] == item["number"]
    asked(network, item)
    assert applied(network, item, "36250.00").status_code == 201
    signers = stored(network.nodes["bank-b"], mine["record_id"]).record.signers
    assert signers == [network.nodes["customs"].identity_key.id]
    disputed = exporter.post("/v1/disputes", json={"record": mine["record_id"], "statement": "this is not our cargo"})
    assert disputed.status_code == 201, disputed.text
    assert one_alert(network, "dispute-opened", mine["record_id"])["details"]["by_exporter"]


def test_a_number_registers_once_and_one_shipment_under_two_numbers_is_seen(with_customs: Network) -> None:
    """It cannot register a number twice. It can register one shipment under two numbers, which defeats uniqueness; the authority, which
    opens the bill of lading, is told so.
    """
    network = with_customs
    first = registered(network, bill_of_lading="BL-4711")
    assert registered(network, declaration_number=first["number"])["result"] == "already-registered"
    assert Rules(network).code("customs", "declaration.register", _declaration(first["declaration_id"])) == "already-registered"
    assert alerts(network, "refused-duplicate", first["declaration_id"])
    second = registered(network, bill_of_lading="BL-4711")
    assert second["result"] == "ok"
    assert one_alert(network, "same-shipment", second["declaration_id"])["details"]["other"] == first["declaration_id"]


@pytest.mark.usefixtures("customs_answering")
def test_voiding_makes_no_use_disappear(with_customs: Network) -> None:
    """It can void a declaration under a loan. It cannot make the use go away, nor keep what was approved from being paid out; every
    holder is told, and it is an alert.
    """
    network = with_customs
    item = registered(network)
    asked(network, item)
    financing = str(applied(network, item, "36250.00").json()["id"])
    maker = network.sign_in("bank-a", "maker")
    assert maker.post(f"/v1/financings/{financing}/intake", json={}).status_code == 200
    signed(network, maker.post(f"/v1/financings/{financing}/approve", json={"pledge": PLEDGE}))
    path = f"/v1/declarations/{item['declaration_id']}/void"
    voided = network.sign_in("customs", "maker").post(path, json={"reason": "error"})
    assert voided.status_code == 200, voided.text
    await_record(network, "bank-a", voided.json()["record_id"])
    days = {"disbursed_on": "2026-10-27", "matures_on": "2027-01-27", "reference": "D-1"}
    paid = signed(network, maker.post(f"/v1/financings/{financing}/disburse", json=days))
    assert paid["result"]["code"] == "ok"
    await_record(network, "bank-a", paid["record_id"])
    assert maker.get(f"/v1/financings/{financing}").json()["state"] == "DISBURSED"
    assert one_alert(network, "voided-under-financing", item["declaration_id"])
    assert one_alert(network, "disbursement-flagged", financing)


def test_it_does_nothing_but_register(with_customs: Network) -> None:
    """It cannot answer, freeze, suspend, enrol, or take a consent back; of an enrolment it reads the credit code and the key that it
    seals to, and no name. What it tried stands on the ledger.
    """
    network, rules = with_customs, Rules(with_customs)
    consent = rules.consent()
    attempts: dict[str, dict[str, Any]] = {
        "enquiry.take": {"request": rules.request(), "consent": consent, "salt": SALT},
        "consent.revoke": {"consent": consent},
        "order.freeze": {"target": {"kind": "member", "id": "bank-b"}, "digest": UNKNOWN},
        "member.suspend": {"member": "bank-b", "reason": "breach"},
        "enterprise.enrol": {},
    }
    assert {kind: rules.code("customs", kind, body) for kind, body in attempts.items()} == dict.fromkeys(attempts, "not-permitted")
    parts = network.sign_in("customs", "maker").get(f"/v1/records/{network.exporter}").json()["parts"]
    assert {name: set(content) for name, content in parts.items()} == {"registry": {"v", "registrar", "enterprise", "uscc", "seal"}}


def _declaration(declaration: str) -> dict[str, Any]:
    return {"declaration": declaration, "ceiling_ppm": 1_000_000, "until": "2028-12", "replaces": []}
