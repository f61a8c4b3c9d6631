"""What is handed in and cannot be used: each code of a problem brought about through the public API, in tables of calls."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from ledger.clock import rfc3339
from ledger.limits import ATTACHMENT_SENT_BYTES_MAX, LOAD_FILE_BYTES_MAX, LOAD_ROWS_MAX
from nodes import spreadsheets
from tests.api.business import DAY_MS
from tests.api.problems.calling import CSV, NOWHERE, XLSX, Call, answer_of, expected, refusals
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, problem
from tests.api.supervised import applied, approved, declared, disbursed, granted, usd
from tests.api.test_attachments import handed_in, scan
from tests.api.test_credit import PARAMETERS
from tests.api.test_financing_requests import form

pytestmark = pytest.mark.usefixtures("answering")
LOADS_HEADER = "reference,declaration_number,currency,drawn,product,branch,disbursed_on,matures_on"


def workbook(*rows: tuple[Any, ...], title: str = "basic") -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = title
    for each in rows:
        book.active.append(each)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.produces("problem-code", "bad-cursor", "bad-period", "bad-prefer", "bad-purpose", "number-format")
@pytest.mark.produces("problem-code", "bad-consent", "bad-enrolment", "bad-key", "uscc-invalid", "bad-enquiry", "number-twice")
@pytest.mark.produces("problem-code", "currency-unknown", "rate-invalid", "rates-malformed", "parameters-invalid", "exporters-differ")
@pytest.mark.produces("problem-code", "unknown-event-type", "webhook-url", "address-forbidden", "outside-log")
def test_a_field_or_parameter_that_cannot_be_so_has_a_code_of_its_own(network: Network) -> None:
    now, later = rfc3339(network.clock.now_ms()), rfc3339(network.clock.now_ms() + DAY_MS)
    consent = {"bank": "bank-a", "scopes": ["finance"], "not_before": now, "not_after": later, "uses": 1}
    enterprise = {"uscc": EXPORTER_USCC, "name": "Some Exporter", "custody": True}
    line = {"number": "090820260519100001", "exporter_uscc": EXPORTER_USCC}
    ask = {"kind": "declarations", "consent_id": NOWHERE, "lines": [line]}
    paper = {"kind": "paper", "document_sha256": NOWHERE, "signatory": "x"}
    rate = {"currency": "EUR", "day": "2026-10-26", "rate": "1.1"}
    other = {**line, "number": "090820260519100002", "exporter_uscc": CUSTODY_USCC}
    hook = {"url": "https://bank.example/hook", "types": [], "description": "core"}
    no_key = {"alg": "p256", "public": "00" * 33}
    calls = {
        "bad-cursor": Call("authority", "maker", "GET", "/v1/alerts", params={"after": "x"}),
        "bad-period": Call("authority", "maker", "GET", "/v1/monitoring/summary", params={"from": "2026-05-31", "to": "2026-05-01"}),
        "bad-prefer": Call("bank-a", "maker", "POST", "/v1/enquiries", json=ask, headers={"Prefer": "wait=soon"}),
        "bad-purpose": Call("authority", "maker", "GET", "/v1/enterprises", headers={"X-Purpose": "%ff"}),
        "number-format": Call("bank-a", "maker", "POST", "/v1/enquiries", json={**ask, "lines": [{**line, "number": "12"}]}),
        "bad-consent": Call("exporter-a", "maker", "POST", "/v1/consents", json={**consent, "bank": "auditor"}),
        "bad-enrolment": Call("authority", "maker", "POST", "/v1/enterprises", json={**enterprise, "custody": False}),
        "bad-key": Call(
            "authority", "maker", "POST", "/v1/enterprises", json={**enterprise, "custody": False, "sign": no_key, "seal": no_key}
        ),
        "uscc-invalid": Call("authority", "maker", "POST", "/v1/enterprises", json={**enterprise, "uscc": "91210800MA0000001A"}),
        "bad-enquiry": Call("bank-a", "maker", "POST", "/v1/enquiries", json={**ask, "basis": paper}),
        "number-twice": Call("bank-a", "maker", "POST", "/v1/enquiries", json={**ask, "lines": [line, line]}),
        "currency-unknown": Call("authority", "maker", "POST", "/v1/exchange-rates", json={"rates": [{**rate, "currency": "XQX"}]}),
        "rate-invalid": Call("authority", "maker", "POST", "/v1/exchange-rates", json={"rates": [{**rate, "rate": "0"}]}),
        "rates-malformed": Call("authority", "maker", "POST", "/v1/exchange-rates", content=b"a,b\n1,2\n", headers=CSV),
        "parameters-invalid": Call(
            "bank-a", "core", "POST", "/v1/credit-parameters", json={**PARAMETERS, "cap": {"currency": "EUR", "value": "1.00"}}
        ),
        "exporters-differ": Call(
            "bank-a", "maker", "POST", "/v1/enquiries", json={"kind": "declarations", "basis": paper, "lines": [line, other]}
        ),
        "unknown-event-type": Call("bank-a", "admin", "POST", "/v1/webhooks", json={**hook, "types": ["nothing.happened"]}),
        "webhook-url": Call("bank-a", "admin", "POST", "/v1/webhooks", json={**hook, "url": "ftp://bank.example/hook"}),
        "address-forbidden": Call("bank-a", "admin", "POST", "/v1/webhooks", json={**hook, "url": "https://127.0.0.1/hook"}),
        "outside-log": Call("bank-a", "maker", "GET", "/v1/log/consistency", params={"first": "2", "second": "1"}),
    }
    assert refusals(network, calls) == expected(calls)


@pytest.mark.produces("problem-code", "columns-wrong", "csv-malformed", "encoding-wrong", "file-too-large", "no-rows", "no-sheets")
@pytest.mark.produces("problem-code", "too-many-rows", "xlsx-malformed", "xlsx-too-many-columns", "xlsx-too-many-rows", "media-type")
def test_a_file_that_cannot_be_read_as_a_whole_says_why(network: Network) -> None:
    facts, loads = "/v1/credit-profiles", "/v1/conflict-reports/files"
    head = tuple(LOADS_HEADER.split(","))
    calls = {
        "columns-wrong": Call("authority", "maker", "POST", facts, content=b"a,b\n1,2\n", headers=CSV),
        "csv-malformed": Call("bank-a", "maker", "POST", loads, content=LOADS_HEADER.encode() + b'\n"a"b,c\n', headers=CSV),
        "encoding-wrong": Call("authority", "maker", "POST", facts, content=b"uscc,name\n\xff\xfe\xfa,1\n", headers=CSV),
        "file-too-large": Call("bank-a", "maker", "POST", loads, content=b" " * (LOAD_FILE_BYTES_MAX + 1), headers=CSV),
        "no-rows": Call("bank-a", "maker", "POST", loads, content=LOADS_HEADER.encode(), headers=CSV),
        "no-sheets": Call("authority", "maker", "POST", facts, content=workbook(("a",), title="other"), headers=XLSX),
        "too-many-rows": Call("bank-a", "maker", "POST", loads, content=_loads(LOAD_ROWS_MAX + 1), headers=CSV),
        "xlsx-malformed": Call("authority", "maker", "POST", facts, content=b"PK\x03\x04 nothing", headers=XLSX),
        "xlsx-too-many-columns": Call("bank-a", "maker", "POST", loads, content=workbook(head, ("x",) * 300), headers=XLSX),
        "xlsx-too-many-rows": Call("bank-a", "maker", "POST", loads, content=workbook(*[head] * (LOAD_ROWS_MAX + 10)), headers=XLSX),
        "media-type": Call("authority", "maker", "POST", facts, content=b"x", headers={"Content-Type": "text/plain"}),
    }
    assert refusals(network, calls) == expected(calls)


def _loads(rows: int) -> bytes:
    return "\n".join([LOADS_HEADER, *["L-1,090820260519100001,USD,1.00,p,b,2026-08-01,2027-02-01"] * rows]).encode()


@pytest.mark.produces("problem-code", "attachment-name", "attachment-too-large", "amount-invalid", "statement-too-long", "xlsx-sheet-full")
@pytest.mark.produces("problem-code", "xlsx-too-large")
def test_what_is_too_large_or_has_no_name_is_refused(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, exporter = network.sign_in("bank-a", "maker"), network.sign_in("exporter-a", "maker")
    assert problem(handed_in(bank, scan(), "a\u202eb.pdf"))["code"] == "attachment-name"
    large = [handed_in(exporter, scan() + bytes(ATTACHMENT_SENT_BYTES_MAX // 2)).json()["sha256"] for _ in range(2)]
    assert problem(exporter.post("/v1/financing-requests", json=form(attachments=large)))["code"] == "attachment-too-large"
    item = declared(network)
    granted(network, item)
    assert problem(applied(network, item, "0.00"))["code"] == "amount-invalid"
    disbursed(network, approved(network, item, "1000.00"))
    days = {"from": "2026-10-01", "to": "2026-12-31"}
    # The limits are high; what happens at them is the same at low ones.
    monkeypatch.setattr("nodes.statements.financings.STATEMENT_ROWS_MAX", 0)
    assert problem(bank.get("/v1/statements/financings", params=days))["code"] == "statement-too-long"
    monkeypatch.undo()
    monkeypatch.setattr(spreadsheets, "XLSX_WRITTEN_ROWS_MAX", 1)
    assert problem(bank.get("/v1/statements/financings", params={**days, "format": "xlsx"}))["code"] == "xlsx-sheet-full"
    monkeypatch.undo()
    monkeypatch.setattr(spreadsheets, "XLSX_FILE_BYTES_MAX", 10)
    file = Call("bank-a", "maker", "POST", "/v1/conflict-reports/files", content=workbook(("a",)), headers=XLSX)
    assert problem(answer_of(network, file))["code"] == "xlsx-too-large"


@pytest.mark.produces("problem-code", "unknown-assessment", "unknown-import", "unknown-collection", "unknown-profile")
@pytest.mark.produces("problem-code", "unknown-member", "unknown-audit", "unknown-webhook", "unknown-report", "unknown-request")
@pytest.mark.produces("problem-code", "unknown-alert", "unknown-dispute", "unknown-enquiry", "unknown-notice", "unknown-order")
@pytest.mark.produces("problem-code", "unknown-proposal", "unknown-record", "unknown-task", "unknown-financing", "unknown-declaration")
@pytest.mark.produces("problem-code", "unknown-consent", "unknown-enterprise", "unknown-height", "unknown-attachment")
@pytest.mark.produces("problem-code", "not-found", "method-not-allowed")
def test_what_is_not_there_is_named_by_what_it_would_be(network: Network) -> None:
    a, b, short = ("authority", "maker", "GET"), ("bank-a", "maker", "GET"), "0" * 32
    corrects = {"amount": usd("1.00"), "collected_on": "2026-11-02", "reference": "C", "corrects": NOWHERE}
    item = declared(network)
    granted(network, item)
    disbursed(network, approved(network, item, "1000.00"))
    calls = {
        "unknown-assessment": Call(*b, f"/v1/credit-assessments/{short}"),
        "unknown-import": Call(*a, f"/v1/declaration-imports/{short}"),
        "unknown-collection": Call("bank-a", "maker", "POST", f"/v1/declarations/{item['declaration_id']}/collections", json=corrects),
        "unknown-profile": Call(*a, "/v1/credit-profiles/91210800MA0000009X"),
        "unknown-member": Call("authority", "maker", "POST", "/v1/members/nobody/suspend", json={"reason": "breach"}),
        "unknown-audit": Call(*a, f"/v1/audits/{short}"),
        "unknown-webhook": Call("bank-a", "admin", "GET", f"/v1/webhooks/{short}"),
        "unknown-report": Call(*b, f"/v1/conflict-reports/{NOWHERE}"),
        "unknown-request": Call(*b, f"/v1/financing-requests/{NOWHERE}"),
        "unknown-alert": Call(*a, f"/v1/alerts/{NOWHERE}"),
        "unknown-dispute": Call(*b, f"/v1/disputes/{NOWHERE}"),
        "unknown-enquiry": Call(*b, f"/v1/enquiries/{NOWHERE}"),
        "unknown-notice": Call("bank-a", "maker", "POST", f"/v1/notices/{NOWHERE}/read"),
        "unknown-order": Call(*a, f"/v1/orders/{NOWHERE}"),
        "unknown-proposal": Call(*a, f"/v1/governance/proposals/{NOWHERE}"),
        "unknown-record": Call(*b, f"/v1/records/{NOWHERE}"),
        "unknown-task": Call(*b, f"/v1/tasks/{short}"),
        "unknown-financing": Call(*b, f"/v1/financings/{NOWHERE}"),
        "unknown-declaration": Call(*b, f"/v1/declarations/{NOWHERE}"),
        "unknown-consent": Call(*b, f"/v1/consents/{NOWHERE}"),
        "unknown-enterprise": Call(*a, f"/v1/enterprises/{NOWHERE}"),
        "unknown-height": Call(*b, "/v1/blocks/999999"),
        "unknown-attachment": Call(*b, f"/v1/attachments/{NOWHERE}"),
        "not-found": Call(*b, "/v1/nothing"),
        "method-not-allowed": Call("bank-a", "maker", "DELETE", "/v1/network"),
    }
    assert refusals(network, calls) == expected(calls)
