"""The main job over HTTP, from the customs file to the last repayment, by the people and programs who do it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.permissions import scopes_of
from ledger.clock import rfc3339
from tests.api.business import DAY_MS, WAIT, answered, asked, await_record, consented, financed, imported, row, serials, signed
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, problem, token

pytestmark = pytest.mark.usefixtures("answering")


def test_a_file_is_imported_with_one_result_for_each_declaration(network: Network) -> None:
    good, twice = row(), row()
    wrong = row(number="09082026051910000X")
    items = imported(network, good, wrong, twice)
    assert [item["result"] for item in items] == ["ok", "number-format", "ok"]
    again = imported(network, good)
    assert again[0]["result"] == "already-registered"
    assert again[0]["declaration_id"] == items[0]["declaration_id"]


def test_files_come_as_a_form_too_and_the_same_key_imports_once(network: Network) -> None:
    columns = row()
    text = f"{','.join(columns)}\n{','.join(columns.values())}\n".encode()
    client = network.sign_in("authority", "core")
    files = [("file", ("a/b/july.csv", text, "text/csv")), ("file", ("broken.xml", b"<x", "application/xml"))]
    headers = {**WAIT, "Idempotency-Key": "import-1"}
    first = client.post("/v1/declaration-imports", files=files, headers=headers).json()
    assert [(item["file"], item["result"] == "ok") for item in first["items"]] == [("july.csv", True), ("broken.xml", False)]
    assert (first["total"], first["registered"], first["refused"]) == (2, 1, 1)
    assert client.post("/v1/declaration-imports", files=files, headers=headers).json()["id"] == first["id"]
    page = client.get(f"/v1/declaration-imports/{first['id']}", params={"after": 1}).json()
    assert [item["file"] for item in page["items"]] == ["broken.xml"]


def test_an_import_that_nobody_waits_for_is_found_at_its_location(network: Network) -> None:
    columns = row()
    text = f"{','.join(columns)}\n{','.join(columns.values())}\n".encode()
    client = network.sign_in("authority", "core")
    answer = client.post("/v1/declaration-imports", content=text, headers={"Content-Type": "text/csv"})
    assert answer.status_code in (201, 202)
    assert client.get(answer.headers["location"]).json()["id"] == answer.json()["id"]


@pytest.mark.parametrize("body", ["[]", "{}", "[1]", '[{"colour":"red"}]', '[{"currency":1}]', "nonsense"])
def test_an_array_that_is_no_table_of_declarations_is_refused(network: Network, body: str) -> None:
    client = network.sign_in("authority", "core")
    answer = client.post("/v1/declaration-imports", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)["code"] == "invalid-request"
    assert client.post("/v1/declaration-imports", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415


@pytest.mark.produces("answer-code", "match", "unknown")
def test_the_main_job_runs_from_consent_to_repayment(network: Network) -> None:
    declaration = imported(network, row())[0]
    enquiry = answered(network, consented(network), [asked(declaration), asked({"number": "090820260519999999"})])
    line, unknown = enquiry["lines"]
    assert (line["result"], unknown["result"]) == ("match", "unknown")
    assert unknown["declaration_id"] is None
    assert line["status"]["available"] == {"currency": "USD", "value": "36250.00"}
    assert line["source"] == {"registered_by": "authority", "key": "good"}

    application = financed(network, line["declaration_id"], "29000.00")
    assert application.status_code == 201, application.text
    path = application.headers["location"]
    maker = network.sign_in("bank-a", "maker")
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    assert signed(network, maker.post(f"{path}/approve", json={"pledge": pledge}))["result"]["code"] == "ok"
    days = {"disbursed_on": "2026-10-27", "matures_on": "2027-01-27", "reference": "D-1"}
    assert signed(network, maker.post(f"{path}/disburse", json=days))["result"]["code"] == "ok"

    refused = financed(network, line["declaration_id"], "10000.00")
    body = problem(refused)
    assert (refused.status_code, body["code"]) == (409, "exceeds-available")
    assert body["lines"][0]["left"] == {"currency": "USD", "value": "7250.00"}
    assert maker.get(f"/v1/records/{body['record_id']}").json()["result"]["code"] == "exceeds-available"

    repayment = {"source": "own-funds", "paid_on": "2026-11-01", "reference": "P-1"}
    assert signed(network, maker.post(f"{path}/repay", json=repayment))["result"]["code"] == "ok"
    financing = maker.get(path).json()
    assert financing["state"] == "PAID_OFF"
    assert financing["totals"]["repaid"] == {"currency": "USD", "value": "29000.00"}
    listed = maker.get("/v1/financings", params={"state": "PAID_OFF"}).json()["items"]
    assert {each["state"] for each in listed} == {"PAID_OFF"} and listed[0]["id"] == financing["id"]
    assert maker.get(f"/v1/declarations/{line['declaration_id']}").json()["status"]["available"]["value"] == "36250.00"


def test_a_dry_run_says_what_would_come_of_it_and_writes_nothing(network: Network) -> None:
    declaration = imported(network, row())[0]
    answered(network, consented(network), [asked(declaration)])
    body = {"lines": [{"declaration_id": declaration["declaration_id"]}], "product": "p", "reference": "r"}
    before = _head(network)
    answer = network.sign_in("bank-a", "maker").post("/v1/financings", params={"dry_run": "true"}, json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["record_id"]) == (200, "ok", None)
    assert _head(network) == before


def test_enquiries_and_uses_of_data_are_listed_from_either_end(network: Network) -> None:
    bank, exporter = network.sign_in("bank-a", "maker"), network.sign_in("exporter-a", "maker")
    consent = consented(network)
    asked_now = [answered(network, consent, [asked(imported(network, row())[0])])["id"] for _ in range(2)]
    network.await_head("exporter-a")
    newest = bank.get("/v1/enquiries", params={"order": "newest", "limit": 1}).json()
    second = bank.get("/v1/enquiries", params={"order": "newest", "limit": 1, "after": newest["next"]}).json()
    assert [each["items"][0]["id"] for each in (newest, second)] == list(reversed(asked_now))
    assert newest["items"][0]["exporter"] == {"uscc": EXPORTER_USCC, "name": "营口青果出口有限公司"}
    assert bank.get("/v1/enquiries", params={"limit": 500}).json()["items"][-2:] == [*second["items"], *newest["items"]]
    uses = exporter.get("/v1/accesses", params={"limit": 500}).json()["items"]
    first = exporter.get("/v1/accesses", params={"order": "newest", "limit": 2}).json()
    after = exporter.get("/v1/accesses", params={"order": "newest", "limit": 1, "after": first["next"]}).json()
    assert [*first["items"], *after["items"]] == list(reversed(uses))[:3]
    assert problem(bank.get("/v1/enquiries", params={"order": "best"}))["code"] == "invalid-request"


def test_one_key_makes_one_financing(network: Network) -> None:
    declaration = imported(network, row())[0]
    answered(network, consented(network), [asked(declaration)])
    client = network.sign_in("bank-a", "core")
    amount = {"currency": "USD", "value": "1000.00"}
    body = {"lines": [{"declaration_id": declaration["declaration_id"], "amount": amount}], "product": "p", "reference": "r"}
    headers = {"Idempotency-Key": "loan-77"}
    first, second = (client.post("/v1/financings", json=body, headers=headers) for _ in range(2))
    assert first.status_code == 201, first.text
    assert first.json() == second.json()
    other = client.post("/v1/financings", json={**body, "reference": "other"}, headers=headers)
    assert problem(other)["code"] == "idempotency-conflict"


def test_a_bank_without_a_grant_gets_no_hold(network: Network) -> None:
    declaration = imported(network, row())[0]
    answer = financed(network, declaration["declaration_id"], "1000.00", bank="bank-b")
    assert (answer.status_code, problem(answer)["code"]) == (409, "no-grant")
    assert "record_id" not in answer.json(), "nothing could be put into a record"


def approval_prepared(network: Network) -> httpx.Response:
    """An approval that bank A's maker prepared, and that nobody has signed second."""
    declaration = imported(network, row())[0]
    answered(network, consented(network), [asked(declaration)])
    path = financed(network, declaration["declaration_id"], "1000.00").headers["location"]
    maker = network.sign_in("bank-a", "maker")
    maker.post(f"{path}/intake", json={})
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    return maker.post(f"{path}/approve", json={"pledge": pledge})


