from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ledger.errors import InputError
from ledger.limits import XLSX_ENTRIES_MAX, XLSX_PART_BYTES_MAX, XLSX_SHEET_BYTES_MAX, XLSX_STYLES_MAX, XLSX_WRITTEN_CELL_CHARS_MAX
from nodes import spreadsheets
from nodes.spreadsheets import Sheet, SheetLimits, csv_cell, read_rows, write_workbook

SHEET_PART = "xl/worksheets/sheet1.xml"


def workbook(*rows: tuple[Any, ...]) -> io.BytesIO:
    """A workbook as another program would make it."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file


def rebuilt(file: io.BytesIO, change: Callable[[str, bytes], bytes], **more: bytes) -> io.BytesIO:
    """The same archive with its parts changed or added to."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, data in more.items():
            new.writestr(name, data)
    return made


def with_sheet(xml: bytes) -> io.BytesIO:
    return rebuilt(workbook(("a",)), lambda name, data: xml if name == SHEET_PART else data)


def in_sheet(rows: bytes, before: bytes = b"") -> io.BytesIO:
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + before
    return with_sheet(head + b"<sheetData>" + rows + b"</sheetData></worksheet>")


def code_of(file: io.BytesIO | Path, sheet: str | None = None, limits: SheetLimits | None = None) -> str:
    with pytest.raises(InputError) as refused:
        list(read_rows(file, sheet, limits))
    return refused.value.code


def test_cells_are_read_as_a_person_sees_them() -> None:
    file = workbook(
        ("090820190519123456", "报关单", " kept "), (36250, 36250.1, 0.1 + 0.2), (dt.date(2026, 5, 31), True, None), (None, -1.5, 1e-7)
    )
    assert [row.cells for row in read_rows(file)] == [
        ("090820190519123456", "报关单", " kept "),
        ("36250", "36250.1", "0.3"),
        ("2026-05-31", "TRUE"),
        ("", "-1.5", "0.0000001"),
    ]


def test_empty_rows_are_left_out_and_the_others_keep_their_numbers() -> None:
    assert [row.number for row in read_rows(workbook(("a",), (), (None, "  "), ("b",)))] == [1, 4]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("=1+1", "xlsx-formula"),
        ("#REF!", "xlsx-cell-error"),
        (90820190519123456, "xlsx-number-digits"),
        (9.08e17, "xlsx-number-digits"),
        ("x" * 1_025, "xlsx-cell-too-long"),
    ],
)
def test_a_cell_that_cannot_be_trusted_is_a_fault_of_its_row_only(cell: object, code: str) -> None:
    rows = list(read_rows(workbook(("a", cell, "b"), ("c",))))
    assert [row.fault.code if row.fault else None for row in rows] == [code, None]
    assert "column B" in rows[0].fault.message  # type: ignore[union-attr] # asserted in the line above
    assert rows[0].cells == ("a", "", "b")


def test_a_named_sheet_is_read_and_an_unknown_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.xlsx"
    write_workbook(path, [Sheet("first", [["a"]]), Sheet("第二", [["b"]], [["c"]])])
    assert [row.cells for row in read_rows(path, "第二")] == [("b",), ("c",)]
    assert [row.cells for row in read_rows(path)] == [("a",)]
    assert code_of(path, "third") == "xlsx-sheet-unknown"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "\n=1", "\uff1d1+1"])
def test_text_that_looks_like_a_formula_is_written_as_text(text: str) -> None:
    file = io.BytesIO()
    write_workbook(file, [Sheet("s", [["h"]], [[text]])])
    assert [row.cells for row in read_rows(file)] == [("h",), (text,)]
    file.seek(0)
    book = openpyxl.load_workbook(file)
    cell = book["s"]["A2"]
    assert (cell.data_type, cell.quotePrefix, cell.number_format) == ("s", True, "@")
    assert csv_cell(text) == "'" + text


def test_numbers_dates_and_amounts_are_written_as_such() -> None:
    file = io.BytesIO()
    write_workbook(file, [Sheet("s", [["n"]], [[7, Decimal("36250.10"), dt.date(2026, 1, 2), None, "-"]])])
    assert [row.cells for row in read_rows(file)][1] == ("7", "36250.1", "2026-01-02", "", "-")
    assert csv_cell(Decimal("-36250.10")) == "-36250.10"
    assert csv_cell(None) == ""


def test_a_template_column_keeps_long_numbers_as_text_and_its_header_in_sight() -> None:
    file = io.BytesIO()
    write_workbook(file, [Sheet("s", [["number"], ["编号"]], text_columns=frozenset({0}), widths=(24,))])
    file.seek(0)
    sheet = openpyxl.load_workbook(file)["s"]
    assert (sheet.column_dimensions["A"].number_format, sheet.freeze_panes) == ("@", "A3")


def test_a_character_that_xml_cannot_hold_is_replaced_and_a_text_without_end_refused() -> None:
    file = io.BytesIO()
    write_workbook(file, [Sheet("s", [], [["a\x00b"]])])
    assert [row.cells for row in read_rows(file)] == [("a\N{REPLACEMENT CHARACTER}b",)]
    with pytest.raises(InputError, match="xlsx-sheet-full"):
        write_workbook(io.BytesIO(), [Sheet("s", [], [["x" * (XLSX_WRITTEN_CELL_CHARS_MAX + 1)]])])


