"""Spreadsheets in XLSX (ECMA-376), read and written in a stream by openpyxl, within limits.

`read_rows` hands out the rows of one sheet as text, exactly as a person sees it: a date as `2026-05-31`, a number without
exponent. What cannot be trusted as text is a fault of its row, so that an importer can refuse that row and go on: a formula (its
value is whatever the last program to save it computed), an error such as `#REF!`, a number of more than 15 digits (spreadsheets
keep no more: the 18 digits of a declaration number must be text), a cell that is too long. A file that is no workbook, unpacks to
more than the limits, names entities or is otherwise not sound raises `InputError`.

`write_workbook` writes text as text, always: a cell that begins with `=`, `+`, `-` or `@` is no formula in any program that opens
the file. `csv_cell` does the same for CSV, which knows no types.
"""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Final

import defusedxml.ElementTree
import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from ledger.errors import InputError
from ledger.limits import (
    XLSX_CELL_CHARS_MAX,
    XLSX_CELLS_MAX,
    XLSX_COLUMNS_MAX,
    XLSX_COMPRESSION_MAX,
    XLSX_ENTRIES_MAX,
    XLSX_FILE_BYTES_MAX,
    XLSX_PART_BYTES_MAX,
    XLSX_ROWS_MAX,
    XLSX_SHEET_BYTES_MAX,
    XLSX_STRINGS_BYTES_MAX,
    XLSX_WRITTEN_CELL_CHARS_MAX,
    XLSX_WRITTEN_ROWS_MAX,
)
from nodes.spreadsheet_styles import check_styles

Cell = str | int | Decimal | dt.date | None

_HINT: Final = "save it again as .xlsx in a spreadsheet program, or hand in CSV"
_CONTENT_TYPES: Final = "[Content_Types].xml"
_STRINGS_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_STRINGS_PART: Final = "/xl/sharedStrings.xml"
_SHEETS: Final = "xl/worksheets/"
_DIGITS_MAX: Final = 15
_SHEET_ROWS: Final = 1_048_576
# In East Asian settings spreadsheet programs take the wide forms for formulas too.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_UNSOUND: Final = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    SyntaxError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What zipfile, ElementTree, defusedxml and openpyxl raise over a file that is not what it says. SyntaxError: it is no XML, be it read by
ElementTree or by lxml, which openpyxl takes where it is installed. RuntimeError: it is encrypted, or
packed in a way that zipfile does not know.
"""


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """What one sheet may hold: rows that are not empty, columns, and characters of a cell."""

    rows: int = XLSX_ROWS_MAX
    columns: int = XLSX_COLUMNS_MAX
    cell_chars: int = XLSX_CELL_CHARS_MAX


@dataclass(frozen=True, slots=True)
class Fault:
    """Why no cell of a row can be used: `xlsx-formula`, `xlsx-cell-error`, `xlsx-number-digits`, `xlsx-cell-too-long`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Row:
    """`number` counts from 1 as the spreadsheet shows it; `cells` are without trailing empty ones."""

    number: int
    cells: tuple[str, ...]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet to write: header rows (bold, they stay in sight), rows, and the columns (from 0) that stay text when filled in."""

    name: str
    headers: Sequence[Sequence[str]]
    rows: Iterable[Sequence[Cell]] = ()
    text_columns: frozenset[int] = frozenset()
    widths: Sequence[int] = ()


def read_rows(file: Path | BinaryIO, sheet: str | None = None, limits: SheetLimits | None = None) -> Iterator[Row]:
    """The rows of the named sheet, or of the first one, that are not empty.

    `file` is a path or a seekable binary stream. Raises `InputError`: `xlsx-malformed`, `xlsx-too-large`, `xlsx-sheet-unknown`
    before the first row; `xlsx-too-many-rows`, `xlsx-too-many-columns` and `xlsx-malformed` while it is read.
    """
    bounds = limits if limits is not None else SheetLimits()
    with _sound():
        _check_archive(file)
        book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
    try:
        worksheet = _worksheet(book, sheet)
        count, cells = 0, 0
        for number, row in enumerate(_numbered(worksheet), 1):
            # A cell at the end of a row makes all those before it, which a file does not hold and its limits do not count.
            cells += len(row)
            if cells > XLSX_CELLS_MAX:
                raise InputError("xlsx-too-large", "the sheet has more cells than this node reads", hint="delete empty columns at its end")
            if number > _SHEET_ROWS or count > bounds.rows:
                raise InputError("xlsx-too-many-rows", f"the sheet has more than {bounds.rows} rows", hint="hand it in as several files")
            found = _row(number, row, bounds)
            if found is not None:
                count += 1
                if count <= bounds.rows:
                    yield found
        if count > bounds.rows:
            raise InputError("xlsx-too-many-rows", f"the sheet has more than {bounds.rows} rows", hint="hand it in as several files")
    finally:
        book.close()


def sheet_names(file: Path | BinaryIO) -> list[str]:
    """The names of a workbook's sheets, in order. Raises `InputError` (`xlsx-malformed`, `xlsx-too-large`)."""
    with _sound():
        _check_archive(file)
        book = openpyxl.load_workbook(file, read_only=True, keep_links=False)
        names = list(book.sheetnames)
        book.close()
    return names


