"""Files of loans from before their bank joined, CSV or XLSX, read loan by loan; and the template to fill in.

A row is one declaration of one loan. The rows of a loan stand together under its reference; what is said of the whole loan stands in its
first row and may be left out of the others. The header may stand in both languages, one row below the other. A row that cannot be used is
a row with a code; only a file that cannot be read as a whole raises.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import BinaryIO, Final

from ledger.errors import InputError
from ledger.limits import ALLOCATIONS_BOUND, FINANCING_TEXT_CHARS_MAX, LOAD_FILE_BYTES_MAX, LOAD_ROWS_MAX
from nodes.csv_rows import csv_rows
from nodes.money import Money, minor_units
from nodes.spreadsheets import Row, Sheet, SheetLimits, read_rows

# English, Chinese, and whether it is of the whole loan.
COLUMNS: Final = (
    ("reference", "业务编号", False),
    ("declaration_number", "报关单号", False),
    ("currency", "币制", False),
    ("drawn", "未归还金额", False),
    ("product", "融资产品", True),
    ("branch", "经办机构", True),
    ("disbursed_on", "放款日期", True),
    ("matures_on", "到期日期", True),
)
_OPTIONAL: Final = frozenset({"branch"})
_DAYS: Final = ("disbursed_on", "matures_on")
_LOAN: Final = tuple(name for name, _, is_whole in COLUMNS if is_whole)
_BY_HEADER: Final = {header: name for name, chinese, _ in COLUMNS for header in (name, chinese)}
_WIDTHS: Final = (20, 22, 10, 18, 22, 18, 14, 14)
_ZIP: Final = b"PK"
_NUMBER_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class LoadRow:
    """`position` is the row as its file counts it; `amount` what is drawn and not repaid, None where `problem` says why it is no use."""

    position: int
    reference: str
    number: str
    amount: Money | None
    problem: InputError | None = None


@dataclass(frozen=True, slots=True)
class FiledLoan:
    """A loan and its rows; where one of them has a problem, what is said of the whole may be missing."""

    reference: str
    product: str
    branch: str
    disbursed_on: str
    matures_on: str
    rows: tuple[LoadRow, ...]


def read_loans(stream: BinaryIO) -> Sequence[FiledLoan]:
    """The loans of a seekable stream, in order. Raises `InputError`: `file-too-large`, `csv-malformed`, `encoding-wrong`, `columns-wrong`,
    `no-rows`, `too-many-rows`, `xlsx-*`.
    """
    if stream.seek(0, io.SEEK_END) > LOAD_FILE_BYTES_MAX:
        raise InputError("file-too-large", f"the file has more than {LOAD_FILE_BYTES_MAX} bytes", hint="split it")
    stream.seek(0)
    is_workbook = stream.read(len(_ZIP)) == _ZIP
    stream.seek(0)
    rows = read_rows(stream, None, SheetLimits(rows=LOAD_ROWS_MAX + 3)) if is_workbook else csv_rows(stream)
    cells = list(_cells(rows))
    if not cells:
        raise InputError("no-rows", "there are no rows below the header")
    seen: set[str] = set()
    loans = []
    for reference, of_it in groupby(cells, key=lambda each: each[1].get("reference", "")):
        loans.append(_loan(reference, list(of_it), again=reference in seen))
        seen.add(reference)
    return loans


def template() -> Sheet:
    """The sheet to fill in, with its header in Chinese and English, and every column as text."""
    headers = ([chinese for _, chinese, _ in COLUMNS], [english for english, _, _ in COLUMNS])
    return Sheet("贷款", headers, text_columns=frozenset(range(len(COLUMNS))), widths=_WIDTHS)


def _cells(rows: Iterator[Row]) -> Iterator[tuple[Row, Mapping[str, str]]]:
    """The rows below the header, each with its cells by column."""
    header = next(rows, None)
    columns = _columns(() if header is None else header.cells)
    for count, row in enumerate((row for row in rows if _named(row.cells) != columns), 1):
        if count > LOAD_ROWS_MAX:
            raise InputError("too-many-rows", f"one file has at most {LOAD_ROWS_MAX} rows", hint="split it")
        yield row, {name: cell.strip() for name, cell in zip(columns, row.cells, strict=False) if name is not None}


def _columns(cells: Sequence[str]) -> list[str | None]:
    """Raises `InputError` (`columns-wrong`)."""
    columns = _named(cells)
    required = {name for name, _, _ in COLUMNS} - _OPTIONAL
    if None in columns or len(set(columns)) != len(columns) or not required.issubset(columns):
        why = "the header names a column twice, an unknown one, or not every one that must be there"
        raise InputError("columns-wrong", why, hint="take the columns from GET /v1/financings/loads/template")
    return columns


def _named(cells: Sequence[str]) -> list[str | None]:
    return [_BY_HEADER.get(cell.strip().lower()) for cell in cells]


def _loan(reference: str, found: Sequence[tuple[Row, Mapping[str, str]]], *, again: bool) -> FiledLoan:
    first = found[0][1]
    rows = []
    for place, (row, cells) in enumerate(found):
        number = cells.get("declaration_number", "")[:_NUMBER_DIGITS]
        try:
            _check_place(place, again=again)
            rows.append(LoadRow(row.number, reference, number, _amount(row, cells, first, reference)))
        except InputError as error:
            rows.append(LoadRow(row.number, reference[:FINANCING_TEXT_CHARS_MAX], number, None, error))
    whole = {name: first.get(name, "") for name in _LOAN}
    return FiledLoan(reference, rows=tuple(rows), **whole)


def _check_place(place: int, *, again: bool) -> None:
    if again:
        raise InputError("loan-apart", "the rows of one loan stand together, under a reference of its own")
    if place >= ALLOCATIONS_BOUND:
        raise InputError("too-many-lines", f"a loan is on at most {ALLOCATIONS_BOUND} declarations")


def _amount(row: Row, cells: Mapping[str, str], first: Mapping[str, str], reference: str) -> Money:
    """What is drawn, once all else that the row says is found to be sound. Raises `InputError`."""
    if row.fault is not None:
        raise InputError(row.fault.code, row.fault.message)
    if len(row.cells) > len(COLUMNS):
        raise InputError("row-too-long", "there are more cells than the header has")
    for name in _LOAN:
        if cells.get(name, "") not in ("", first.get(name, "")):
            raise InputError("row-differs", f"{name}: the rows of one loan say the same")
    for name, text in {"reference": reference, **{name: first.get(name, "") for name in _LOAN}}.items():
        if (not text and name not in _OPTIONAL) or len(text) > FINANCING_TEXT_CHARS_MAX or not text.isprintable():
            raise InputError("bad-field", f"{name}: 1 to {FINANCING_TEXT_CHARS_MAX} printable characters")
    for name in _DAYS:
        _check_day(name, first.get(name, ""))
    number = cells.get("declaration_number", "")
    if len(number) != _NUMBER_DIGITS or not (number.isascii() and number.isdigit()):
        raise InputError("number-format", f"a declaration number has {_NUMBER_DIGITS} digits")
    currency = cells.get("currency", "")
    return Money(currency, minor_units(cells.get("drawn", ""), currency, exact_digits=False))


def _check_day(name: str, text: str) -> None:
    try:
        is_day = date.fromisoformat(text).isoformat() == text
    except ValueError:
        is_day = False
    if not is_day:
        raise InputError("bad-field", f"{name}: a day is written YYYY-MM-DD")
