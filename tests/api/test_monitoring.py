"""The authority's figures, rates, settings and log of look-ups over HTTP, and that nobody else gets any of it."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

import httpx
import openpyxl
import pytest

from api.look_ups import ANSWERED_OPENED, NOTHING_SEALED, OPENED, shows_sealed
from api.permissions import ADMIN, PEOPLE, PERMISSIONS, scopes_of
from api.tokens import Tokens
from contracts.commitments import offer_commitment
from nodes.enquiries.grants import grants_of
from nodes.look_ups import LookUps
from tests.api.business import DAY_MS
from tests.api.served import Network, problem, token
from tests.api.supervised import alerts, applied, approved, declared, disbursed, granted, handed_in, people, repaid, settle, usd
from tests.sealed_parts import demanded_parts

pytestmark = pytest.mark.usefixtures("answering")
_FIGURES = ("summary", "series", "stages", "exporters", "banks", "regions", "products")


@pytest.fixture(scope="module")
def played(network: Network) -> dict[str, Any]:
    """A loan of 29,000 of which 9,000 are repaid, an approval of 5,000, an application for 1,000, at two banks."""
    item = declared(network)
    granted(network, item)
    granted(network, item, "bank-b")
    before = {each["bank"]: each for each in _get(network, "/v1/monitoring/banks").json()["items"] if each["branch"] == "Dalian"}
    loan = approved(network, item, "29000.00")
    disbursed(network, loan)
    repaid(network, loan, "9000.00")
    other = declared(network)
    granted(network, other)
    granted(network, other, "bank-b")
    approved(network, other, "5000.00", "bank-b")
    applied(network, other, "1000.00")
    settle(network)
    return {"item": item, "other": other, "loan": loan, "before": before}


def _get(network: Network, path: str, user: str = "checker", **more: Any) -> httpx.Response:
    return network.sign_in("authority", user).get(path, **more)


def test_stock_and_flow_stand_by_bank_and_currency(network: Network, played: dict[str, Any]) -> None:
    after = {each["bank"]: each for each in _get(network, "/v1/monitoring/banks").json()["items"] if each["branch"] == "Dalian"}

    def grown(bank: str, name: str) -> int:
        known = played["before"].get(bank)
        return round((float(after[bank][name]["value"]) - (float(known[name]["value"]) if known else 0)) * 100)

    assert (grown("bank-a", "outstanding"), grown("bank-a", "held"), grown("bank-a", "repaid")) == (2_000_000, 100_000, 900_000)
    assert (grown("bank-b", "committed"), grown("bank-b", "approved"), grown("bank-b", "disbursed")) == (500_000, 500_000, 0)
    assert after["bank-a"]["region"] == "110000"
    for name, of_one in (("regions", ("region", "110000")), ("products", ("product", "invoice"))):
        rows = [each for each in _get(network, f"/v1/monitoring/{name}").json()["items"] if each["currency"] == "USD"]
        grouped = {each[of_one[0]]: each for each in rows}
        assert len(grouped) == len(rows)
        assert float(grouped[of_one[1]]["outstanding"]["value"]) >= float(after["bank-a"]["outstanding"]["value"]) > 0


def test_figures_are_filtered_and_never_add_up_currencies(network: Network, played: dict[str, Any]) -> None:
    rates = {"rates": [{"currency": "USD", "day": "2026-10-01", "rate": "1"}]}
    assert network.sign_in("authority", "maker").post("/v1/exchange-rates", json=rates).status_code == 201
    (row,) = _get(network, "/v1/monitoring/summary", params={"currency": "USD"}).json()["items"]
    assert row["outstanding_usd"] == row["outstanding"]
    assert row["rate"] == "1"
    assert _get(network, "/v1/monitoring/summary", params={"currency": "EUR"}).json()["items"] == []
    late = _get(network, "/v1/monitoring/series", params={"from": "2030-01-01", "to": "2030-12-31"}).json()["items"]
    assert late == []
    wrong = _get(network, "/v1/monitoring/series", params={"from": "2026-12-01", "to": "2026-11-01"})
    assert problem(wrong)["code"] == "bad-period"
    stages = {each["stage"]: each for each in _get(network, "/v1/monitoring/stages").json()["items"]}
    whole = stages["apply-to-disburse"]
    assert whole["count"] >= 1
    assert whole["within_a_day_ppm"] == 1_000_000
    assert whole["median_ms"] <= whole["p90_ms"] <= whole["longest_ms"]
    exporter = _get(network, "/v1/monitoring/exporters").json()["items"][0]
    assert exporter["enterprise"] == network.exporter


@pytest.mark.parametrize("name", _FIGURES)
def test_figures_come_as_files_too(network: Network, played: dict[str, Any], name: str) -> None:
    path = f"/v1/monitoring/{name}"
    columns = list(_get(network, path).json()["items"][0])
    text = _get(network, path, params={"format": "csv"})
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert next(csv.reader(io.StringIO(text.content.decode("utf-8-sig")))) == columns
    book = _get(network, path, headers={"Accept": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"})
    sheet = openpyxl.load_workbook(io.BytesIO(book.content)).active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == columns


def test_money_agrees_with_shares_on_every_declaration(network: Network, played: dict[str, Any]) -> None:
    path, item = "/v1/monitoring/reconciliation", played["item"]
    (found,) = _get(network, path, params={"declaration_id": item["declaration_id"]}).json()["items"]
    assert (found["agrees"], found["owed"]) == (True, usd("20000.00"))
    (line,) = found["financings"]
    assert (line["covered"], line["within"], line["financeable_when_approved"]) == (True, True, usd("36250.00"))
    different = [each["declaration_id"] for each in _get(network, path, params={"differences": "true"}).json()["items"]]
    assert item["declaration_id"] not in different


def test_nobody_but_the_authority_is_shown_figures_alerts_or_rates(network: Network, played: dict[str, Any]) -> None:
    paths = [f"/v1/monitoring/{name}" for name in (*_FIGURES, "reconciliation", "settings")] + ["/v1/alerts", "/v1/exchange-rates"]
    for node, user in (("bank-a", "checker"), ("auditor", "viewer"), ("exporter-a", "maker")):
        client = network.sign_in(node, user)
        assert {client.get(path).json()["code"] for path in paths} == {"wrong-seat"}
    auditor = _in_custody(network, "auditor", None)
    assert {auditor.get(path).json()["code"] for path in paths} == {"not-permitted"}
    exporter = _in_custody(network, "enterprise", network.in_custody)
    assert {exporter.get(path).json()["code"] for path in paths} == {"not-permitted"}


def test_what_staff_read_is_written_down_for_auditor_and_enterprise(network: Network, played: dict[str, Any]) -> None:
    node, item = network.nodes["authority"], played["item"]
    service = LookUps(node.private, node.clock)
    count = service.head()[0]
    purpose = quote("季度检查")
    client = network.sign_in("authority", "checker")
    assert client.get(f"/v1/declarations/{item['declaration_id']}", headers={"X-Purpose": purpose}).status_code == 200
    assert client.get("/v1/monitoring/exporters", params={"format": "csv"}).status_code == 200
    assert client.get(f"/v1/records/{played['loan']}").status_code == 200
    assert client.get(f"/v1/declarations/{'0' * 64}").status_code == 404
    assert client.get("/v1/exchange-rates").status_code == 200
    assert client.get("/v1/network").status_code == 200
    assert problem(client.get("/v1/alerts", headers={"X-Purpose": "%00"}))["code"] == "bad-purpose"

    auditor = _in_custody(network, "auditor", None)
    page = auditor.get("/v1/look-ups", params={"after": count, "limit": 500}).json()
    first, second, third = page["items"]
    person = node.accounts.account("checker").person  # type: ignore[union-attr]  # a member of staff has one
    assert (first["who"], first["purpose"], first["resource"]) == (person, "季度检查", "GET /v1/declarations/{declaration_id}")
    assert first["subject"] == f"declaration_id={item['declaration_id']}"
    assert [network.exporter in each["enterprises"] for each in (first, second, third)] == [True, True, True]
    assert [each["previous"] for each in (second, third)] == [first["hash"], second["hash"]]
    assert page["head"] == {"place": third["place"], "hash": third["hash"]}
    assert service.check().first_bad is None

    stranger = _in_custody(network, "enterprise", network.in_custody)
    theirs = {each["place"] for each in stranger.get("/v1/look-ups", params={"limit": 500}).json()["items"]}
    assert not theirs & {first["place"], third["place"]}
    assert stranger.get("/v1/declarations").status_code == 200
    assert service.head()[0] == third["place"]


def test_what_an_answer_to_a_deed_shows_and_whom_a_record_concerns_is_written_down_too(network: Network, played: dict[str, Any]) -> None:
    node, bank = network.nodes["authority"], network.sign_in("bank-a", "maker")
    repayment = bank.get(f"/v1/financings/{played['loan']}").json()["records"][-1]["record_id"]
    about = _get(network, f"/v1/declarations/{played['item']['declaration_id']}").json()["record_id"]
    dispute = bank.post("/v1/disputes", json={"record": about, "statement": "this is not so"}).json()["id"]
    (alert,) = alerts(network, "dispute-opened", about)
    service = LookUps(node.private, node.clock)
    count = service.head()[0]
    checker = network.sign_in("authority", "checker")
    for record in (repayment, network.exporter):
        assert checker.get(f"/v1/records/{record}").status_code == 200
    path, keyed = f"/v1/alerts/{alert['id']}/take", {"Idempotency-Key": f"take-{alert['id']}"}
    assert [checker.post(path, json={}, headers=keyed).status_code for _ in range(2)] == [200, 200]
    resolved = checker.post(f"/v1/disputes/{dispute}/resolve", json={"outcome": "rejected", "statement": "it is so"})
    assert resolved.status_code == 200, resolved.text
    assert checker.post(path, json={}).status_code == 409
    noted = service.list(count, 500)
    assert [each.resource for each in noted] == [
        *["GET /v1/records/{record_id}"] * 2,
        *["POST /v1/alerts/{alert_id}/take"] * 2,
        "POST /v1/disputes/{dispute_id}/resolve",
    ]
    concerned = [network.exporter in each.enterprises for each in noted]
    assert concerned[:2] == [True, True]
    # What a bank's own dispute concerns the bank may not know; then the alert names nobody.
    assert concerned[2:4] == [alert["exporter"] is not None] * 2


def test_a_reading_that_cannot_be_written_down_is_not_answered(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    client = network.sign_in("authority", "checker")
    with monkeypatch.context() as patched:
        patched.setattr(LookUps, "add", fail)
        answer = client.get("/v1/enterprises")
    assert answer.status_code == 500
    assert network.exporter not in answer.text


def test_a_route_by_which_staff_read_is_noted_unless_it_is_declared_to_show_nothing_sealed() -> None:
    unnoted = {
        route
        for route, each in PERMISSIONS.items()
        if route.startswith("GET ") and "authority" in each.seats and each.roles & (PEOPLE | ADMIN) and not shows_sealed(route, each)
    }
    assert {route for route in unnoted if PERMISSIONS[route].scope != "ledger:read"} == NOTHING_SEALED
    assert set(PERMISSIONS) >= NOTHING_SEALED | OPENED | ANSWERED_OPENED


def test_settings_have_bounds_and_are_the_checkers_to_set(network: Network) -> None:
    checker = network.sign_in("authority", "checker")
    assert checker.get("/v1/monitoring/settings").json()["double_attempt_days"] == 30
    assert problem(checker.put("/v1/monitoring/settings", json={"lapses": 0}))["code"] == "invalid-request"
    assert problem(checker.put("/v1/monitoring/settings", json={"colour": 1}))["code"] == "invalid-request"
    changed = checker.put("/v1/monitoring/settings", json={"rate_tolerance_ppm": 30_000})
    assert changed.json()["rate_tolerance_ppm"] == 30_000
    assert problem(network.sign_in("authority", "maker").put("/v1/monitoring/settings", json={}))["code"] == "not-permitted"


def _in_custody(network: Network, role: str, enterprise: str | None) -> httpx.Client:
    """A program of this role at the authority's node."""
    node = network.nodes["authority"]
    client = network.anyone("authority")
    name = f"{role}-{node.random(4).hex()}"
    _, secret = node.accounts.add_client(name, name, role, scopes_of(role), enterprise=enterprise)
    client.headers["Authorization"] = f"Bearer {token(client, client_id=name, client_secret=secret).json()['access_token']}"
    return client