def write_workbook(file: Path | BinaryIO, sheets: Iterable[Sheet]) -> None:
    """Writes a workbook, sheet by sheet and row by row. Decimal and int become numbers, dates dates, all else text.

    Raises `InputError` (`xlsx-sheet-full`) where there are more rows or characters than the format holds.
    """
    book = openpyxl.Workbook(write_only=True)
    for sheet in sheets:
        worksheet = book.create_sheet(sheet.name)
        worksheet.freeze_panes = f"A{len(sheet.headers) + 1}" if sheet.headers else None
        for index, width in enumerate(sheet.widths):
            worksheet.column_dimensions[get_column_letter(index + 1)].width = width
        for index in sorted(sheet.text_columns):
            worksheet.column_dimensions[get_column_letter(index + 1)].number_format = "@"
        try:
            _fill(worksheet, sheet)
        except InputError:
            # What is written so far lies in a file of openpyxl's own, which is open still.
            worksheet.close()
            raise
    book.save(file)
    book.close()


def _fill(worksheet: Any, sheet: Sheet) -> None:
    for header in sheet.headers:
        worksheet.append([_written(worksheet, text, is_header=True) for text in header])
    for count, row in enumerate(sheet.rows, len(sheet.headers) + 1):
        if count > XLSX_WRITTEN_ROWS_MAX:
            raise InputError("xlsx-sheet-full", f"a sheet holds {XLSX_WRITTEN_ROWS_MAX} rows", hint="choose a shorter period, or CSV")
        worksheet.append([_written(worksheet, value) for value in row])


def csv_cell(value: Cell) -> str:
    """A value for a CSV file that people open in a spreadsheet program: text that would start a formula gets an apostrophe first."""
    text = "" if value is None else format(value, "f") if isinstance(value, Decimal) else str(value)
    return "'" + text if isinstance(value, str) and text.startswith(_FORMULA_STARTS) else text


def _written(worksheet: Any, value: Cell, *, is_header: bool = False) -> Any:
    if not isinstance(value, str):
        return value
    if len(value) > XLSX_WRITTEN_CELL_CHARS_MAX:
        raise InputError("xlsx-sheet-full", f"a cell holds {XLSX_WRITTEN_CELL_CHARS_MAX} characters", hint="choose CSV")
    cell = WriteOnlyCell(worksheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value))
    # openpyxl takes "=" for a formula; the type says text whatever the text is, and the prefix keeps it so when it is edited.
    cell.data_type = "s"
    cell.number_format = "@"
    if value.startswith(_FORMULA_STARTS):
        cell.quotePrefix = True
    if is_header:
        cell.font = Font(bold=True)
    return cell


@contextmanager
def _sound() -> Iterator[None]:
    try:
        yield
    except _UNSOUND as error:
        raise InputError("xlsx-malformed", "the file is not a workbook that can be read", hint=_HINT) from error


