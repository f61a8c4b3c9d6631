from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

from ledger.errors import InputError
from nodes.customs.columns import column_of, template_headers
from nodes.customs.files import read_declarations
from nodes.customs.results import Item, Parsed, Rejected
from nodes.customs.xlsx_reader import read_xlsx, write_template

Texts = dict[str, str]


def workbook(rows: list[Texts], headers: list[str] | None = None, cells: dict[str, str | int] | None = None) -> io.BytesIO:
    """A filled-in workbook; `cells` are put in by their address."""
    file = io.BytesIO()
    write_template(file, "zh")
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    if headers is not None:
        sheet.delete_rows(1)
        sheet.append(headers)
    chosen = [column_of(str(cell.value)) for cell in sheet[sheet.max_row]]
    for row in rows:
        sheet.append([row.get(column.element) if column else None for column in chosen])
    for address, value in (cells or {}).items():
        sheet[address] = value
    filled = io.BytesIO()
    book.save(filled)
    filled.seek(0)
    return filled


def codes(items: list[Item]) -> list[str]:
    return [item.code if isinstance(item, Rejected) else "ok" for item in items]


@pytest.fixture
def row(head: Texts, line: Texts) -> Texts:
    return head | line


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_filled_in_template_says_the_same_as_a_csv_file(row: Texts, tmp_path: Path, language: str) -> None:
    headers = template_headers("zh" if language == "zh" else "en")
    texts = [row.get(column.element, "") if (column := column_of(header)) else "" for header in headers]
    (tmp_path / "one.csv").write_text(",".join(headers) + "\n" + ",".join(texts) + "\n", encoding="utf-8")
    (tmp_path / "one.xlsx").write_bytes(workbook([row], headers).getvalue())
    (of_csv,), (of_xlsx,) = (list(read_declarations(tmp_path / name, name)) for name in ("one.csv", "one.xlsx"))
    assert isinstance(of_csv, Parsed)
    assert of_csv == of_xlsx


def test_later_rows_may_leave_the_head_empty(row: Texts, line: Texts) -> None:
    (item,) = read_xlsx(workbook([row, {"EntryId": row["EntryId"]} | line]))
    assert isinstance(item, Parsed)
    assert [found.item_no for found in item.declaration.lines] == [1, 2]


def test_a_number_that_a_spreadsheet_rounded_and_a_formula_refuse_their_declaration(row: Texts) -> None:
    other = row | {"EntryId": row["EntryId"][:-1] + "7"}
    rounded = workbook([row, other], cells={"A2": int(row["EntryId"])})
    assert codes(list(read_xlsx(rounded))) == ["xlsx-number-digits", "ok"]
    header = template_headers("zh").index("总价")
    column = openpyxl.utils.get_column_letter(header + 1)
    computed = workbook([row, other], cells={f"{column}3": "=1+1"})
    items = list(read_xlsx(computed))
    assert codes(items) == ["ok", "xlsx-formula"]
    assert isinstance(items[1], Rejected) and items[1].message.startswith("row 3: ")


def test_rows_of_a_number_that_stand_apart_are_refused(row: Texts) -> None:
    other = row | {"EntryId": row["EntryId"][:-1] + "7"}
    assert codes(list(read_xlsx(workbook([row, other, row])))) == ["duplicate-in-file", "ok", "duplicate-in-file"]


def test_columns_that_do_not_fit_refuse_the_workbook(row: Texts) -> None:
    with pytest.raises(InputError) as refusal:
        list(read_xlsx(workbook([row], ["报关单号", "colour"])))
    assert refusal.value.code == "table-columns"
    assert "unknown: colour" in refusal.value.message and "exporter_uscc" in refusal.value.message


def test_an_empty_template_holds_no_declarations() -> None:
    assert codes(list(read_xlsx(workbook([])))) == ["no-declarations"]


def test_the_template_says_which_columns_are_required_and_keeps_numbers_as_text(tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path, "zh")
    book = openpyxl.load_workbook(path)
    table, notes = book.worksheets
    assert [cell.value for cell in table[1]] == template_headers("zh")
    assert table.column_dimensions["A"].number_format == "@"
    required = {name.value: answer.value for name, answer in notes.iter_rows(min_row=3, max_col=2)}
    assert (required["报关单号"], required["合同协议号"]) == ("是", "否")


def test_a_file_that_only_begins_like_a_workbook_is_refused() -> None:
    with pytest.raises(InputError) as refusal:
        list(read_declarations(io.BytesIO(b"PK\x03\x04 and nothing more"), "a.xlsx"))
    assert refusal.value.code == "xlsx-malformed"