def test_rows_and_columns_beyond_the_limits_are_refused() -> None:
    rows = [(number,) for number in range(4)]
    assert len(list(read_rows(workbook(*rows), limits=SheetLimits(rows=4)))) == 4
    assert code_of(workbook(*rows), limits=SheetLimits(rows=3)) == "xlsx-too-many-rows"
    assert code_of(workbook((1, 2, 3)), limits=SheetLimits(columns=2)) == "xlsx-too-many-columns"


def test_a_row_far_below_the_last_row_of_any_sheet_is_refused() -> None:
    assert code_of(in_sheet(b'<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>')) == "xlsx-too-many-rows"


def test_a_sheet_of_short_rows_that_end_at_the_last_column_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = b'<row r="1"><c r="XFD1"/></row>'
    assert list(read_rows(in_sheet(row))) == []
    monkeypatch.setattr(spreadsheets, "XLSX_CELLS_MAX", 20_000)
    assert code_of(in_sheet(row + row.replace(b"1", b"2"))) == "xlsx-too-large"


def test_what_a_sheet_says_of_its_own_size_is_not_believed() -> None:
    row = b'<row r="1"><c r="A1"><v>1</v></c></row>'
    assert [row.cells for row in read_rows(in_sheet(row, b'<dimension ref="A1:XFD1048576"/>'))] == [("1",)]


@pytest.mark.parametrize("data", [b"", b"a,b\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_what_is_no_workbook_is_refused(data: bytes) -> None:
    assert code_of(io.BytesIO(data)) == "xlsx-malformed"


def test_an_archive_without_a_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert code_of(path) == "xlsx-malformed"
    assert code_of(tmp_path / "missing.xlsx") == "xlsx-malformed"


def test_a_sheet_that_breaks_off_is_refused() -> None:
    assert code_of(with_sheet(b"<worksheet><sheetData><row><c><v>1</v>")) == "xlsx-malformed"


def test_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    assert code_of(with_sheet(bomb)) == "xlsx-malformed"


def test_a_part_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    big = b" " * (XLSX_PART_BYTES_MAX + 1)
    assert code_of(rebuilt(workbook(("a",)), lambda _, data: data, **{"xl/styles2.xml": big})) == "xlsx-too-large"
    assert code_of(with_sheet(b" " * (XLSX_PART_BYTES_MAX // 4))) == "xlsx-too-large"
    assert XLSX_SHEET_BYTES_MAX > XLSX_PART_BYTES_MAX


def test_an_archive_of_very_many_parts_is_refused() -> None:
    parts = {f"xl/extra{number}.xml": b"" for number in range(XLSX_ENTRIES_MAX)}
    assert code_of(rebuilt(workbook(("a",)), lambda _, data: data, **parts)) == "xlsx-too-large"


def test_a_table_of_texts_that_hides_behind_a_sheet_is_refused() -> None:
    sheet_type, strings_type = b"spreadsheetml.worksheet+xml", b"spreadsheetml.sharedStrings+xml"

    def moved(name: str, data: bytes) -> bytes:
        return data.replace(sheet_type, strings_type) if name == "[Content_Types].xml" else data

    assert code_of(rebuilt(workbook(("a",)), moved)) == "xlsx-malformed"


def test_styles_that_would_take_hours_to_read_are_refused_at_once() -> None:
    """Whether a format is of a date openpyxl finds out by patterns that look for the end of each bracket anew."""

    def styled(formats: bytes, styles: int = 1) -> Callable[[str, bytes], bytes]:
        sheet = (
            b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts><numFmt numFmtId="200" formatCode="'
        )
        numbered = "".join(f'<xf numFmtId="{200 + each * 7919 % 100_003}"/>' for each in range(styles))
        sheet += formats + b'"/></numFmts><cellXfs>' + numbered.encode() + b"</cellXfs></styleSheet>"
        return lambda name, data: sheet if name == "xl/styles.xml" else data

    for hostile in (styled(b"[h" * 300_000), styled(b"0" * 256), styled(b"[" * 17), styled(b"0", XLSX_STYLES_MAX + 1)):
        begun_s = time.process_time()
        assert code_of(rebuilt(workbook(("a",)), hostile)) == "xlsx-malformed"
        assert time.process_time() - begun_s < 5


def test_a_workbook_of_the_longest_formats_is_read() -> None:
    longest = b'<numFmts><numFmt numFmtId="200" formatCode="' + b"[a]" * 16 + b"0" * 207 + b'"/></numFmts>'

    def styled(name: str, data: bytes) -> bytes:
        # With lxml, which other tools bring along, openpyxl writes no blank there.
        return data.replace(b'<numFmts count="0" />', longest).replace(b'<numFmts count="0"/>', longest)

    given = rebuilt(workbook(("a",)), styled)
    assert longest in zipfile.ZipFile(given).read("xl/styles.xml")
    assert [row.cells for row in read_rows(given)] == [("a",)]


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/_rels/workbook.xml.rels", "docProps/core.xml"])
def test_a_part_that_is_no_xml_is_refused_whatever_reads_it(part: str) -> None:
    """Where lxml is installed openpyxl reads by it, and by ElementTree elsewhere."""
    broken = rebuilt(workbook(("a",)), lambda name, data: b"<a><b" if name == part else data)
    assert code_of(broken) == "xlsx-malformed"