def _check_archive(file: Path | BinaryIO) -> None:
    """Refuses by the archive's directory alone what would unpack to too much; `zipfile` never unpacks more than is declared there."""
    if not isinstance(file, Path):
        file.seek(0)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > XLSX_ENTRIES_MAX or sum(entry.compress_size for entry in entries) > XLSX_FILE_BYTES_MAX:
            raise InputError("xlsx-too-large", "the workbook is larger than this node reads", hint="hand it in as several files, or as CSV")
        for entry in entries:
            _check_entry(entry)
        types = defusedxml.ElementTree.fromstring(archive.read(_CONTENT_TYPES))
        check_styles(archive)
    # The table of strings is kept in memory, whatever part a file declares to be it: so it must be the part that was measured.
    if any(item.get("ContentType") == _STRINGS_TYPE and item.get("PartName") != _STRINGS_PART for item in types):
        raise InputError("xlsx-malformed", "the workbook keeps its texts in an unusual place", hint=_HINT)
    if not isinstance(file, Path):
        file.seek(0)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    most = XLSX_PART_BYTES_MAX
    if entry.filename.startswith(_SHEETS):
        most = XLSX_SHEET_BYTES_MAX
    elif "/" + entry.filename == _STRINGS_PART:
        most = XLSX_STRINGS_BYTES_MAX
    is_bomb = entry.file_size > XLSX_PART_BYTES_MAX // 8 and entry.file_size > XLSX_COMPRESSION_MAX * entry.compress_size
    if entry.file_size > most or is_bomb:
        raise InputError("xlsx-too-large", "a part of the workbook unpacks to more than this node reads", hint="hand it in as CSV")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 0x1:
        raise InputError("xlsx-malformed", "the workbook is encrypted or packed in an unusual way", hint=_HINT)


def _worksheet(book: Any, name: str | None) -> Any:
    if name is not None and name not in book.sheetnames:
        raise InputError("xlsx-sheet-unknown", f"the workbook has no sheet {name[:40]!r}", hint="use this registry's template")
    worksheet = (book[name] if name is not None else book.worksheets[0]) if book.worksheets else None
    if worksheet is None or not hasattr(worksheet, "reset_dimensions"):
        raise InputError("xlsx-sheet-unknown", "the workbook has no sheet of cells", hint="use this registry's template")
    # What a file says of its own size would be believed, and rows made up to it.
    worksheet.reset_dimensions()
    return worksheet


def _numbered(worksheet: Any) -> Iterator[tuple[Any, ...]]:
    with _sound():
        rows = iter(worksheet.iter_rows())
    while True:
        with _sound():
            row = next(rows, None)
        if row is None:
            return
        yield row


def _row(number: int, cells: tuple[Any, ...], limits: SheetLimits) -> Row | None:
    """One row as text; None where every cell is empty."""
    texts: list[str] = []
    fault: Fault | None = None
    for cell in cells:
        text, problem = _text(cell.value, cell.data_type)
        if problem is None and len(text) > limits.cell_chars:
            text, problem = "", Fault("xlsx-cell-too-long", f"a cell has more than {limits.cell_chars} characters")
        if problem is not None and fault is None:
            fault = Fault(problem.code, f"{problem.message} (column {get_column_letter(len(texts) + 1)})")
        texts.append(text)
    while texts and not texts[-1].strip():
        texts.pop()
    if len(texts) > limits.columns:
        raise InputError(
            "xlsx-too-many-columns", f"row {number} has more than {limits.columns} columns", hint="use this registry's template"
        )
    return Row(number, tuple(texts), fault) if texts or fault is not None else None


def _text(value: object, data_type: str) -> tuple[str, Fault | None]:
    if value is None:
        return "", None
    if data_type == "f":
        return "", Fault("xlsx-formula", "a cell holds a formula; paste its value instead")
    if data_type == "e":
        return "", Fault("xlsx-cell-error", "a cell holds an error value")
    if isinstance(value, bool):
        return ("TRUE" if value else "FALSE"), None
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, dt.datetime):
        return (value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")), None
    return str(value), None


def _number_text(value: float) -> tuple[str, Fault | None]:
    """Fifteen significant digits, which is what a spreadsheet keeps and shows; more were lost when it was typed."""
    shown = Decimal(value) if isinstance(value, int) else Decimal(format(value, f".{_DIGITS_MAX}g"))
    if not shown.is_finite() or abs(shown) >= 10**_DIGITS_MAX:
        return "", Fault("xlsx-number-digits", f"a number has more than {_DIGITS_MAX} digits; format the column as text and type it again")
    if shown == shown.to_integral_value():
        return str(int(shown)), None
    return format(shown.normalize(), "f"), None
