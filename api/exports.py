"""Tables as files: CSV (UTF-8 with its mark, so that spreadsheet programs read Chinese) and XLSX, for whoever asks with `format`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from fastapi import Query
from starlette.responses import Response

from nodes.spreadsheets import Sheet, csv_cell, write_workbook

FileFormat = Literal["csv", "xlsx"]
Format = Annotated[Literal["json", "csv", "xlsx"], Query(alias="format", description="the answer as JSON, or as a file to keep")]
MEDIA_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def file_response(sheets: Sequence[Sheet], chosen: FileFormat, name: str) -> Response:
    """A workbook of all sheets, or the first sheet as CSV; `name` is the file's without its ending."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}.{chosen}"'}
    return Response(_workbook(sheets) if chosen == "xlsx" else _csv(sheets[0]), 200, headers, MEDIA_TYPES[chosen])


def _workbook(sheets: Sequence[Sheet]) -> bytes:
    file = io.BytesIO()
    write_workbook(file, sheets)
    return file.getvalue()


def _csv(sheet: Sheet) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in (*sheet.headers, *sheet.rows):
        writer.writerow([csv_cell(value) for value in row])
    return ("\ufeff" + text.getvalue()).encode("utf-8")
