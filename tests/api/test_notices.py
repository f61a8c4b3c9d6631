"""What changed under a bank's financings, as it learns it over HTTP from its own node; and what the views of declarations say then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.business import imported, row
from tests.api.served import Network, problem
from tests.api.supervised import applied, approved, declared, disbursed, granted, usd

pytestmark = pytest.mark.usefixtures("answering")
PAPER = {"document_sha256": "cd" * 32, "issuer": "Customs Police", "reference": "7"}


def noticed(network: Network, financing: str, bank: str = "bank-a") -> list[dict[str, Any]]:
    """A financing's notices, the oldest first."""
    network.await_head(bank)
    found = network.sign_in(bank, "maker").get("/v1/notices", params={"limit": "500"}).json()["items"]
    return [each for each in reversed(found) if each["financing_id"] == financing]


def kinds(network: Network, financing: str, bank: str = "bank-a") -> list[str]:
    return [each["kind"] for each in noticed(network, financing, bank)]


def replaced(network: Network, number: str, total: str = "72500.00") -> dict[str, Any]:
    """Another declaration that takes a declaration's place, as its import reported it."""
    (item,) = imported(network, {**row(total=total), "replaces": number})
    assert item["result"] == "ok", item
    network.await_head("authority")
    return item


def test_a_bank_learns_what_changes_under_its_loan_and_another_bank_does_not(network: Network) -> None:
    item = declared(network)
    for bank in ("bank-a", "bank-b"):
        granted(network, item, bank)
    financing = approved(network, item, "10000.00")
    disbursed(network, financing)
    registrar, path = network.sign_in("authority", "checker"), f"/v1/declarations/{item['declaration_id']}"
    maker = network.sign_in("authority", "maker")
    amended = maker.post(f"{path}/amend", json={"amount": usd("18125.00"), "reason": "short shipment"}).json()["record_id"]
    order = registrar.post("/v1/orders", json={**PAPER, "kind": "declaration", "target": item["declaration_id"]}).json()["id"]
    assert registrar.get(path).json()["status"]["frozen"] is True
    assert registrar.post(f"/v1/orders/{order}/lift", json=PAPER).status_code == 200
    assert maker.post(f"{path}/void", json={"reason": "withdrawn"}).status_code == 200
    first, frozen, lifted, voided = noticed(network, financing)
    assert (first["kind"], first["capacity_ppm"], first["record_id"], first["number"]) == ("amended", 500_000, amended, item["number"])
    assert [frozen["kind"], lifted["kind"], voided["kind"]] == ["frozen", "unfrozen", "voided"]
    # What froze it is not the bank's to know.
    assert (frozen["record_id"], lifted["record_id"], order in str(frozen)) == (None, None, False)
    network.await_head("bank-b")
    theirs = network.sign_in("bank-b", "maker").get("/v1/notices", params={"limit": "500"}).json()["items"]
    assert item["declaration_id"] not in [each["declaration_id"] for each in theirs]


def test_a_notice_is_unread_until_somebody_reads_it_and_stays_read_when_all_is_read_anew(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    order = {**PAPER, "kind": "financing", "target": financing}
    assert network.sign_in("authority", "checker").post("/v1/orders", json=order).status_code == 201
    (notice,) = noticed(network, financing)
    assert (notice["kind"], notice["declaration_id"], notice["read"]) == ("frozen", None, None)
    bank = network.sign_in("bank-a", "checker")
    unread = {"unread": "true", "limit": "500"}
    assert notice["id"] in [each["id"] for each in bank.get("/v1/notices", params=unread).json()["items"]]
    read = bank.post(f"/v1/notices/{notice['id']}/read").json()
    assert read["read"]["by"] == "checker"
    assert network.sign_in("bank-a", "maker").post(f"/v1/notices/{notice['id']}/read").json()["read"] == read["read"]
    assert notice["id"] not in [each["id"] for each in bank.get("/v1/notices", params=unread).json()["items"]]
    before = noticed(network, financing)
    network.nodes["bank-a"].reader.rebuild()
    assert noticed(network, financing) == before
    assert problem(bank.post(f"/v1/notices/{'0' * 64}/read"))["code"] == "unknown-notice"


def test_a_replaced_declaration_says_by_which_one_to_who_may_know(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "10000.00")
    new = replaced(network, item["number"])
    successor, number = new["declaration_id"], new["number"]
    (notice,) = noticed(network, financing)
    assert (notice["kind"], notice["replaced_by"]) == ("replaced", {"declaration_id": successor, "number": None})
    network.await_head("exporter-a")
    for node, shown in (("authority", number), ("exporter-a", number), ("bank-a", None)):
        status = network.sign_in(node, "maker").get(f"/v1/declarations/{item['declaration_id']}").json()["status"]
        assert (status["declaration"], status["replaced_by"]) == ("replaced", {"declaration_id": successor, "number": shown}), node
    granted(network, new)
    status = network.sign_in("bank-a", "maker").get(f"/v1/declarations/{item['declaration_id']}").json()["status"]
    assert status["replaced_by"]["number"] == number
    # The loan goes on under the successor, and what happens to that one concerns the bank too.
    voided = network.sign_in("authority", "maker").post(f"/v1/declarations/{successor}/void", json={"reason": "error"})
    assert voided.status_code == 200
    assert [(each["kind"], each["declaration_id"]) for each in noticed(network, financing)][1:] == [("voided", successor)]


def test_a_void_that_names_its_successor_and_a_revoked_consent_are_noticed(network: Network) -> None:
    item, other = declared(network), declared(network, total="72500.00")
    granted(network, item)
    financing = approved(network, item, "10000.00")
    maker = network.sign_in("authority", "maker")
    body = {"reason": "error", "successor": other["declaration_id"]}
    assert maker.post(f"/v1/declarations/{item['declaration_id']}/void", json=body).status_code == 200
    network.await_head("bank-a")
    consent = network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()["lines"][0]["consent_id"]
    network.await_head("exporter-a")
    assert network.sign_in("exporter-a", "maker").post(f"/v1/consents/{consent}/revoke").status_code == 200
    replaced_notice, revoked = noticed(network, financing)
    assert (replaced_notice["kind"], replaced_notice["replaced_by"]["declaration_id"]) == ("replaced", other["declaration_id"])
    assert (revoked["kind"], revoked["consent_id"]) == ("consent-revoked", consent)


def test_what_lapsed_or_was_let_go_is_no_longer_noticed(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = applied(network, item, "100.00").json()["id"]
    assert network.sign_in("bank-a", "maker").post(f"/v1/financings/{financing}/cancel", json={"reason": "withdrawn"}).status_code == 200
    network.sign_in("authority", "maker").post(f"/v1/declarations/{item['declaration_id']}/void", json={"reason": "error"})
    assert kinds(network, financing) == []
