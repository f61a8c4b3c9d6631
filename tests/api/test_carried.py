"""Loans whose declaration is replaced under them, through the public API: they are drawn and repaid on, in money."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.business import signed
from tests.api.served import Network, problem
from tests.api.supervised import approved, declared, disbursed, granted, repaid, usd
from tests.api.test_countersigning import at_the_authority, corrected, countersigned

pytestmark = pytest.mark.usefixtures("answering")


def test_a_loan_goes_on_on_the_declaration_that_replaces_its_own(network: Network) -> None:
    item, successor = declared(network), declared(network, "30000.00")
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    void = {"reason": "error", "successor": successor["declaration_id"]}
    answer = network.sign_in("authority", "maker").post(f"/v1/declarations/{item['declaration_id']}/void", json=void)
    assert answer.status_code == 200, answer.text
    network.await_head("bank-a")

    moved = seen(network, financing)
    assert ("MOVED" in moved["flags"], moved["lines"][0]["declaration_id"]) == (True, successor["declaration_id"])
    assert moved["totals"]["outstanding"] == usd("20000.00")
    repaid(network, financing, "5000.00")
    part = seen(network, financing)["lines"][0]
    assert part["drawn"] * 30_000_00 >= 15_000_00 * 1_000_000, "what is left drawn covers what is owed"
    assert part["drawn"] <= 15_000_00 * 1_000_000 // 30_000_00 + 3_000
    repaid(network, financing, "15000.00")
    done = seen(network, financing)
    assert (done["state"], done["lines"][0]["drawn"]) == ("PAID_OFF", 0)


def test_collections_and_corrections_go_on_on_the_successor(network: Network) -> None:
    item, successor = declared(network), declared(network, "30000.00")
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    void = {"reason": "error", "successor": successor["declaration_id"]}
    registrar, bank = network.sign_in("authority", "maker"), network.sign_in("bank-a", "maker")
    assert registrar.post(f"/v1/declarations/{item['declaration_id']}/void", json=void).status_code == 200
    network.await_head("bank-a")

    came_in = {"amount": usd("6000.00"), "collected_on": "2026-11-02", "reference": "C-1"}
    gone = bank.post(f"/v1/declarations/{item['declaration_id']}/collections", json=came_in)
    assert problem(gone)["code"] == "replaced"
    # What is collected is measured against the successor's own amount: the bank enquires about it first.
    granted(network, successor)
    path = f"/v1/declarations/{successor['declaration_id']}/collections"
    collection = signed(network, bank.post(path, json=came_in))["record_id"]
    cited = {"source": "collections", "collections": [{"collection_id": collection, "amount": usd("6000.00")}]}
    repayment = {"total": usd("6000.00"), "paid_on": "2026-11-03", "reference": "P-1", **cited}
    signed(network, bank.post(f"/v1/financings/{financing}/repay", json=repayment))
    assert bank.get(path, params={"unused": "true"}).json()["items"] == []
    assert seen(network, financing)["totals"]["outstanding"] == usd("14000.00")

    task = at_the_authority(network, countersigned(network, corrected(network, financing, "-4000.00")))
    assert network.sign_in("authority", "checker").post(f"/v1/tasks/{task['id']}/sign").status_code == 200
    network.await_head("bank-a")
    lowered = seen(network, financing)
    assert (lowered["flags"], lowered["totals"]["outstanding"]) == (["CORRECTED", "MOVED"], usd("10000.00"))
    assert lowered["lines"][0]["drawn"] * 30_000_00 >= 10_000_00 * 1_000_000, "what is left drawn covers what is owed"
    lost = {"amounts": [usd("1000.00")], "reason": "the buyer is gone"}
    signed(network, bank.post(f"/v1/financings/{financing}/write-off", json=lost))
    repaid(network, financing, "9000.00")
    done = seen(network, financing)
    assert (done["state"], done["totals"]["written_off"], done["lines"][0]["drawn"]) == ("WRITTEN_OFF", usd("1000.00"), 0)
    network.await_head("authority")
    checked = registrar.get("/v1/monitoring/reconciliation", params={"declaration_id": successor["declaration_id"]}).json()
    assert [each["agrees"] for each in checked["items"]] == [True]


def seen(network: Network, financing: str) -> dict[str, Any]:
    value: dict[str, Any] = network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()
    return value
