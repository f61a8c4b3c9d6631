"""Customs declarations in a table: a row is one line of a declaration, whatever file the table stands in.

The header row names the columns of `columns.COLUMNS`, in English or Chinese, in any order; optional ones may be left out, unknown,
missing and repeated ones are refused. The rows of a declaration stand together and repeat its head; a later row may leave head cells
empty. A number whose rows stand apart is refused everywhere it stands (`duplicate-in-file`): half of it could be registered
otherwise. To know that, the table is read twice; so what ends a file in an error is found before anything is handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ledger.errors import InputError
from ledger.limits import IMPORT_DECLARATION_LINES_MAX
from nodes.customs.columns import COLUMNS, Column, column_of
from nodes.customs.duplicates import DuplicateGuard
from nodes.customs.normalise import item_of, root_number
from nodes.customs.results import Item, RawDeclaration, Rejected

_HINT = "take the columns from this registry's template"


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row as a file has it. `number` is the one that people see; `fault` is (code, message) where its cells cannot be trusted."""

    number: int
    cells: Sequence[str]
    fault: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    texts: dict[Column, str]
    fault: tuple[str, str] | None


def read_table(rows: Callable[[], Iterator[TableRow]], row_code: str) -> Iterator[Item]:
    """The declarations of a table, in order. `rows` begins the table anew, its header first; `row_code` is for a row with a wrong count
    of cells.

    Raises `InputError` (`table-columns`, and what `rows` raises) before the first item, never after. A table with a header and no
    rows ends in a `Rejected` with `no-declarations`.
    """
    with DuplicateGuard() as apart:
        with DuplicateGuard() as seen:
            for number, _ in _groups(rows(), row_code):
                if root_number(number) is not None and not seen.first(number):
                    apart.first(number)
        position = 0
        for position, (number, found) in enumerate(_groups(rows(), row_code), 1):
            raw = _gather(found)
            if root_number(number) is not None and number in apart:
                raw = RawDeclaration({"EntryId": raw.number_text})
                raw.fail("duplicate-in-file", "the rows of this number stand in more than one place of the file")
            yield item_of(position, raw)
    if position == 0:
        yield Rejected(1, "", "no-declarations", "the file has no rows below its header", ends_file=True)


def _groups(rows: Iterator[TableRow], row_code: str) -> Iterator[tuple[str, Iterable[_Row]]]:
    """Neighbouring rows of one number."""
    header = next(rows, None)
    columns = _header(header.cells if header is not None else [])
    for key, found in groupby(_rows(rows, columns, row_code), key=_key):
        yield key[0], found


def _rows(rows: Iterator[TableRow], columns: Sequence[Column], row_code: str) -> Iterator[_Row]:
    """Rows by column. Of one with a wrong count of cells, no cell can be trusted."""
    for row in rows:
        if len(row.cells) == len(columns):
            yield _Row(row.number, dict(zip(columns, row.cells, strict=True)), row.fault)
        else:
            message = f"row {row.number} does not have as many cells as the header"
            yield _Row(row.number, {}, (row_code, message))


def _key(row: _Row) -> tuple[str, int]:
    """Rows with a number of the right form group by its 18 digits; any other row stands for itself."""
    if not row.texts:
        return "", row.number
    written = next(text for column, text in row.texts.items() if column.element == "EntryId").strip()
    root = root_number(written)
    return (root, 0) if root is not None else (written, row.number)


def _gather(rows: Iterable[_Row]) -> RawDeclaration:
    """The rows of one declaration as it would stand in a message."""
    raw = RawDeclaration()
    for row in rows:
        if row.fault is not None:
            raw.fail(*row.fault)
        elif len(raw.lines) == IMPORT_DECLARATION_LINES_MAX:
            raw.fail("too-many-lines", f"the declaration has more than {IMPORT_DECLARATION_LINES_MAX} lines")
        elif raw.problem is None:
            _add(raw, row)
    return raw


def _add(raw: RawDeclaration, row: _Row) -> None:
    line: dict[str, str] = {}
    for column, text in row.texts.items():
        if column.part == "line":
            line[column.element] = text
        elif not raw.lines:
            raw.head[column.element] = text
        elif column.element != "EntryId" and text.strip() not in ("", raw.head[column.element].strip()):
            raw.fail("rows-differ", f"row {row.number} has another {column.english} than the first row of its declaration")
    raw.lines.append(line)


def _header(cells: Sequence[str]) -> list[Column]:
    """The columns that the header row names. Raises `InputError` (`table-columns`), naming every wrong one."""
    found = [(cell.strip(), column_of(cell)) for cell in cells]
    columns = [column for _, column in found if column is not None]
    faults = {
        "unknown": [cell[:40] or "(empty)" for cell, column in found if column is None],
        "missing": [column.english for column in COLUMNS if column.required and column not in columns],
        "repeated": sorted({column.english for column in columns if columns.count(column) > 1}),
    }
    if any(faults.values()):
        said = "; ".join(f"{fault}: {', '.join(names[:30])}" for fault, names in faults.items() if names)
        raise InputError("table-columns", f"the header does not fit ({said})", hint=_HINT)
    return columns
