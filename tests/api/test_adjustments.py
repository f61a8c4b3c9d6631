"""What a lender changes of a loan that runs, through the public API: written off, taken back, recovered, corrected."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.business import signed
from tests.api.served import Network, problem
from tests.api.supervised import approved, declared, disbursed, granted, usd

pytestmark = pytest.mark.usefixtures("answering")


def lent(network: Network, value: str = "20000.00") -> tuple[str, dict[str, Any]]:
    """A loan on a fresh declaration of USD 36,250.00: its id, and the declaration."""
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, value)
    disbursed(network, financing)
    return financing, item


def step(network: Network, financing: str, name: str, body: dict[str, Any], user: str = "maker") -> httpx.Response:
    return network.sign_in("bank-a", user).post(f"/v1/financings/{financing}/{name}", json=body)


def seen(network: Network, financing: str) -> dict[str, Any]:
    value: dict[str, Any] = network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()
    return value


def collection(network: Network, item: dict[str, Any], value: str) -> str:
    body = {"amount": usd(value), "collected_on": "2026-11-02", "reference": "C-1"}
    prepared = network.sign_in("bank-a", "maker").post(f"/v1/declarations/{item['declaration_id']}/collections", json=body)
    return str(signed(network, prepared)["record_id"])


@pytest.mark.produces("record-type", "financing.write-off")
def test_a_loss_is_written_off_taken_back_and_recovered_in_money_and_shares(network: Network) -> None:
    financing, item = lent(network)
    before = seen(network, financing)
    assert {"write-off", "correct", "repay", "transfer"} <= set(before["actions"])

    prepared = step(network, financing, "write-off", {"amounts": [usd("5000.00")], "reason": "the buyer is bankrupt"})
    assert prepared.json()["summary"]["amount"] == usd("5000.00")
    signed(network, prepared)
    part = seen(network, financing)
    assert (part["state"], part["totals"]["written_off"], part["totals"]["outstanding"]) == ("DISBURSED", usd("5000.00"), usd("15000.00"))
    line = part["lines"][0]
    assert line["drawn"] + line["lost"] == before["lines"][0]["drawn"], "what is written off stays used"
    assert part["lines"][0]["money"]["available"] == before["lines"][0]["money"]["available"]

    signed(network, step(network, financing, "write-off", {"reason": "and the rest"}))
    assert seen(network, financing)["state"] == "WRITTEN_OFF"
    signed(network, step(network, financing, "write-off", {"amounts": [usd("1000.00")], "back": True, "reason": "a guarantor"}))
    back = seen(network, financing)
    assert (back["state"], back["totals"]["outstanding"], back["totals"]["written_off"]) == ("DISBURSED", usd("1000.00"), usd("19000.00"))
    signed(network, step(network, financing, "write-off", {"reason": "he is bankrupt too"}))

    came_in = collection(network, item, "20000.00")
    body: dict[str, Any] = {"total": usd("20000.00"), "source": "collections", "paid_on": "2026-11-03", "reference": "P-1"}
    body["collections"] = [{"collection_id": came_in, "amount": usd("20000.00")}]
    signed(network, step(network, financing, "repay", body))
    paid = seen(network, financing)
    assert (paid["state"], paid["totals"]["written_off"], paid["totals"]["outstanding"]) == ("PAID_OFF", usd("0.00"), usd("0.00"))
    assert [each["type"] for each in paid["records"]].count("financing.write-off") == 4


def test_statements_add_up_whatever_was_written_off_and_recovered(network: Network) -> None:
    financing, item = lent(network)
    signed(network, step(network, financing, "write-off", {"reason": "lost"}))
    came_in = collection(network, item, "4000.00")
    body: dict[str, Any] = {"total": usd("4000.00"), "source": "collections", "paid_on": "2026-11-03", "reference": "P-1"}
    body["collections"] = [{"collection_id": came_in, "amount": usd("4000.00")}]
    signed(network, step(network, financing, "repay", body))
    now = seen(network, financing)
    assert (now["totals"]["written_off"], now["totals"]["outstanding"]) == (usd("16000.00"), usd("0.00"))
    period = {"from": "2026-10-01", "to": "2026-12-31"}
    items = network.sign_in("bank-a", "maker").get("/v1/statements/financings", params=period).json()["items"]
    mine = next(each for each in items if each["financing_id"] == financing)
    assert [mine[name] for name in ("opening", "disbursed", "repaid", "other", "closing")] == [
        "0.00",
        "20000.00",
        "4000.00",
        "-16000.00",
        "0.00",
    ]


@pytest.mark.produces("problem-code", "amount-too-small")
def test_what_cannot_be_written_off_is_refused_in_money(network: Network) -> None:
    financing, _ = lent(network)
    too_much = problem(step(network, financing, "write-off", {"amounts": [usd("20000.01")], "reason": "r"}))
    assert too_much["code"] == "exceeds-drawn"
    assert "USD 20,000.00 outstanding" in too_much["detail"]
    assert problem(step(network, financing, "write-off", {"amounts": [usd("1.00")], "reason": "r"}))["code"] == "amount-too-small"
    assert problem(step(network, financing, "write-off", {"back": True, "reason": "r"}))["code"] == "amount-too-small"
    assert problem(step(network, financing, "write-off", {"reason": ""}))["code"] == "invalid-request"
    assert step(network, financing, "write-off", {"reason": "r"}, user="core").status_code == 403
    foreign = network.sign_in("bank-b", "maker").post(f"/v1/financings/{financing}/write-off", json={"reason": "r"})
    assert problem(foreign)["code"] == "unknown-financing"


@pytest.mark.produces("record-type", "financing.correct")
def test_a_loan_that_was_recorded_too_low_is_corrected_by_two_people(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "21000.00")
    paid = {"amounts": [usd("20000.00")], "disbursed_on": "2026-10-27", "matures_on": "2027-01-27", "reference": "D-1"}
    signed(network, step(network, financing, "disburse", paid))
    prepared = step(network, financing, "correct", {"amounts": [usd("1000.00")], "reason": "a digit was mistyped"})
    assert prepared.json()["summary"]["lines"][0]["amount"] == usd("1000.00")
    signed(network, prepared)
    now = seen(network, financing)
    assert (now["flags"], now["totals"]["outstanding"]) == (["CORRECTED"], usd("21000.00"))
    assert now["lines"][0]["drawn"] == 580_000
    wrong = step(network, financing, "correct", {"amounts": [{"currency": "EUR", "value": "1.00"}], "reason": "r"})
    assert problem(wrong)["code"] == "currency-differs"
    low = step(network, financing, "correct", {"amounts": [usd("-21000.01")], "reason": "r"})
    assert problem(low)["code"] == "exceeds-drawn"
