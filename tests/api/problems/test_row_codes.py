"""What imports say of a row or of a file: each result brought about by a file that is handed in, and why enquiries are declined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.limits import IMPORT_XML_DECLARATION_BYTES_MAX
from nodes.author import Part
from nodes.consents.book import consents
from nodes.consents.terms import PaperBasis
from nodes.customs.columns import template_headers
from nodes.enquiries.parts import REQUEST_PART, AskedLine, RequestPart
from nodes.enquiries.worker import EnquiryWorker
from tests.api.business import WAIT, consented, imported, row
from tests.api.problems.calling import CSV, NOWHERE
from tests.api.problems.test_input_codes import LOADS_HEADER, workbook
from tests.api.served import CUSTODY_USCC, EXPORTER_USCC, Network, served_network
from tests.api.supervised import declared, granted
from tests.api.test_paper import on_paper
from tests.nodes.credit.examples import BASIC, YEAR

BAD = Path(__file__).resolve().parents[3] / "examples" / "bad"
HEAD = {
    "EntryId": "090820260519123456",
    "IEFlag": "E",
    "CustomMaster": "0908",
    "TradeCoScc": EXPORTER_USCC,
    "TradeName": "营口青果出口有限公司",
    "TradeMode": "0110",
    "TradeCountry": "IDN",
    "IEDate": "20261011",
}
LINE = {"CodeTS": "0809400000", "GName": "plums", "GQty": "1", "DeclTotal": "36250.00", "TradeCurr": "USD"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with served_network(tmp_path_factory.mktemp("rows")) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        yield served
        worker.stop()


def results(network: Network, *files: tuple[str, bytes]) -> set[str]:
    """What an import of files says of its declarations."""
    form = [("file", file) for file in files]
    answer = network.sign_in("authority", "maker").post("/v1/declaration-imports", files=form, headers=WAIT)
    assert answer.status_code == 201, answer.text
    return {str(item["result"]) for item in answer.json()["items"]}


def message(*lines: dict[str, str], **head: str) -> str:
    listed = "".join(f"<DecList>{_elements(line)}</DecList>" for line in lines)
    return f"<DecMessage><DecHead>{_elements({**HEAD, **head})}</DecHead><DecLists>{listed}</DecLists></DecMessage>"


def _elements(texts: dict[str, str]) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())


def as_row(**cells: Any) -> tuple[Any, ...]:
    known = {**row(), **cells}
    return tuple(known.get(name, "") for name in template_headers("en"))


@pytest.mark.produces("row-code", "amount-invalid", "country-unknown", "csv-malformed", "csv-row", "currency-unknown", "date-invalid")
@pytest.mark.produces("row-code", "declaration-too-large", "duplicate-in-file", "encoding-wrong", "field-invalid", "field-missing")
@pytest.mark.produces("row-code", "field-too-long", "file-type-unknown", "message-invalid", "mixed-currency", "no-declarations", "no-lines")
@pytest.mark.produces("row-code", "not-cleared", "not-export", "number-format", "receivable-unknown", "rows-differ", "table-columns")
@pytest.mark.produces("row-code", "too-many-lines", "uscc-invalid", "xml-forbidden", "xml-malformed", "xml-too-deep")
def test_a_customs_file_is_read_declaration_by_declaration(network: Network) -> None:
    found = results(network, *((path.name, path.read_bytes()) for path in sorted(BAD.iterdir())))
    padding = f"<Note>{'x' * 1_000}</Note>" * (IMPORT_XML_DECLARATION_BYTES_MAX // 1_000)
    made = {
        "large.xml": message(LINE).replace("</DecHead>", f"</DecHead>{padding}"),
        "lines.xml": message(*[LINE] * 1_001),
        "mode.xml": message(LINE, TradeMode="9999"),
        "invalid.xml": message(LINE).replace("<IEFlag>", "<EntryId>090820190000000001</EntryId><IEFlag>"),
        "long.xml": message(LINE, TradeName="营" * 2_000),
        "deep.xml": f"<E>{'<a>' * 30}{'</a>' * 30}</E>",
        "twice.csv": _table(row(number="090820260999999001"), row(), row(number="090820260999999001")),
        "invalid.csv": _table({**row(), "import_export_flag": "E", "office": "?"}),
        "unknown.bin": "what is this",
    }
    found |= results(network, *((name, text.encode()) for name, text in made.items()))
    assert "ok" in found


def _table(*rows: dict[str, str]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join(each.values()) for each in rows)])


@pytest.mark.produces("row-code", "xlsx-cell-error", "xlsx-cell-too-long", "xlsx-formula", "xlsx-malformed", "xlsx-number-digits")
@pytest.mark.produces("row-code", "xlsx-row", "xlsx-too-large", "xlsx-too-many-columns", "xlsx-too-many-rows")
@pytest.mark.produces("row-code", "file-too-large")
def test_a_workbook_is_read_cell_by_cell(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    head = tuple(template_headers("en"))

    def read(*rows: tuple[Any, ...]) -> set[str]:
        return results(network, ("book.xlsx", workbook(head, *rows)))

    found = read(as_row(goods_name="=1+1"), as_row(goods_name="#REF!"), as_row(goods_name="x" * 2_000), as_row(quantity=10**17 + 1))
    found |= read((*as_row(), *[""] * 5, "more")) | read((*as_row(), *["x"] * 300))
    found |= results(network, ("broken.xlsx", b"PK\x03\x04 nothing"))
    with monkeypatch.context() as low:
        low.setattr("nodes.spreadsheets.XLSX_FILE_BYTES_MAX", 10)
        found |= read(as_row())
    with monkeypatch.context() as low:
        low.setattr("nodes.spreadsheets.SheetLimits.__init__.__defaults__", (1, 256, 1_024))
        found |= read(as_row(), as_row(), as_row())
    with monkeypatch.context() as low:
        low.setattr("nodes.customs.text.IMPORT_FILE_BYTES_MAX", 10)
        found |= results(network, ("large.csv", _table(row()).encode()))
    assert found


@pytest.mark.produces("row-code", "kind-unknown", "field-unknown", "field-missing", "field-invalid", "fact-unknown", "uscc-invalid")
@pytest.mark.produces("row-code", "row-too-long", "too-many-facts", "currency-unknown")
def test_credit_facts_are_read_row_by_row(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = network.sign_in("authority", "maker")
    rows = [
        {**BASIC, "kind": "rumour"},
        {**BASIC, "colour": "red"},
        {**BASIC, "name": ""},
        {**YEAR, "year": "soon"},
        {**YEAR, "year": "1999", "withdrawn": "yes"},
        {**BASIC, "uscc": "91210800MA0000001A"},
        {**YEAR, "currency": "XQX"},
    ]
    told = maker.post("/v1/credit-profiles", json=rows).json()["items"]
    assert all(each["result"] not in ("recorded", "unchanged") for each in told), told
    names = [name for name in BASIC if name != "kind"]
    table = "\n".join([",".join(names), ",".join([*(BASIC[name] for name in names), "more"])])
    assert maker.post("/v1/credit-profiles", content=table.encode(), headers=CSV).json()["items"][0]["result"] == "row-too-long"
    monkeypatch.setattr("nodes.credit.profiles.CREDIT_REVISIONS_MAX", 0)
    assert maker.post("/v1/credit-profiles", json=[BASIC]).json()["items"][0]["result"] == "too-many-facts"


@pytest.mark.produces("row-code", "conflict-report-missing", "loan-apart", "loan-incomplete", "no-grant", "row-differs", "row-too-long")
@pytest.mark.produces("row-code", "number-format", "amount-invalid", "currency-differs", "too-many-lines", "bad-field")
def test_earlier_loans_are_read_row_by_row(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, item = network.sign_in("bank-a", "maker"), declared(network)
    granted(network, item)
    number, rest = item["number"], "p,b,2026-08-01,2027-02-01"
    rows = [
        f"L-1,{number},USD,1000.00,{rest}",
        f"L-2,090820260519999999,USD,1000.00,{rest}",
        f"L-3,{number},USD,1000.00,{rest}",
        f"L-3,{number},USD,1000.00,other,b,2026-08-01,2027-02-01",
        f"L-1,{number},USD,1000.00,{rest}",
        f"L-4,{number},USD,1000.00,{rest},more",
        f"L-5,12,USD,1000.00,{rest}",
        f"L-6,{number},USD,ten,{rest}",
        f"L-7,{number},EUR,1000.00,{rest}",
        f"L-8,{number},USD,1000.00,p,b,soon,2027-02-01",
    ]
    alone = bank.post("/v1/financings/loads/files", content=f"{LOADS_HEADER}\n{rows[0]}".encode(), headers=CSV)
    assert [each["result"] for each in alone.json()["items"]] == ["conflict-report-missing"]
    for path in ("/v1/conflict-reports/files", "/v1/financings/loads/files"):
        answer = bank.post(path, content="\n".join([LOADS_HEADER, *rows]).encode(), headers=CSV)
        assert answer.status_code == 200, answer.text
    monkeypatch.setattr("nodes.financings.load_table.ALLOCATIONS_BOUND", 1)
    bank.post("/v1/conflict-reports/files", content="\n".join([LOADS_HEADER, *rows[2:4]]).encode(), headers=CSV)


@pytest.mark.produces("row-code", "other-exporter", "unknown-declaration", "currency-differs")
def test_a_declaration_takes_the_place_only_of_its_like(network: Network) -> None:
    theirs, ours = imported(network, row(CUSTODY_USCC), row())
    made = imported(
        network,
        {**row(), "replaces": theirs["number"]},
        {**row(), "replaces": "090820260519999999"},
        {**row(), "replaces": ours["number"], "currency": "EUR"},
    )
    assert [each["result"] for each in made] == ["other-exporter", "unknown-declaration", "currency-differs"]


@pytest.mark.produces("decline-code", "consent-unknown", "consent-not-yours", "scope-missing", "paper-cap", "not-in-custody", "cannot-say")
@pytest.mark.produces("decline-code", "consent-invalid", "request-unreadable", "basis-unconfirmed", "exporters-differ")
def test_an_enquiry_is_declined_by_a_code(network: Network) -> None:
    bank, authority = network.nodes["bank-a"], network.nodes["authority"]
    client = network.sign_in("bank-a", "maker")
    line = AskedLine(number="090820260519123456", exporter_uscc=EXPORTER_USCC, amount=None, export_date=None)
    other = AskedLine(number="090820260519123457", exporter_uscc=CUSTODY_USCC, amount=None, export_date=None)
    paper = PaperBasis(document_sha256=NOWHERE, signatory="x")

    def declined(enquiry: str) -> str:
        answer = client.get(f"/v1/enquiries/{enquiry}", headers=WAIT).json()
        assert answer["state"] == "declined", answer
        return str(answer["code"])

    def made(*readers: str, **fields: Any) -> str:
        """An enquiry that no honest node would send."""
        request = RequestPart(**{"consent": None, "basis": None, "lines": [], "scopes": [], "kind": "declarations", **fields})
        part = Part(request.content(), [bank.directory.recipient(member) for member in readers or ("bank-a", "authority")])
        record = bank.author.record("enquiry.request", {"kind": request.kind}, [bank.identity_key], {REQUEST_PART: part})
        assert bank.outbox.send(record.raw, "enquiry.request").code == "ok"
        network.await_head("bank-a")
        return record.record_id

    def asked(consent: str, kind: str = "declarations") -> str:
        lines = [{"number": line.number, "exporter_uscc": EXPORTER_USCC}] if kind == "declarations" else []
        answer = client.post("/v1/enquiries", json={"kind": kind, "consent_id": consent, "lines": lines}, headers=WAIT)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def changed(consent: str, **values: str) -> str:
        """A consent that stands otherwise in the authority's tables, as one that somebody made up would."""
        with authority.private.begin() as connection:
            connection.execute(sa.update(consents).where(consents.c.id == consent).values(**values))
        return consent

    assert declined(made(consent=NOWHERE, lines=[line])) == "consent-unknown"
    assert declined(made(consent=consented(network, "bank-b"), lines=[line])) == "consent-not-yours"
    assert declined(made(basis=paper, kind="credit")) == "cannot-say"
    assert declined(made(basis=paper, lines=[line, other])) == "exporters-differ"
    assert declined(made(basis=paper, lines=[line])) == "not-in-custody"
    assert declined(made("bank-a", basis=paper, lines=[line])) == "request-unreadable"
    assert declined(asked(changed(consented(network), fault="made up"))) == "consent-invalid"
    assert declined(asked(changed(consented(network), scopes="basic"))) == "scope-missing"
    assert declined(asked(changed(consented(network), scopes="basic", basis="paper"), "credit")) == "basis-unconfirmed"
    settings = network.sign_in("authority", "maker")
    before = settings.get("/v1/paper-settings").json()
    settings.put("/v1/paper-settings", json={**before, "per_day": 0})
    assert on_paper(network).json()["code"] == "paper-cap"