def test_the_person_who_prepared_it_cannot_sign_it_too(network: Network) -> None:
    prepared, maker = approval_prepared(network), network.sign_in("bank-a", "maker")
    assert problem(maker.post(f"{prepared.headers['location']}/sign"))["code"] in ("same-person", "not-permitted")
    checker = network.sign_in("bank-a", "checker")
    assert prepared.json()["task"] in [task["id"] for task in checker.get("/v1/tasks", params={"state": "open"}).json()["items"]]
    declined = checker.post(f"{prepared.headers['location']}/decline", json={"reason": "no agreement"})
    assert declined.json()["state"] == "declined"
    assert problem(checker.post(f"{prepared.headers['location']}/sign"))["code"] == "task-declined"


def test_who_prepared_it_may_take_it_back_before_anybody_has_signed(network: Network) -> None:
    prepared, maker = approval_prepared(network), network.sign_in("bank-a", "maker")
    taken_back = maker.post(f"{prepared.headers['location']}/decline", json={"reason": "the wrong agreement"}).json()
    assert (taken_back["state"], taken_back["decided_by"], taken_back["author"]) == ("declined", "maker", "maker")
    assert problem(network.sign_in("bank-a", "checker").post(f"{prepared.headers['location']}/sign"))["code"] == "task-declined"


