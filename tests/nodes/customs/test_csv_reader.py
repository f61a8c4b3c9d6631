from __future__ import annotations

import csv
import io

import pytest

from ledger.errors import InputError
from nodes.customs.columns import COLUMNS, column_of, template_headers
from nodes.customs.csv_reader import read_csv
from nodes.customs.results import Item, Parsed, Rejected

Texts = dict[str, str]


def table(rows: list[Texts], headers: list[str] | None = None) -> str:
    """A file with the columns of `headers`, all in English by default."""
    chosen = [(header, column_of(header)) for header in headers or template_headers("en")]
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow([header for header, _ in chosen])
    writer.writerows([row.get(column.element, "") if column else "" for _, column in chosen] for row in rows)
    return target.getvalue()


def read(text: str | bytes, **options: str) -> list[Item]:
    return list(read_csv(io.BytesIO(text if isinstance(text, bytes) else text.encode()), **options))  # type: ignore[arg-type]


def codes(items: list[Item]) -> list[str]:
    return [item.code if isinstance(item, Rejected) else "ok" for item in items]


def refusal_of(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as refusal:
        read(text)
    return refusal.value


@pytest.fixture
def row(head: Texts, line: Texts) -> Texts:
    return head | line


def test_rows_of_one_number_are_one_declaration(row: Texts) -> None:
    (item,) = read(table([row, row, row]))
    assert isinstance(item, Parsed)
    assert [found.item_no for found in item.declaration.lines] == [1, 2, 3]
    assert item.declaration.total_minor == 3 * 3_625_000


def test_later_rows_may_leave_the_head_empty_but_not_differ(row: Texts, line: Texts) -> None:
    number = {"EntryId": row["EntryId"]}
    assert read(table([row, number | line])) == read(table([row, row]))
    assert codes(read(table([row, row | {"TradeName": "another"}]))) == ["rows-differ"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_languages_and_both_encodings_say_the_same(row: Texts, encoding: str, language: str) -> None:
    headers = template_headers(language)  # type: ignore[arg-type]
    assert read(table([row], headers).encode(encoding)) == read(table([row]))


def test_columns_may_stand_in_any_order_and_optional_ones_be_left_out(row: Texts) -> None:
    needed = [column.english.upper() for column in reversed(COLUMNS) if column.required]
    (item,) = read(table([row], needed))
    assert isinstance(item, Parsed)
    assert item.declaration.lines[0].price == ""


def test_unknown_missing_and_repeated_columns_are_all_named(row: Texts) -> None:
    headers = [*template_headers("en"), "报关单号", "colour"]
    headers.remove("currency")
    error = refusal_of(table([row], headers))
    assert error.code == "table-columns"
    for said in ("unknown: colour", "missing: currency", "repeated: declaration_number"):
        assert said in error.message
    assert error.hint


def test_rows_that_stand_apart_are_refused_wherever_they_stand(row: Texts) -> None:
    other = row | {"EntryId": "090820190519123457"}
    items = read(table([row, other, row, row]))
    assert codes(items) == ["duplicate-in-file", "ok", "duplicate-in-file"]
    assert [item.position for item in items] == [1, 2, 3]


def test_21_digit_numbers_of_one_declaration_belong_together(row: Texts) -> None:
    (item,) = read(table([row | {"EntryId": row["EntryId"] + "001"}, row | {"EntryId": row["EntryId"] + "002"}]))
    assert isinstance(item, Parsed)
    assert item.declaration.number == row["EntryId"]
    assert len(item.declaration.lines) == 2


def test_a_bad_row_is_refused_alone(row: Texts) -> None:
    rows = [row, row | {"EntryId": "12345"}, row | {"EntryId": ""}, row | {"EntryId": "090820190519123457"}]
    assert codes(read(table(rows))) == ["ok", "number-format", "not-cleared", "ok"]


def test_a_row_with_other_cells_than_the_header_is_refused_alone(row: Texts) -> None:
    text = table([row]) + "1,2,3\r\n\r\n" + ",".join(["x"] * (len(COLUMNS) + 1)) + "\r\n"
    assert codes(read(text)) == ["ok", "csv-row", "csv-row"]


def test_a_cell_may_hold_commas_quotes_line_ends_and_odd_separators(row: Texts) -> None:
    (item,) = read(table([row | {"GModel": 'a "b",\n c\u2028d\x85e'}, row]))
    assert isinstance(item, Parsed)
    assert item.declaration.lines[0].model == 'a "b", c d e'
    assert len(item.declaration.lines) == 2


@pytest.mark.parametrize("tail", ['"never closed', '"closed" and more,', "\rlone carriage return\r"])
def test_broken_quotes_are_found_before_anything_is_handed_out(row: Texts, tail: str) -> None:
    assert refusal_of(table([row]) + tail).code == "csv-malformed"


def test_a_row_without_end_is_not_kept(row: Texts) -> None:
    assert refusal_of(table([row]) + "x," * 100_000).code == "csv-malformed"
    assert refusal_of(table([row]) + '"a\n",' * 100_000).code == "csv-malformed"


def test_bytes_of_neither_encoding_are_refused(row: Texts) -> None:
    assert refusal_of(table([row]).encode() + b"\xff\xff").code == "encoding-wrong"
    assert refusal_of(table([row]).encode("utf-16")).code == "encoding-wrong"


def test_utf_8_that_was_cut_or_damaged_does_not_pass_for_gb18030(row: Texts) -> None:
    whole = table([row]).encode()
    assert refusal_of(whole[: whole.index("李子".encode()) + 4]).code == "encoding-wrong"
    damaged = whole.replace("李".encode(), b"\xd3\xaa\xd3", 1)
    damaged.decode("gb18030")
    assert refusal_of(damaged).code == "encoding-wrong"


def test_a_given_encoding_is_not_guessed_at(row: Texts) -> None:
    with pytest.raises(InputError):
        read(table([row]).encode("gb18030"), encoding="utf-8")


def test_a_header_alone_says_that_nothing_follows() -> None:
    assert codes(read(table([]))) == ["no-declarations"]
    assert refusal_of("").code == "table-columns"


def test_more_lines_than_a_declaration_may_have_are_refused(row: Texts) -> None:
    assert codes(read(table([row] * 1_001))) == ["too-many-lines"]


def test_every_column_has_one_name_in_each_language() -> None:
    names = [name for column in COLUMNS for name in (column.english, column.chinese)]
    assert len(names) == len(set(names))
    assert all(column_of(name) for name in names)
