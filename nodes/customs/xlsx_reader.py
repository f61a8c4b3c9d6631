"""Customs declarations in an XLSX workbook: the table of `table.read_table`, on its first sheet, as the template has it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, Literal

from nodes.customs.columns import COLUMNS, template_headers
from nodes.customs.results import Item
from nodes.customs.table import TableRow, read_table
from nodes.spreadsheets import Row, Sheet, read_rows, write_workbook

_WORDS: Final = {
    "zh": (
        "报关单",
        "填表说明",
        "列",
        "必填",
        "是",
        "否",
        "每行填写报关单的一项商品；同一报关单的各行须相邻，表头栏目可只填首行。数字与代码按文本填写。",
    ),
    "en": (
        "declarations",
        "notes",
        "column",
        "required",
        "yes",
        "no",
        "A row for each line of a declaration; its rows stand together, and only the first needs the head. Numbers and codes are text.",
    ),
}


def read_xlsx(stream: BinaryIO) -> Iterator[Item]:
    """The declarations of one workbook in a seekable binary stream, in order, as `read_table`. A cell that cannot be trusted (a
    formula, a long number) refuses its declaration.

    Raises `InputError` (`table-columns`, and as `read_rows`) before the first item, never after.
    """

    def rows() -> Iterator[TableRow]:
        found = read_rows(stream)
        first = next(found, None)
        if first is None:
            return iter(())
        width = len(first.cells)
        return chain([TableRow(first.number, first.cells)], (_padded(row, width) for row in found))

    return read_table(rows, "xlsx-row")


def write_template(file: Path | BinaryIO, language: Literal["zh", "en"]) -> None:
    """An empty workbook to fill in, with a sheet that says how."""
    sheet, notes, column, required, yes, no, how = _WORDS[language]
    headers = template_headers(language)
    table = Sheet(sheet, [headers], text_columns=frozenset(range(len(headers))), widths=[max(12, 2 * len(name)) for name in headers])
    names = zip(headers, COLUMNS, strict=True)
    explained = [[name, yes if each.required else no] for name, each in names]
    write_workbook(file, [table, Sheet(notes, [[how], [column, required]], explained, widths=[36, 12])])


def _padded(row: Row, width: int) -> TableRow:
    """A spreadsheet does not say where a row of empty cells ends."""
    fault = None if row.fault is None else (row.fault.code, f"row {row.number}: {row.fault.message}")
    return TableRow(row.number, [*row.cells, *[""] * (width - len(row.cells))], fault)
