from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ledger.errors import InputError
from nodes.credit import files
from nodes.credit.columns import LAYOUTS
from nodes.credit.files import read_facts, write_template
from nodes.credit.imports import counted, import_file, import_objects
from nodes.credit.profiles import Profiles
from nodes.spreadsheets import Sheet, read_rows, sheet_names, write_workbook
from tests.nodes.credit.examples import BASIC, CLASS_A, MONTH, PENALTY, ROWS, USCC, YEAR, fact_kind, profiles


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Profiles]:
    with profiles(tmp_path) as (opened, _):
        yield opened


def csv_of(*rows: dict[str, str], encoding: str = "utf-8") -> io.BytesIO:
    names = [name for name in rows[0] if name != "kind"]
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return io.BytesIO("\r\n".join(",".join(line) for line in lines).encode(encoding))


def filled(rows: Sequence[dict[str, str]]) -> io.BytesIO:
    """The template as a person fills it in."""
    file = io.BytesIO()
    write_template(file)
    book = openpyxl.load_workbook(file)
    for row in rows:
        layout = LAYOUTS[fact_kind(row)]
        book[layout.chinese].append([row.get(column.english) for column in layout.columns])
    made = io.BytesIO()
    book.save(made)
    return made


def results(store: Profiles, file: io.BytesIO) -> list[tuple[str, int, str]]:
    return [(row.kind, row.position, row.result) for row in import_file(store, file, "clerk", "file")]


def test_the_template_has_a_sheet_for_each_kind_with_headers_in_both_languages(tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path)
    assert sheet_names(path) == ["基本信息", "企业分类", "年度收支", "月度收汇", "行政处罚"]
    chinese, english = read_rows(path, "年度收支")
    assert chinese.cells[:3] == ("统一社会信用代码", "年度", "币种")
    assert english.cells[:3] == ("uscc", "year", "currency")


def test_a_filled_template_is_imported_as_the_same_facts_as_objects(store: Profiles, tmp_path: Path) -> None:
    assert [result for _, _, result in results(store, filled(ROWS))] == ["recorded"] * 6
    (tmp_path / "other").mkdir()
    with profiles(tmp_path / "other") as (other, _):
        import_objects(other, ROWS, "clerk", "api")
        assert sorted(map(str, other.facts(USCC)[1])) == sorted(map(str, store.facts(USCC)[1]))


@pytest.mark.parametrize("row", ROWS)
def test_a_csv_file_tells_its_kind_by_its_header(store: Profiles, row: dict[str, str]) -> None:
    assert results(store, csv_of(row)) == [(row["kind"], 2, "recorded")]


def test_a_csv_file_may_have_chinese_headers_and_be_in_gb18030(store: Profiles) -> None:
    layout = LAYOUTS["basic"]
    header = ",".join(column.chinese for column in layout.columns)
    line = f"{USCC},营口青果出口有限公司,在册,20140318,"
    assert results(store, io.BytesIO(f"{header}\n{line}\n".encode("gb18030"))) == [("basic", 2, "recorded")]
    assert import_objects(store, [BASIC], "clerk", "api")[0].result == "unchanged"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({**YEAR, "uscc": "91210800MA0000001X"}, "uscc-invalid"),
        ({**YEAR, "uscc": ""}, "field-missing"),
        ({**YEAR, "year": ""}, "field-missing"),
        ({**YEAR, "year": "25"}, "field-invalid"),
        ({**YEAR, "year": "1902"}, "field-invalid"),
        ({**YEAR, "exports": "-1"}, "amount-invalid"),
        ({**YEAR, "exports": "1,000.00"}, "amount-invalid"),
        ({**YEAR, "exports": "1.001"}, "amount-invalid"),
        ({**YEAR, "currency": "QQQ"}, "currency-unknown"),
        ({**YEAR, "turnover": "1"}, "field-unknown"),
        ({**MONTH, "month": "2026-13"}, "field-invalid"),
        ({**BASIC, "directory_status": "maybe"}, "field-invalid"),
        ({**BASIC, "directory_since": "2026-02-30"}, "field-invalid"),
        ({**BASIC, "directory_since": "soon"}, "field-invalid"),
        ({**BASIC, "name": "x" * 200}, "field-invalid"),
        ({**BASIC, "withdrawn": "perhaps"}, "field-invalid"),
        ({**CLASS_A, "class": "D"}, "field-invalid"),
        ({**PENALTY, "description": ""}, "field-missing"),
        ({**PENALTY, "description": "x" * 201}, "field-invalid"),
        ({**BASIC, "kind": "rumour"}, "kind-unknown"),
        ({"uscc": USCC}, "kind-unknown"),
        ({**BASIC, "withdrawn": "yes"}, "fact-unknown"),
    ],
)
def test_a_row_that_cannot_be_used_has_its_code_and_stops_no_other(store: Profiles, row: dict[str, str], code: str) -> None:
    found = import_objects(store, [row, MONTH], "clerk", "api")
    assert [result.result for result in found] == [code, "recorded"]
    assert found[0].message
    assert counted(found)["refused"] == 1


