"""Files of credit facts, CSV or XLSX, read row by row; and the template to fill in.

In a workbook each kind has its sheet, named by the kind in English or Chinese; other sheets are left alone. A CSV file is of the one kind
whose columns its header names. The header may stand in both languages, one row below the other. A row that cannot be used is a row with a
code; only a file that cannot be read as a whole raises.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from ledger.errors import InputError
from ledger.limits import CREDIT_FILE_BYTES_MAX, CREDIT_ROWS_MAX, CREDIT_TEXT_CHARS_MAX
from nodes.credit.columns import LAYOUTS, Column, Layout, column_of, entry_of
from nodes.credit.profiles import Entry
from nodes.csv_rows import csv_rows
from nodes.spreadsheets import Row, Sheet, SheetLimits, read_rows, sheet_names, write_workbook

_ZIP: Final = b"PK"
_HINT: Final = "take the columns from the template: tallystick credit template"
_CELL_CHARS_MAX: Final = CREDIT_TEXT_CHARS_MAX * 4
_WIDTHS: Final = (22, 26, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of a file: what it records, or why it records nothing. `kind` is empty and `position` 0 for the file itself."""

    kind: str
    position: int
    uscc: str
    entry: Entry | None
    problem: InputError | None = None


def read_facts(stream: BinaryIO) -> Iterator[ReadRow]:
    """The rows of a seekable stream. Raises `InputError`: `file-too-large`, `csv-malformed`, `encoding-wrong`, `columns-wrong`,
    `no-sheets`, `no-rows`, `too-many-rows`, `xlsx-*`.
    """
    stream.seek(0, io.SEEK_END)
    if stream.tell() > CREDIT_FILE_BYTES_MAX:
        raise InputError("file-too-large", f"the file has more than {CREDIT_FILE_BYTES_MAX} bytes", hint="split it")
    stream.seek(0)
    is_workbook = stream.read(len(_ZIP)) == _ZIP
    stream.seek(0)
    position = 0
    for position, row in enumerate(_workbook(stream) if is_workbook else _table(csv_rows(stream), None), 1):
        if position > CREDIT_ROWS_MAX:
            raise InputError("too-many-rows", f"one import has at most {CREDIT_ROWS_MAX} rows", hint="split it")
        yield row
    if position == 0:
        raise InputError("no-rows", "there are no rows below the header")


def write_template(file: Path | BinaryIO) -> None:
    """A workbook to fill in: a sheet for each kind, with its header in Chinese and English, and every column as text."""
    write_workbook(file, [sheet_of(layout) for layout in LAYOUTS.values()])


def sheet_of(layout: Layout, rows: Sequence[Sequence[str]] = ()) -> Sheet:
    """The sheet of one kind, with rows of text in the order of its columns."""
    headers = ([column.chinese for column in layout.columns], [column.english for column in layout.columns])
    count = len(layout.columns)
    return Sheet(layout.chinese, headers, rows, text_columns=frozenset(range(count)), widths=_WIDTHS[:count])


def _workbook(stream: BinaryIO) -> Iterator[ReadRow]:
    names = sheet_names(stream)
    found = [(name, layout) for name in names for layout in LAYOUTS.values() if name.strip().lower() in (layout.kind, layout.chinese)]
    if not found:
        raise InputError("no-sheets", "the workbook has no sheet of credit facts", hint=_HINT)
    limits = SheetLimits(rows=CREDIT_ROWS_MAX + 2, cell_chars=_CELL_CHARS_MAX)
    for name, layout in found:
        yield from _table(read_rows(stream, name, limits), layout)


def _table(rows: Iterator[Row], layout: Layout | None) -> Iterator[ReadRow]:
    """The rows of a table below its header, which tells the kind where it is not known."""
    header = next(rows, None)
    if header is None:
        return
    layout = layout or _layout_of(header.cells)
    columns = _columns(layout, header.cells)
    for row in rows:
        if [column_of(layout, cell) for cell in row.cells] == list(columns):
            continue
        yield _read(layout, columns, row)


def _read(layout: Layout, columns: Sequence[Column], row: Row) -> ReadRow:
    cells = {column.english: cell.strip() for column, cell in zip(columns, row.cells, strict=False)}
    uscc = cells.get("uscc", "")[:18]
    if row.fault is not None:
        return ReadRow(layout.kind, row.number, uscc, None, InputError(row.fault.code, row.fault.message))
    if any(cell.strip() for cell in row.cells[len(columns) :]):
        return ReadRow(layout.kind, row.number, uscc, None, InputError("row-too-long", "there are more cells than the header has"))
    try:
        return ReadRow(layout.kind, row.number, uscc, entry_of(layout, cells))
    except InputError as error:
        return ReadRow(layout.kind, row.number, uscc, None, error)


def _layout_of(cells: Sequence[str]) -> Layout:
    fitting = [layout for layout in LAYOUTS.values() if all(column_of(layout, cell) for cell in cells) and _has_required(layout, cells)]
    if len(fitting) != 1:
        raise InputError("columns-wrong", "the header is that of no table of credit facts", hint=_HINT)
    return fitting[0]


def _has_required(layout: Layout, cells: Sequence[str]) -> bool:
    found = {column_of(layout, cell) for cell in cells}
    return all(column in found for column in layout.columns if column.required)


def _columns(layout: Layout, cells: Sequence[str]) -> list[Column]:
    """The columns that the header names. Raises `InputError` (`columns-wrong`)."""
    columns = [column for cell in cells if (column := column_of(layout, cell)) is not None]
    if len(columns) != len(cells) or len(set(columns)) != len(columns) or not _has_required(layout, cells):
        why = f"the header of {layout.kind} names a column twice, an unknown one, or not every one that must be there"
        raise InputError("columns-wrong", why, hint=_HINT)
    return columns
