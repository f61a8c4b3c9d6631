"""What could lend money twice is signed by the authority too, through the public API of both nodes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from nodes.tasks import Tasks
from tests.api.business import signed
from tests.api.served import Network, problem
from tests.api.supervised import approved, declared, disbursed, granted, usd

pytestmark = pytest.mark.usefixtures("answering")


def lent(network: Network) -> str:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    return financing


def countersigned(network: Network, prepared: httpx.Response) -> str:
    """Signed by two people of bank-a, and handed in: the task at the bank."""
    assert prepared.status_code == 202, prepared.text
    location = prepared.headers["location"]
    answer = network.sign_in("bank-a", "checker").post(f"{location}/sign")
    assert (answer.status_code, answer.json()["state"]) == (202, "awaiting-authority"), answer.text
    return str(location)


def at_the_authority(network: Network, location: str) -> dict[str, Any]:
    record = network.sign_in("bank-a", "maker").get(location).json()["record_id"]
    value: dict[str, Any] = network.sign_in("authority", "checker").get(f"/v1/tasks/{record}").json()
    return value


def seen(network: Network, financing: str) -> dict[str, Any]:
    value: dict[str, Any] = network.sign_in("bank-a", "maker").get(f"/v1/financings/{financing}").json()
    return value


def corrected(network: Network, financing: str, value: str, reason: str = "paid in part only") -> httpx.Response:
    body = {"amounts": [{"currency": "USD", "value": value}], "reason": reason}
    return network.sign_in("bank-a", "maker").post(f"/v1/financings/{financing}/correct", json=body)


def test_a_correction_that_lowers_a_loan_takes_effect_with_the_authoritys_signature(network: Network) -> None:
    financing = lent(network)
    location = countersigned(network, corrected(network, financing, "-5000.00"))
    assert seen(network, financing)["totals"]["outstanding"] == usd("20000.00")
    task = at_the_authority(network, location)
    assert (task["state"], task["author"], task["summary"]["action"]) == ("open", "bank-a", "countersign")
    assert task["summary"]["sealed"]["reason"]["text"] == "paid in part only", "they see what they sign"
    assert (task["summary"]["amount"], task["summary"]["reason"]) == (usd("-5000.00"), "paid in part only"), "and in money"
    answer = network.sign_in("authority", "checker").post(f"/v1/tasks/{task['id']}/sign")
    assert answer.status_code == 200, answer.text
    network.await_head("bank-a")
    done = network.sign_in("bank-a", "maker").get(location).json()
    assert (done["state"], done["result"]) == ("signed", "ok")
    assert (seen(network, financing)["flags"], seen(network, financing)["totals"]["outstanding"]) == (["CORRECTED"], usd("15000.00"))
    again = network.sign_in("authority", "checker").post(f"/v1/tasks/{task['id']}/sign")
    assert (again.status_code, again.json()["record_id"]) == (200, answer.json()["record_id"]), "who was not answered asks again"
    another = network.sign_in("authority", "maker").post(f"/v1/tasks/{task['id']}/sign")
    assert problem(another)["code"] == "task-signed"


def test_of_two_who_sign_for_the_authority_at_once_the_second_is_told_that_it_is_decided(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = countersigned(network, corrected(network, lent(network), "-5000.00"))
    task_id = at_the_authority(network, location)["id"]
    open_still = Tasks(network.nodes["authority"]).get(task_id)
    assert network.sign_in("authority", "checker").post(f"/v1/tasks/{task_id}/sign").status_code == 200
    monkeypatch.setattr(Tasks, "get", lambda *_: open_still)
    answer = network.sign_in("authority", "maker").post(f"/v1/tasks/{task_id}/sign")
    assert (answer.status_code, problem(answer)["code"]) == (409, "task-signed")


def test_a_correction_above_what_was_ever_approved_waits_for_the_authority_too(network: Network) -> None:
    financing = lent(network)
    location = countersigned(network, corrected(network, financing, "1000.00", "more left than was recorded"))
    task = at_the_authority(network, location)
    assert network.sign_in("authority", "checker").post(f"/v1/tasks/{task['id']}/sign").status_code == 200
    network.await_head("bank-a")
    assert seen(network, financing)["totals"]["outstanding"] == usd("21000.00")


def test_a_correction_that_the_authority_declines_leaves_nothing_but_its_reason(network: Network) -> None:
    financing = lent(network)
    location = countersigned(network, corrected(network, financing, "-20000.00", "it never left"))
    task = at_the_authority(network, location)
    declined = network.sign_in("authority", "maker").post(f"/v1/tasks/{task['id']}/decline", json={"reason": "show the account"})
    assert declined.json()["state"] == "declined"
    told = network.sign_in("bank-a", "maker").get(location).json()
    assert (told["state"], told["reason"]) == ("declined", "show the account")
    assert seen(network, financing)["totals"]["outstanding"] == usd("20000.00")


def test_a_loan_that_was_paid_although_it_was_cancelled_is_recorded_late(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    maker = network.sign_in("bank-a", "maker")
    signed(network, maker.post(f"/v1/financings/{financing}/cancel", json={"reason": "withdrawn"}))
    assert seen(network, financing)["actions"] == ["disburse"]
    days = {"disbursed_on": "2026-10-27", "matures_on": "2027-01-27", "reference": "D-1"}
    location = countersigned(network, maker.post(f"/v1/financings/{financing}/disburse", json=days))
    task = at_the_authority(network, location)
    assert network.sign_in("authority", "maker").post(f"/v1/tasks/{task['id']}/sign").status_code == 200
    network.await_head("bank-a")
    late = seen(network, financing)
    assert (late["state"], "LATE" in late["flags"], late["totals"]["outstanding"]) == ("DISBURSED", True, usd("20000.00"))


def test_a_collection_that_never_came_is_taken_back_with_the_authoritys_signature(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    disbursed(network, approved(network, item, "20000.00"))
    path = f"/v1/declarations/{item['declaration_id']}/collections"
    maker = network.sign_in("bank-a", "maker")
    came_in = {"amount": usd("7250.00"), "collected_on": "2026-11-02", "reference": "C-1"}
    wrong = str(signed(network, maker.post(path, json=came_in))["record_id"])
    assert problem(maker.post(path, json={**came_in, "amount": usd("7250.01"), "corrects": wrong}))["code"] == "exceeds-collected"
    location = countersigned(network, maker.post(path, json={**came_in, "corrects": wrong}))
    task = at_the_authority(network, location)
    assert network.sign_in("authority", "maker").post(f"/v1/tasks/{task['id']}/sign").status_code == 200
    network.await_head("bank-a")
    (left,) = maker.get(path).json()["items"]
    assert left["id"] == wrong
    assert maker.get(path, params={"unused": "true"}).json()["items"] == []


def test_only_a_members_own_records_of_these_kinds_are_countersigned(network: Network) -> None:
    assert network.sign_in("authority", "maker").get(f"/v1/countersignatures/{'0' * 64}").status_code == 403
    assert network.sign_in("bank-a", "core").post("/v1/countersignatures", json={}).status_code == 403