def test_rows_are_named_as_the_spreadsheet_shows_them(store: Profiles) -> None:
    book = openpyxl.load_workbook(filled([BASIC, {**BASIC, "uscc": "wrong"}]))
    book["基本信息"].append([USCC, "=A1"])
    file = io.BytesIO()
    book.save(file)
    assert results(store, file) == [("basic", 3, "recorded"), ("basic", 4, "uscc-invalid"), ("basic", 5, "xlsx-formula")]


def test_what_a_spreadsheet_program_makes_of_dates_and_numbers_is_understood(store: Profiles) -> None:
    file = io.BytesIO()
    month = [["uscc", "month", "collections_goods"]]
    write_workbook(file, [Sheet("month", month, [[USCC, dt.date(2026, 5, 1), 595510]]), Sheet("notes", [["anything"]], [["at all"]])])
    assert results(store, file) == [("month", 2, "recorded")]
    assert import_objects(store, [MONTH], "clerk", "api")[0].result == "unchanged"


def workbook(*sheets: Sheet) -> io.BytesIO:
    file = io.BytesIO()
    write_workbook(file, sheets)
    return file


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (lambda: io.BytesIO(b"a,b\n1,2\n"), "columns-wrong"),
        (lambda: io.BytesIO(b"uscc,uscc,name\n"), "columns-wrong"),
        (lambda: io.BytesIO(b'uscc,"name\n'), "csv-malformed"),
        (lambda: io.BytesIO(b"uscc,name,directory_status,directory_since\n"), "no-rows"),
        (lambda: io.BytesIO(b""), "no-rows"),
        (lambda: io.BytesIO(b"PK not a zip"), "xlsx-malformed"),
        (lambda: workbook(Sheet("elsewhere", [["a"]])), "no-sheets"),
        (lambda: workbook(Sheet("year", [["uscc", "month"]])), "columns-wrong"),
        (lambda: io.BytesIO(b"uscc,name\xff\xfe\xff"), "encoding-wrong"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_records_nothing(store: Profiles, file: Any, code: str) -> None:
    with pytest.raises(InputError) as refused:
        import_file(store, file(), "clerk", "file")
    assert refused.value.code == code
    assert list(store.list()) == []


def test_a_row_with_more_cells_than_its_header_is_refused(store: Profiles) -> None:
    text = "uscc,month,collections_goods\n" + f"{USCC},2026-05,1,2\n" + f"{USCC},2026-05,1\n"
    assert [result for _, _, result in results(store, io.BytesIO(text.encode()))] == ["row-too-long", "recorded"]


def test_files_and_rows_beyond_the_limits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CREDIT_ROWS_MAX", 2)
    assert len(list(read_facts(csv_of(MONTH, MONTH)))) == 2
    with pytest.raises(InputError, match="too-many-rows"):
        list(read_facts(csv_of(MONTH, MONTH, MONTH)))
    monkeypatch.setattr(files, "CREDIT_FILE_BYTES_MAX", 10)
    with pytest.raises(InputError, match="file-too-large"):
        list(read_facts(csv_of(MONTH)))