def test_after_a_revocation_the_next_hold_is_refused(network: Network) -> None:
    declaration = imported(network, row())[0]
    consent = consented(network)
    answered(network, consent, [asked(declaration)])
    exporter = network.sign_in("exporter-a", "maker")
    revoked = exporter.post(f"/v1/consents/{consent}/revoke")
    assert revoked.status_code == 200, revoked.text
    await_record(network, "bank-a", revoked.json()["record_id"])
    assert problem(financed(network, declaration["declaration_id"], "1000.00"))["code"] == "consent-revoked"
    assert exporter.get(f"/v1/consents/{consent}").json()["state"] == "revoked"
    kinds = [each["kind"] for each in exporter.get("/v1/accesses", params={"limit": 500}).json()["items"] if each["consent_id"] == consent]
    assert {"consent", "enquiry", "answer", "revocation"} <= set(kinds)


def test_an_amended_and_a_voided_declaration_say_so(network: Network) -> None:
    declaration = imported(network, row())[0]
    maker = network.sign_in("authority", "maker")
    path = f"/v1/declarations/{declaration['declaration_id']}"
    amended = maker.post(f"{path}/amend", json={"amount": {"currency": "USD", "value": "18125.00"}, "reason": "short shipment"})
    assert amended.json()["result"]["code"] == "ok", amended.text
    assert maker.get(path).json()["status"]["available"] == {"currency": "USD", "value": "18125.00"}
    assert maker.post(f"{path}/void", json={"reason": "withdrawn"}).status_code == 200
    assert maker.get(path).json()["status"]["declaration"] == "void"
    again = maker.post(f"{path}/void", json={"reason": "withdrawn"})
    assert (again.status_code, problem(again)["code"]) == (409, "void")


def test_an_exporter_in_custody_sees_and_consents_for_itself_only(network: Network) -> None:
    own, other = imported(network, row(CUSTODY_USCC), row())
    client = _in_custody(network)
    listed = [each["id"] for each in client.get("/v1/declarations", params={"limit": 500}).json()["items"]]
    assert own["declaration_id"] in listed
    assert other["declaration_id"] not in listed
    assert client.get("/v1/declarations", params={"number": other["number"]}).json()["items"] == []
    assert problem(client.get(f"/v1/declarations/{other['declaration_id']}"))["code"] == "unknown-declaration"
    body = {"bank": "bank-b", "scopes": ["finance"], "not_before": rfc3339(network.clock.now_ms()), "uses": 1}
    body["not_after"] = rfc3339(network.clock.now_ms() + DAY_MS)
    given = client.post("/v1/consents", json=body, headers=WAIT)
    assert (given.status_code, given.json()["basis"]) == (201, "custody"), given.text
    assert problem(client.post("/v1/consents", json={**body, "enterprise_id": network.exporter}))["code"] == "not-your-enterprise"
    staff = network.sign_in("authority", "maker")
    assert problem(staff.post("/v1/consents", json={**body, "enterprise_id": network.in_custody}))["code"] == "not-permitted"
    theirs = consented(network)
    assert problem(client.get(f"/v1/consents/{theirs}"))["code"] == "unknown-consent"
    assert problem(client.get("/v1/consents", params={"enterprise_id": network.exporter}))["code"] == "not-your-enterprise"
    for caller, enterprise, seen in (
        (staff, network.in_custody, {given.json()["id"]}),
        (staff, network.exporter, {theirs}),
    ):
        listed = caller.get("/v1/consents", params={"enterprise_id": enterprise, "limit": "500"}).json()["items"]
        assert {each["id"] for each in listed} & {given.json()["id"], theirs} == seen


