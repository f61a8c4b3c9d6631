"""Customs declarations in CSV (RFC 4180, comma), read in a stream: a row is one line of a declaration.

The header row names the columns of `columns.COLUMNS`, in English or Chinese, in any order; optional ones may be left out, unknown,
missing and repeated ones are refused (`csv-columns`). The rows of a declaration stand together and repeat its head; a later row
may leave head cells empty. A number whose rows stand apart is refused everywhere it stands (`duplicate-in-file`): half of it could
be registered otherwise. To know that, the file is read twice; so an encoding that breaks (`encoding-wrong`) or a quote that does
not end (`csv-malformed`) is found before anything is handed out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import BinaryIO, Literal

from ledger.errors import InputError
from ledger.limits import IMPORT_CSV_ROW_CHARS_MAX, IMPORT_DECLARATION_LINES_MAX
from nodes.customs.columns import COLUMNS, Column, column_of
from nodes.customs.duplicates import DuplicateGuard
from nodes.customs.normalise import item_of, root_number
from nodes.customs.results import Item, RawDeclaration, Rejected
from nodes.customs.text import Encoding, chunks, decoded, find_encoding

_HINT = "take the columns from this registry's template"


def read_csv(stream: BinaryIO, *, encoding: Encoding | Literal["auto"] = "auto") -> Iterator[Item]:
    """The declarations of one CSV file in a seekable binary stream, in order.

    Raises `InputError` (`csv-columns`, `csv-malformed`, `encoding-wrong`, `file-too-large`) before the first item, never after.
    A file with a header and no rows ends in a `Rejected` with `no-declarations`.
    """
    found = find_encoding(stream) if encoding == "auto" else encoding
    with DuplicateGuard() as apart:
        with DuplicateGuard() as seen:
            for number, _ in _groups(stream, found):
                if root_number(number) is not None and not seen.first(number):
                    apart.first(number)
        position = 0
        for position, (number, rows) in enumerate(_groups(stream, found), 1):
            raw = _gather(rows)
            if root_number(number) is not None and number in apart:
                raw = RawDeclaration({"EntryId": raw.number_text})
                raw.fail("duplicate-in-file", "the rows of this number stand in more than one place of the file")
            yield item_of(position, raw)
    if position == 0:
        yield Rejected(1, "", "no-declarations", "the file has no rows below its header", ends_file=True)


Row = tuple[int, dict[Column, str] | None]


def _groups(stream: BinaryIO, encoding: Encoding) -> Iterator[tuple[str, Iterable[Row]]]:
    """Neighbouring rows of one number, read from the start of the file."""
    stream.seek(0)
    records = _records(_Lines(decoded(chunks(stream), encoding)))
    columns = _header(next(records, []))
    for key, rows in groupby(_rows(records, columns), key=_key):
        yield key[0], rows


def _rows(records: Iterator[list[str]], columns: list[Column]) -> Iterator[Row]:
    """Rows by column, with their number in the file; None for one with a wrong count of cells, in which no cell can be trusted."""
    for row_no, cells in enumerate(records, 2):
        if any(cell.strip() for cell in cells):
            yield row_no, dict(zip(columns, cells, strict=True)) if len(cells) == len(columns) else None


def _records(lines: _Lines) -> Iterator[list[str]]:
    reader = csv.reader(lines, strict=True)
    try:
        for cells in reader:
            lines.row_chars = 0
            yield cells
    except csv.Error as error:
        raise InputError("csv-malformed", f"line {reader.line_num} is not CSV: a quote stands or ends in the wrong place") from error


def _key(row: Row) -> tuple[str, int]:
    """Rows with a number of the right form group by its 18 digits; any other row stands for itself."""
    row_no, cells = row
    if cells is None:
        return "", row_no
    written = next(text for column, text in cells.items() if column.element == "EntryId").strip()
    root = root_number(written)
    return (root, 0) if root is not None else (written, row_no)


def _gather(rows: Iterable[Row]) -> RawDeclaration:
    """The rows of one declaration as it would stand in a message."""
    raw = RawDeclaration()
    for row_no, cells in rows:
        if cells is None:
            raw.fail("csv-row", f"row {row_no} does not have as many cells as the header")
        elif len(raw.lines) == IMPORT_DECLARATION_LINES_MAX:
            raw.fail("too-many-lines", f"the declaration has more than {IMPORT_DECLARATION_LINES_MAX} lines")
        elif raw.problem is None:
            _add(raw, row_no, cells)
    return raw


def _add(raw: RawDeclaration, row_no: int, cells: dict[Column, str]) -> None:
    line: dict[str, str] = {}
    for column, text in cells.items():
        if column.part == "line":
            line[column.element] = text
        elif not raw.lines:
            raw.head[column.element] = text
        elif column.element != "EntryId" and text.strip() not in ("", raw.head[column.element].strip()):
            raw.fail("rows-differ", f"row {row_no} has another {column.english} than the first row of its declaration")
    raw.lines.append(line)


def _header(cells: list[str]) -> list[Column]:
    """The columns that the header row names. Raises `InputError` (`csv-columns`), naming every wrong one."""
    found = [(cell.strip(), column_of(cell)) for cell in cells]
    columns = [column for _, column in found if column is not None]
    faults = {
        "unknown": [cell[:40] or "(empty)" for cell, column in found if column is None],
        "missing": [column.english for column in COLUMNS if column.required and column not in columns],
        "repeated": sorted({column.english for column in columns if columns.count(column) > 1}),
    }
    if any(faults.values()):
        said = "; ".join(f"{kind}: {', '.join(names[:30])}" for kind, names in faults.items() if names)
        raise InputError("csv-columns", f"the header does not fit ({said})", hint=_HINT)
    return columns


class _Lines:
    """Text as lines that end in a line feed; refuses to go on within a row (a quoted cell may span lines) that grows too long."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.row_chars = 0
        self._lines = self._split(texts)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row_chars += len(line)
        self._check(self.row_chars)
        return line

    def _split(self, texts: Iterator[str]) -> Iterator[str]:
        rest = ""
        for text in texts:
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                yield line + "\n"
            self._check(len(rest))
        if rest:
            yield rest

    def _check(self, chars: int) -> None:
        if chars > IMPORT_CSV_ROW_CHARS_MAX:
            raise InputError("csv-malformed", f"a row has more than {IMPORT_CSV_ROW_CHARS_MAX} characters")
