"""Readers of files that people hand in: declarations, spreadsheets, ISO 20022 messages, loans, ratings, rates, documents, backups."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from api.resources import exchange_rates
from ledger import canonical
from ledger.errors import InputError, TallystickError, VerificationFailed
from nodes.attachments.kinds import media_type_of
from nodes.backups import lines
from nodes.credit.files import read_facts
from nodes.customs.declaration import CustomsDeclaration
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed, Rejected
from nodes.financings.load_table import read_loans
from nodes.iso20022 import reading, requests
from nodes.spreadsheets import Sheet, read_rows, sheet_names, write_workbook
from tests.fuzz.target import READ, Reader, Target, consumed, outcome


def _customs(ending: str) -> Callable[[], Reader]:
    def make() -> Reader:
        def taken(data: bytes) -> str:
            items = list(read_declarations(BytesIO(data), f"given.{ending}"))
            assert items, "a file without an answer"
            assert [item.position for item in items] == list(range(1, len(items) + 1))
            for item in items:
                if isinstance(item, Parsed):
                    sealed = canonical.decode(canonical.encode(item.declaration.to_sealed()))
                    assert CustomsDeclaration.from_sealed(sealed) == item.declaration
            refused = [item.code for item in items if isinstance(item, Rejected)]
            return refused[0] if refused else READ

        def read(data: bytes) -> str:
            try:
                return taken(data)
            except InputError as error:
                return error.code

        return read

    return make


def _workbook() -> Reader:
    def taken(data: bytes) -> None:
        names = sheet_names(BytesIO(data))
        outcome(lambda: consumed(read_rows(BytesIO(data), names[-1] if names else "none")), InputError)
        rows = [row.cells for row in read_rows(BytesIO(data)) if row.fault is None]
        written = BytesIO()
        write_workbook(written, [Sheet("again", [], rows)])
        again = [row.cells for row in read_rows(written)]
        assert again == [cells for cells in map(_as_kept, rows) if cells]

    return lambda data: outcome(lambda: taken(data), InputError)


def _as_kept(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Cells as they come back from a file of ours: what XML cannot hold is replaced, and empty ones at the end are gone."""
    kept = [ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", cell) for cell in cells]
    while kept and not kept[-1].strip():
        kept.pop()
    return tuple(kept)


def _iso20022() -> Reader:
    def taken(data: bytes) -> None:
        kind, element = reading.read(data)
        asked: requests.FinancingRequest | requests.CancellationRequest
        asked = requests.financing_request(element) if kind == reading.REQUEST else requests.cancellation_request(element)
        # As it is kept, and read again to be answered.
        assert type(asked).model_validate_json(asked.model_dump_json()) == asked

    return lambda data: outcome(lambda: taken(data), InputError)


def _stream(read: Callable[[BinaryIO], object]) -> Reader:
    return lambda data: outcome(lambda: read(BytesIO(data)), TallystickError)


def _loans() -> Reader:
    return _stream(read_loans)


def _credit_facts() -> Reader:
    return _stream(lambda stream: consumed(read_facts(stream)))


def _rates_in(data: bytes) -> object:
    return exchange_rates._from_json(data) if data.lstrip()[:1] == b"{" else exchange_rates._from_csv(data)


def _rates() -> Reader:
    return lambda data: outcome(lambda: _rates_in(data), InputError)


def _document() -> Reader:
    return _stream(media_type_of)


def _listed(row: object) -> list[object]:
    return row if isinstance(row, list) else []


def _backup() -> Reader:
    def taken(data: bytes) -> None:
        step = len(data) // 7 + 1
        cut = [data[start : start + step] for start in range(0, len(data), step)]
        found = list(lines.decode(cut))
        assert found == list(lines.decode([data]))
        for line in found:
            for each in _listed(line.get("row")):
                lines.value(each)
            if "data" in line:
                assert list(lines.pieces(lines.data(line, "data"), 1 << 20))[:1] in ([], [{"data": line["data"]}])

    return lambda data: outcome(lambda: taken(data), VerificationFailed)


TARGETS = {
    "customs-xml": Target(_customs("xml"), "bytes", 65_536),
    "customs-csv": Target(_customs("csv"), "bytes", 65_536),
    "customs-xlsx": Target(_customs("xlsx"), "zip", 65_536),
    "workbook": Target(_workbook, "zip", 65_536),
    "iso20022": Target(_iso20022, "bytes", 65_536),
    "loans": Target(_loans, "bytes", 65_536),
    "credit-facts": Target(_credit_facts, "zip", 65_536),
    "rates": Target(_rates, "bytes", 16_384),
    "document": Target(_document, "zip", 65_536),
    "backup": Target(_backup, "lines", 16_384),
}