@pytest.mark.produces("problem-code", "already-enrolled")
def test_the_authority_enrols_an_enterprise_once(network: Network) -> None:
    maker = network.sign_in("authority", "maker")
    body = {"uscc": "91440300MA5DA1234H", "name": "深圳新企业", "custody": True}
    enrolled = maker.post("/v1/enterprises", json=body)
    assert enrolled.status_code == 201, enrolled.text
    assert maker.get(enrolled.headers["location"]).json()["name"] == "深圳新企业"
    assert problem(maker.post("/v1/enterprises", json=body))["code"] == "already-enrolled"
    assert problem(maker.post("/v1/enterprises", json={**body, "uscc": "91440300MA5DA12340"}))["code"] == "uscc-invalid"
    assert enrolled.json()["id"] in [each["id"] for each in maker.get("/v1/enterprises").json()["items"]]
    for query in ("91440300MA5D", "圳新企"):
        found = maker.get("/v1/enterprises", params={"query": query}).json()["items"]
        assert enrolled.json()["id"] in [each["id"] for each in found]
    assert maker.get("/v1/enterprises", params={"query": "%%"}).json()["items"] == []


def _in_custody(network: Network) -> httpx.Client:
    node = network.nodes["authority"]
    client = network.anyone("authority")
    name = f"exporter-{next(serials)}"
    _, secret = node.accounts.add_client(name, name, "enterprise", scopes_of("enterprise"), enterprise=network.in_custody)
    bearer = token(client, client_id=name, client_secret=secret).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {bearer}"
    return client


def _head(network: Network) -> int:
    with network.nodes["bank-a"].store.reading() as reader:
        return reader.head.height


def test_a_request_whose_answer_was_lost_in_a_crash_is_done_once(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = imported(network, row())
    answered(network, consented(network), [asked(item)])
    financing = financed(network, item["declaration_id"], "100.00").json()["id"]
    client = network.sign_in("bank-a", "maker")

    def crash(*_: object) -> None:
        raise RuntimeError("the process is gone")

    def twice(path: str, body: dict[str, Any]) -> list[httpx.Response]:
        """Sent, done, and the answer lost; then sent again."""
        headers = {**WAIT, "Idempotency-Key": f"lost-{path}-{financing[:8]}"}
        with monkeypatch.context() as patched:
            patched.setattr("api.idempotency.Idempotency._keep", crash)
            lost = client.post(path, json=body, headers=headers)
        return [lost, client.post(path, json=body, headers=headers)]

    def tasks(kind: str) -> list[str]:
        return [task["id"] for task in client.get("/v1/tasks", params={"state": "open"}).json()["items"] if task["type"] == kind]

    at = f"/v1/financings/{financing}"
    lost, again = twice(f"{at}/intake", {})
    assert (lost.status_code, again.status_code) == (500, 200), again.text
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-20T08:00:00Z"}
    days = {"disbursed_on": "2026-10-20", "matures_on": "2027-01-20", "reference": "L-1"}
    amount = {"amount": {"currency": "USD", "value": "50.00"}, "collected_on": "2026-10-21", "reference": "C-1"}
    payment = {"total": {"currency": "USD", "value": "50.00"}, "source": "own-funds", "paid_on": "2026-10-21", "reference": "P-1"}
    for kind, path, body in (
        ("financing.approve", f"{at}/approve", {"pledge": pledge}),
        ("financing.disburse", f"{at}/disburse", days),
        ("declaration.collected", f"/v1/declarations/{item['declaration_id']}/collections", amount),
        ("financing.repay", f"{at}/repay", payment),
    ):
        before = tasks(kind)
        lost, again = twice(path, body)
        assert (lost.status_code, again.status_code) == (500, 202), again.text
        assert tasks(kind) == [again.json()["task"], *before]
        signed(network, again)

    second = financed(network, item["declaration_id"], "100.00").json()["id"]
    lost, again = twice(f"/v1/financings/{second}/cancel", {"reason": "withdrawn"})
    assert (lost.status_code, again.status_code) == (500, 200), again.text
