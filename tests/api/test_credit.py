"""Credit facts, enquiries and limits through the public API: by the authority's staff, a bank's, and the exporter who is asked about."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest

from api.resources.credit_profiles import XLSX
from ledger.clock import rfc3339
from nodes.credit.files import write_template
from tests.api.business import DAY_MS, WAIT, await_record
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, problem
from tests.nodes.credit.examples import PENALTY, ROWS, YEAR

pytestmark = pytest.mark.usefixtures("answering")

PARAMETERS: dict[str, Any] = {
    "currency": "USD",
    "weights": {"collections": 200_000, "payments": 50_000, "exports": 150_000, "imports": 25_000},
    "services": True,
    "capital": False,
    "class_factors": {"A": 1_000_000, "B": 500_000, "C": 0},
    "penalty_haircut_ppm": 100_000,
    "cap": {"currency": "USD", "value": "5000000.00"},
    "floor": {"currency": "USD", "value": "10000.00"},
}


@pytest.fixture(scope="module", autouse=True)
def facts(network: Network) -> None:
    answer = network.sign_in("authority", "maker").post("/v1/credit-profiles", json=list(ROWS))
    assert answer.status_code == 200, answer.text
    assert answer.json()["refused"] == 0


def consented(network: Network, *scopes: str, uscc: str = EXPORTER_USCC) -> str:
    """A consent to bank A, given at the exporter's own node."""
    now_ms = network.clock.now_ms()
    body = {"bank": "bank-a", "scopes": list(scopes), "not_before": rfc3339(now_ms), "not_after": rfc3339(now_ms + 30 * DAY_MS), "uses": 5}
    answer = network.sign_in("exporter-a", "maker").post("/v1/consents", json=body, headers=WAIT)
    assert answer.status_code == 201, answer.text
    consent = str(answer.json()["id"])
    await_record(network, "bank-a", consent)
    return consent


def asked(network: Network, consent: str, **more: Any) -> dict[str, Any]:
    body = {"kind": "credit", "consent_id": consent, **more}
    answer = network.sign_in("bank-a", "maker").post("/v1/enquiries", json=body, headers=WAIT)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


def limited(network: Network, enquiry: str, **more: Any) -> httpx.Response:
    return network.sign_in("bank-a", "maker").post("/v1/credit-assessments", json={"enquiry_id": enquiry, **more})


def parameterised(network: Network, **changes: Any) -> dict[str, Any]:
    answer = network.sign_in("bank-a", "core").post("/v1/credit-parameters", json={**PARAMETERS, **changes})
    assert answer.status_code == 201, answer.text
    value: dict[str, Any] = answer.json()
    return value


def test_each_row_has_its_result(network: Network) -> None:
    wrong = {**YEAR, "exports": "many"}
    report = network.sign_in("authority", "core").post("/v1/credit-profiles", json=[YEAR, wrong]).json()
    assert (report["total"], report["accepted"], report["refused"]) == (2, 1, 1)
    assert [(item["position"], item["result"]) for item in report["items"]] == [(1, "unchanged"), (2, "amount-invalid")]