def test_what_is_taken_over_or_written_off_moves_in_money_too(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    granted(network, item, "bank-b")
    loan = approved(network, item, "29000.00")
    disbursed(network, loan)
    repaid(network, loan, "9000.00")
    lost = handed_in(
        network,
        "bank-a",
        "financing.write-off",
        {"financing": loan, "shares": [100_000]},
        demanded_parts("financing.write-off"),
        people(network, "bank-a"),
    )
    offer = {"offer": offer_commitment(bank="bank-b", financing=loan, salt="5a" * 32), "until": network.clock.now_ms() + DAY_MS}
    handed_in(network, "bank-a", "financing.transfer", {"financing": loan, **offer}, {}, people(network, "bank-a"))
    with network.nodes["bank-b"].private.reading() as connection:
        opening = grants_of(connection, item["declaration_id"])[0].opening()
    body = {"financing": loan, "salt": "5a" * 32, "grants": [opening]}
    taken = handed_in(network, "bank-b", "financing.take-over", body, demanded_parts("financing.take-over"), people(network, "bank-b"))
    settle(network)
    path = "/v1/monitoring/reconciliation"
    (found,) = _get(network, path, params={"declaration_id": item["declaration_id"]}).json()["items"]
    assert found["agrees"], found
    lines = {each["financing_id"]: (each["bank"], each["state"], each["owed"]["value"]) for each in found["financings"]}
    assert lines == {loan: ("bank-a", "WRITTEN_OFF", "3625.00"), taken: ("bank-b", "DISBURSED", "16375.00")}
    assert lost != taken


def test_an_enterprises_own_node_reads_which_look_ups_concerned_it(network: Network, played: dict[str, Any]) -> None:
    assert _get(network, f"/v1/enterprises/{network.exporter}").status_code == 200
    tokens = Tokens(network.nodes["authority"])
    key = network.nodes["exporter-a"].identity_key.id
    role = "enterprise-node"
    issued = tokens.issue(role, network.exporter, role, scopes_of(role), enterprise=network.exporter, proved_by=key)
    client = network.anyone("authority")
    client.headers["Authorization"] = f"Bearer {issued.token}"
    items = client.get("/v1/look-ups", params={"limit": 500}).json()["items"]
    assert "GET /v1/enterprises/{enterprise_id}" in {each["resource"] for each in items}
    assert {tuple(each["enterprises"]) for each in items} == {(network.exporter,)}
