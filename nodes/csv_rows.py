"""Small CSV files (RFC 4180, comma) as rows, in the form in which `nodes.spreadsheets` gives those of a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from ledger.errors import InputError
from nodes.customs.text import chunks, decoded, find_encoding
from nodes.spreadsheets import Row


def csv_rows(stream: BinaryIO) -> Iterator[Row]:
    """The rows of a seekable stream that are not empty. The whole of it is held in memory: bound its size first.

    Raises `InputError`: `encoding-wrong`, `csv-malformed`.
    """
    encoding = find_encoding(stream)
    stream.seek(0)
    reader = csv.reader(io.StringIO("".join(decoded(chunks(stream), encoding)), newline=""), strict=True)
    try:
        for number, cells in enumerate(reader, 1):
            if any(cell.strip() for cell in cells):
                yield Row(number, tuple(cells))
    except csv.Error as error:
        raise InputError("csv-malformed", f"line {reader.line_num} is not CSV: a quote stands or ends in the wrong place") from error