def test_facts_come_as_csv_and_as_a_workbook_too(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    text = f"uscc,month,collections_goods\n{CUSTODY_USCC},2026-04,12.50\n".encode()
    answer = client.post("/v1/credit-profiles", content=text, headers={"Content-Type": "text/csv; charset=utf-8"})
    assert [item["result"] for item in answer.json()["items"]] == ["recorded"]
    template = io.BytesIO()
    write_template(template)
    empty = client.post("/v1/credit-profiles", content=template.getvalue(), headers={"Content-Type": XLSX})
    assert problem(empty)["code"] == "no-rows"
    assert client.post("/v1/credit-profiles", content=b"<x/>", headers={"Content-Type": "application/xml"}).status_code == 415


@pytest.mark.parametrize("body", [{}, [], [1], [{"kind": "year", "year": 2025}], "year"])
def test_a_body_that_is_no_table_of_text_is_refused(network: Network, body: Any) -> None:
    answer = network.sign_in("authority", "maker").post("/v1/credit-profiles", json=body)
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid-request")


def test_the_authority_sees_what_is_in_force_and_all_that_ever_was(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    march = {"kind": "month", "uscc": CUSTODY_USCC, "month": "2026-03", "collections_goods": "1.00"}
    client.post("/v1/credit-profiles", json=[march])
    client.post("/v1/credit-profiles", json=[{**march, "collections_goods": "2.00"}])
    profile = client.get(f"/v1/credit-profiles/{CUSTODY_USCC}").json()
    (fact,) = [each for each in profile["facts"] if each.get("month") == "2026-03"]
    assert fact["collections"]["goods"] == {"currency": "USD", "value": "2.00"}
    assert fact["collections"]["services"] is None and fact["collections"]["total"] is None
    revisions = client.get(f"/v1/credit-profiles/{CUSTODY_USCC}/revisions").json()["items"]
    old, new = [each for each in revisions if each["key"] == "2026-03"]
    assert (old["superseded_by_revision"], new["superseded_by_revision"]) == (new["revision"], None)
    assert old["recorded_by"] and old["source"] == "api"
    before = client.get(f"/v1/credit-profiles/{CUSTODY_USCC}", params={"revision": old["revision"]}).json()
    (fact,) = [each for each in before["facts"] if each.get("month") == "2026-03"]
    assert fact["collections"]["goods"]["value"] == "1.00"
    listed = client.get("/v1/credit-profiles", params={"limit": 1}).json()
    assert listed["next"] == listed["items"][0]["uscc"] == EXPORTER_USCC
    assert problem(client.get("/v1/credit-profiles/91110000600037341L"))["code"] == "unknown-profile"


@pytest.mark.produces("answer-code", "reported")
def test_a_credit_report_says_what_was_consented_to(network: Network) -> None:
    enquiry = asked(network, consented(network, "basic", "trade-credit"))
    assert (enquiry["state"], enquiry["kind"], enquiry["lines"]) == ("answered", "credit", [])
    report = enquiry["credit"]
    assert (report["result"], report["scopes"], report["regulatory_credit"]) == ("reported", ["basic", "trade-credit"], None)
    assert (report["basic"]["class"], report["basic"]["directory"]) == ("A", "listed")
    (year,) = report["trade_credit"]["years"]
    assert year["collections"]["total"] == {"currency": "USD", "value": "1093800.50"}
    assert year["ratios"] == {"goods_collections_to_exports": "0.966588", "goods_payments_to_imports": "1.016394"}
    again = network.sign_in("bank-a", "checker").get(f"/v1/enquiries/{enquiry['id']}").json()
    assert again["credit"] == report


def test_a_consent_without_a_credit_scope_is_declined(network: Network) -> None:
    enquiry = asked(network, consented(network, "finance"))
    assert (enquiry["state"], enquiry["code"], enquiry["credit"]) == ("declined", "scope-missing", None)


def test_the_exporter_sees_which_scopes_a_bank_was_shown(network: Network) -> None:
    consent = consented(network, "basic", "regulatory-credit")
    enquiry = asked(network, consent, scopes=["regulatory-credit"])
    await_record(network, "exporter-a", enquiry["record_id"])
    items: list[dict[str, Any]] = []
    client, after = network.sign_in("exporter-a", "maker"), 0
    while True:
        page = client.get("/v1/accesses", params={"after": after, "limit": 500}).json()
        items += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    seen = [(each["kind"], each["bank"], each["scopes"]) for each in items if each["consent_id"] == consent]
    assert seen == [("consent", "bank-a", []), ("enquiry", "bank-a", []), ("answer", "bank-a", ["regulatory-credit"])]


@pytest.mark.parametrize(
    "more", [{"scopes": ["finance"]}, {"scopes": []}, {"lines": [{"number": "090820260519100001", "exporter_uscc": EXPORTER_USCC}]}]
)
def test_an_enquiry_about_credit_names_scopes_and_no_lines(network: Network, more: dict[str, Any]) -> None:
    body = {"kind": "credit", "consent_id": "0" * 64, **more}
    assert network.sign_in("bank-a", "maker").post("/v1/enquiries", json=body).status_code == 422


def test_a_limit_names_every_input_and_can_be_listed(network: Network) -> None:
    version = parameterised(network)
    enquiry = asked(network, consented(network, "basic", "trade-credit", "regulatory-credit"))
    answer = limited(network, enquiry["id"])
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["limit"], found["year"]) == ({"currency": "USD", "value": "368140.65"}, 2025)
    assert (found["parameters_version"], found["record_id"]) == (version["version"], enquiry["record_id"])
    collections = found["contributions"][0]
    assert [(part["input"], part["counts"]) for part in collections["parts"]] == [
        ("collections.goods", True),
        ("collections.services", True),
        ("collections.capital", False),
    ]
    payments = found["contributions"][1]
    assert (payments["amount"]["value"], payments["weight_ppm"], payments["product"]) == ("322000.25", 50_000, "16100.01250000")
    assert (payments["contribution"]["value"], payments["rounding"]) == ("16100.01", {"mode": "down", "remainder_ppm": 250_000})
    assert [(step["name"], step["after"]["value"]) for step in found["steps"]] == [
        ("class", "409045.17"),
        ("penalties", "368140.65"),
        ("cap", "368140.65"),
        ("floor", "368140.65"),
    ]
    viewer = network.sign_in("bank-a", "checker")
    assert viewer.get(answer.headers["location"]).json() == found
    assert found in viewer.get("/v1/credit-assessments", params={"uscc": EXPORTER_USCC, "limit": 500}).json()["items"]
    assert viewer.get("/v1/credit-assessments", params={"uscc": CUSTODY_USCC}).json()["items"] == []


def test_a_limit_puts_nothing_on_the_ledger(network: Network) -> None:
    parameterised(network)
    enquiry = asked(network, consented(network, "basic", "trade-credit", "regulatory-credit"))
    store = network.nodes["bank-a"].store
    with store.reading() as reader:
        before = reader.head.height
    assert limited(network, enquiry["id"]).status_code == 201
    with store.reading() as reader:
        assert reader.head.height == before


@pytest.mark.produces("problem-code", "input-missing")
def test_a_missing_input_is_refused_by_name_and_not_counted_as_zero(network: Network) -> None:
    parameterised(network)
    enquiry = asked(network, consented(network, "basic", "trade-credit"))
    refused = limited(network, enquiry["id"])
    assert (refused.status_code, problem(refused)["code"]) == (409, "input-missing")
    assert "penalties" in problem(refused)["detail"]
    assert problem(limited(network, enquiry["id"], year=2019))["detail"].endswith("exports, imports, penalties")
    version = parameterised(network, missing_as_zero=["penalties"])
    assert limited(network, enquiry["id"]).json()["limit"]["value"] == "409045.17"
    parameterised(network)
    assert limited(network, enquiry["id"], parameters_version=version["version"]).json()["limit"]["value"] == "409045.17"


def test_a_limit_needs_an_answer_about_credit(network: Network) -> None:
    declined = asked(network, consented(network, "finance"))
    assert problem(limited(network, declined["id"]))["code"] == "not-answered"
    assert problem(limited(network, "0" * 64))["code"] == "unknown-enquiry"
    assert problem(limited(network, asked(network, consented(network, "basic"))["id"], parameters_version=999))["code"] == (
        "unknown-parameters"
    )


def test_parameters_have_versions_and_the_same_ones_again_are_the_same(network: Network) -> None:
    rates = {"rates": [{"currency": "CNY", "rate": "0.1398765"}], "rate_source": "own treasury", "rates_of": "2026-10-26"}
    first = parameterised(network, **rates)
    assert parameterised(network, **rates)["version"] == first["version"]
    assert parameterised(network)["version"] == first["version"] + 1
    listed = network.sign_in("bank-a", "checker").get("/v1/credit-parameters", params={"after": first["version"] - 1}).json()["items"]
    assert listed[0] == first
    assert (first["rates"], first["created_by"]) == ([{"currency": "CNY", "rate": "0.1398765"}], listed[0]["created_by"])


@pytest.mark.parametrize(
    "changes",
    [
        {"cap": {"currency": "CNY", "value": "1.00"}},
        {"rates": [{"currency": "CNY", "rate": "1e-3"}], "rate_source": "x", "rates_of": "2026-10-26"},
        {"rates": [{"currency": "CNY", "rate": "0.0"}], "rate_source": "x", "rates_of": "2026-10-26"},
        {"services": "yes"},
        {"weights": {"collections": 1}},
    ],
)
def test_parameters_that_cannot_be_used_are_refused(network: Network, changes: dict[str, Any]) -> None:
    answer = network.sign_in("bank-a", "core").post("/v1/credit-parameters", json={**PARAMETERS, **changes})
    assert (answer.status_code, problem(answer)["code"]) in ((422, "parameters-invalid"), (422, "invalid-request"))


def test_a_bank_without_parameters_is_told_so(network: Network) -> None:
    answer = network.sign_in("bank-b", "maker").post("/v1/credit-assessments", json={"enquiry_id": "0" * 64})
    assert problem(answer)["code"] == "unknown-enquiry"
    assert network.sign_in("bank-b", "checker").get("/v1/credit-parameters").json()["items"] == []


def test_a_repaired_penalty_is_not_shown_any_more(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    assert client.post("/v1/credit-profiles", json=[{**PENALTY, "repaired_on": "2026-01-31"}]).json()["refused"] == 0
    try:
        report = asked(network, consented(network, "regulatory-credit"))["credit"]
        assert report["regulatory_credit"]["penalties"] == []
        history = client.get(f"/v1/credit-profiles/{EXPORTER_USCC}/revisions", params={"limit": 500}).json()["items"]
        assert sum(each["key"] == PENALTY["penalty_reference"] for each in history) >= 2
    finally:
        client.post("/v1/credit-profiles", json=[PENALTY])
