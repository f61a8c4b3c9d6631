"""Customs declarations in CSV (RFC 4180, comma), read in a stream: the table of `table.read_table`.

An encoding that breaks (`encoding-wrong`) or a quote that does not end (`csv-malformed`) is found before anything is handed out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO, Literal

from ledger.errors import InputError
from ledger.limits import IMPORT_CSV_ROW_CHARS_MAX
from nodes.customs.results import Item
from nodes.customs.table import TableRow, read_table
from nodes.customs.text import Encoding, chunks, decoded, find_encoding


def read_csv(stream: BinaryIO, *, encoding: Encoding | Literal["auto"] = "auto") -> Iterator[Item]:
    """The declarations of one CSV file in a seekable binary stream, in order, as `read_table`.

    Raises `InputError` (`table-columns`, `csv-malformed`, `encoding-wrong`, `file-too-large`) before the first item, never after.
    """
    found = find_encoding(stream) if encoding == "auto" else encoding

    def rows() -> Iterator[TableRow]:
        stream.seek(0)
        return _rows(_Lines(decoded(chunks(stream), found)))

    return read_table(rows, "csv-row")


def _rows(lines: _Lines) -> Iterator[TableRow]:
    """The header, whatever it is, and the rows that are not empty."""
    reader = csv.reader(lines, strict=True)
    try:
        for number, cells in enumerate(reader, 1):
            lines.row_chars = 0
            if number == 1 or any(cell.strip() for cell in cells):
                yield TableRow(number, cells)
    except csv.Error as error:
        raise InputError("csv-malformed", f"line {reader.line_num} is not CSV: a quote stands or ends in the wrong place") from error


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
