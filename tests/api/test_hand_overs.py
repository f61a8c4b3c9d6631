"""Financings that change their lender, and loans from before their bank joined, through the public API."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.clock import rfc3339
from tests.api.business import DAY_MS, signed
from tests.api.served import Network, problem
from tests.api.supervised import applied, approved, declared, disbursed, granted, repaid, usd

pytestmark = pytest.mark.usefixtures("answering")
TAKEN = {"reference": "T-1", "product": "refinancing"}


def lent(network: Network) -> tuple[str, dict[str, Any]]:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    return financing, item


def offered(network: Network, financing: str, **fields: Any) -> dict[str, Any]:
    body = {"to": "bank-b", "until": rfc3339(network.clock.now_ms() + DAY_MS), "terms": "at par", "note": "as agreed", **fields}
    receipt = signed(network, network.sign_in("bank-a", "maker").post(f"/v1/financings/{financing}/transfer", json=body))
    network.await_head("bank-b")
    return receipt


def seen(network: Network, financing: str, bank: str = "bank-a") -> dict[str, Any]:
    value: dict[str, Any] = network.sign_in(bank, "maker").get(f"/v1/financings/{financing}").json()
    return value


@pytest.mark.produces("problem-code", "no-grant", "no-offer")
@pytest.mark.produces("record-type", "financing.transfer", "financing.take-over")
def test_a_loan_goes_to_the_bank_that_it_was_offered_to(network: Network) -> None:
    financing, item = lent(network)
    taker = network.sign_in("bank-b", "maker")
    assert problem(taker.post(f"/v1/financings/{financing}/take-over", json=TAKEN))["code"] == "no-offer"
    offered(network, financing)
    offer = next(each for each in taker.get("/v1/transfer-offers").json()["items"] if each["financing_id"] == financing)
    assert (offer["state"], offer["from"], offer["amount"], offer["terms"]) == ("open", "bank-a", usd("20000.00"), "at par")
    assert network.sign_in("bank-a", "maker").get("/v1/transfer-offers").json()["items"] == []

    missing = problem(taker.post(f"/v1/financings/{financing}/take-over", json=TAKEN))
    assert (missing["code"], item["number"] in missing["detail"]) == ("no-grant", True)
    granted(network, item, "bank-b")
    receipt = signed(network, taker.post(f"/v1/financings/{financing}/take-over", json=TAKEN), "bank-b")
    for node in ("bank-a", "exporter-a"):
        network.await_head(node)

    old, new = seen(network, financing), seen(network, receipt["record_id"], "bank-b")
    assert (old["state"], old["taken_over_by"], old["totals"]["outstanding"]) == ("TRANSFERRED", receipt["record_id"], usd("0.00"))
    assert (new["state"], new["taken_over_from"], new["totals"]["outstanding"]) == ("DISBURSED", financing, usd("20000.00"))
    assert new["flags"] == ["TAKEN-OVER"]
    assert problem(network.sign_in("bank-a", "maker").get(f"/v1/financings/{receipt['record_id']}"))["code"] == "unknown-financing"
    repaid(network, receipt["record_id"], "20000.00", "bank-b")
    assert seen(network, receipt["record_id"], "bank-b")["state"] == "PAID_OFF"

    accesses = network.sign_in("exporter-a", "core").get("/v1/accesses", params={"limit": 500}).json()["items"]
    assert ("take-over", "bank-b") in {(each["kind"], each["bank"]) for each in accesses if each["record_id"] == receipt["record_id"]}
    month = network.sign_in("exporter-a", "core").get(f"/v1/declarations/{item['declaration_id']}/statement", params={"month": "2026-10"})
    told = [(each["what"], each["bank"], each["amount"]["value"]) for each in month.json()["entries"]]
    assert ("handed-over", "bank-a", "-20000.00") in told
    assert ("taken-over", "bank-b", "20000.00") in told


@pytest.mark.produces("problem-code", "terms-overtaken")
@pytest.mark.produces("result-code", "no-offer")
def test_an_offer_that_is_withdrawn_late_or_overtaken_is_not_taken_up(network: Network) -> None:
    financing, item = lent(network)
    granted(network, item, "bank-b")
    taker = network.sign_in("bank-b", "maker")
    offered(network, financing)
    repaid(network, financing, "5000.00")
    network.await_head("bank-b")
    assert problem(taker.post(f"/v1/financings/{financing}/take-over", json=TAKEN))["code"] == "terms-overtaken"
    offered(network, financing)
    prepared = taker.post(f"/v1/financings/{financing}/take-over", json=TAKEN)
    offered(network, financing, to=None, until=None)
    late = network.sign_in("bank-b", "checker").post(f"{prepared.headers['location']}/sign")
    assert problem(late)["code"] == "no-offer"
    itself = {"to": "bank-a", "until": rfc3339(network.clock.now_ms() + DAY_MS)}
    assert problem(network.sign_in("bank-a", "maker").post(f"/v1/financings/{financing}/transfer", json=itself))["code"] == "bad-field"


@pytest.mark.produces("problem-code", "conflict-report-missing")
@pytest.mark.produces("record-type", "financing.load")
def test_an_earlier_loan_is_loaded_once_its_conflicts_were_read(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    assert applied(network, item, "30000.00").status_code == 201
    granted(network, item, "bank-b")
    bank = network.sign_in("bank-b", "maker")
    lines = [{"declaration_id": item["declaration_id"], "drawn": usd("10000.00")}]
    told = bank.post("/v1/conflict-reports", json={"lines": lines})
    assert told.status_code == 201, told.text
    (line,) = told.json()["lines"]
    assert (line["overuses"], line["code"], line["left"]["currency"]) == (True, "ok", "USD")
    assert "bank-a" not in told.text
    assert bank.get(told.headers["location"]).json() == told.json()

    what = {"lines": lines, "product": "earlier", "reference": "E-1", "disbursed_on": "2026-08-01", "matures_on": "2027-02-01"}
    assert problem(bank.post("/v1/financings/loads", json={**what, "conflict_report": "0" * 64}))["code"] == "conflict-report-missing"
    other = [{**lines[0], "drawn": usd("10000.01")}]
    unread = bank.post("/v1/financings/loads", json={**what, "lines": other, "conflict_report": told.json()["id"]})
    assert problem(unread)["code"] == "conflict-report-missing"
    receipt = signed(network, bank.post("/v1/financings/loads", json={**what, "conflict_report": told.json()["id"]}), "bank-b")
    loaded = seen(network, receipt["record_id"], "bank-b")
    assert (loaded["state"], loaded["flags"], loaded["totals"]["outstanding"]) == ("DISBURSED", ["LOADED", "OVERUSED"], usd("10000.00"))
    assert loaded["matures_on"] == "2027-02-01"
    repaid(network, receipt["record_id"], "10000.00", "bank-b")


def test_a_file_of_earlier_loans_is_reported_on_and_then_prepared_loan_by_loan(network: Network) -> None:
    first, second, strange = declared(network), declared(network), declared(network)
    for item in (first, second):
        granted(network, item, "bank-b")
    bank = network.sign_in("bank-b", "maker")
    assert problem(bank.post("/v1/financings/loads/files", json={}))["status"] == 415
    header = bank.get("/v1/financings/loads/template", params={"format": "csv"}).content.decode("utf-8-sig").splitlines()[1]
    rows = [
        f"F-1,{first['number']},USD,10000.00,earlier,Dalian,2026-08-01,2027-02-01",
        f"F-1,{second['number']},USD,5000.00,,,,",
        f"F-2,{first['number']},USD,1000.00,earlier,,2026-08-01,2027-02-01",
        f"F-2,{strange['number']},USD,1000.00,,,,",
    ]
    file = "\n".join([header, *rows]).encode()
    csv = {"Content-Type": "text/csv"}
    unread = bank.post("/v1/financings/loads/files", content=file, headers=csv).json()
    assert [each["result"] for each in unread["items"]] == [*["conflict-report-missing"] * 2, "loan-incomplete", "no-grant"]

    told = bank.post("/v1/conflict-reports/files", content=file, headers=csv).json()
    assert (told["total"], told["accepted"], told["refused"]) == (4, 2, 2)
    assert [each["line"] and each["line"]["drawn"] for each in told["items"]] == [usd("10000.00"), usd("5000.00"), None, None]
    report = told["items"][0]["conflict_report"]
    assert [each["number"] for each in bank.get(f"/v1/conflict-reports/{report}").json()["lines"]] == [first["number"], second["number"]]

    keyed = {**csv, "Idempotency-Key": "file-of-earlier-loans"}
    prepared = bank.post("/v1/financings/loads/files", content=file, headers=keyed)
    assert [(each["position"], each["result"], each["task"] is None) for each in prepared.json()["items"]] == [
        (2, "ok", False),
        (3, "ok", False),
        (4, "loan-incomplete", True),
        (5, "no-grant", True),
    ]
    assert bank.post("/v1/financings/loads/files", content=file, headers=keyed).json() == prepared.json()
    (task,) = {each["task"] for each in prepared.json()["items"]} - {None}
    receipt = network.sign_in("bank-b", "checker").post(f"/v1/tasks/{task}/sign").json()
    loaded = seen(network, receipt["record_id"], "bank-b")
    assert (loaded["flags"], loaded["totals"]["outstanding"], loaded["branch"]) == (["LOADED"], usd("15000.00"), "Dalian")
