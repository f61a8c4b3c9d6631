"""Files of earlier loans: what is read of them, and what is said of rows that cannot be used."""

from __future__ import annotations

from io import BytesIO

import pytest

from ledger.errors import InputError
from nodes.financings.load_table import COLUMNS, read_loans, template
from nodes.money import Money
from nodes.spreadsheets import Sheet, write_workbook

HEADER = [english for english, _, _ in COLUMNS]
NUMBERS = ("090820260519100001", "090820260519100002")


def row(reference: str = "E-1", number: str = NUMBERS[0], drawn: str = "10000.00", **fields: str) -> list[str]:
    whole = {"product": "earlier", "branch": "", "disbursed_on": "2026-08-01", "matures_on": "2027-02-01", **fields}
    return [reference, number, fields.get("currency", "USD"), drawn, *(whole[name] for name in HEADER[4:])]


def csv_of(*rows: list[str], header: list[str] = HEADER) -> BytesIO:
    return BytesIO("\n".join(",".join(cells) for cells in (header, *rows)).encode())


def codes(*rows: list[str]) -> list[str]:
    """What is said of each row."""
    return [each.problem.code if each.problem else "ok" for loan in read_loans(csv_of(*rows)) for each in loan.rows]


def test_rows_under_one_reference_are_one_loan_whose_first_row_says_what_is_of_the_whole() -> None:
    blank = dict.fromkeys(("product", "branch", "disbursed_on", "matures_on"), "")
    first, second = read_loans(csv_of(row(branch="Dalian"), row(number=NUMBERS[1], drawn="5", **blank), row("E-2", drawn="1.5")))
    assert [(each.position, each.number, each.amount) for each in first.rows] == [
        (2, NUMBERS[0], Money("USD", 1_000_000)),
        (3, NUMBERS[1], Money("USD", 500)),
    ]
    assert (first.product, first.branch, first.disbursed_on, first.matures_on) == ("earlier", "Dalian", "2026-08-01", "2027-02-01")
    assert second.rows[0].amount == Money("USD", 150)


def test_the_template_filled_in_is_read_the_same_as_csv_in_chinese() -> None:
    sheet = template()
    book = BytesIO()
    write_workbook(book, [Sheet(sheet.name, sheet.headers, [row()], sheet.text_columns)])
    in_chinese = csv_of(row(), header=[chinese for _, chinese, _ in COLUMNS])
    (from_book,), (from_csv,) = read_loans(book), read_loans(in_chinese)
    assert [(each.number, each.amount, each.problem) for each in from_book.rows] == [(NUMBERS[0], Money("USD", 1_000_000), None)]
    assert (from_book.product, from_book.matures_on) == (from_csv.product, from_csv.matures_on)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(), row("E-2"), row()], ["ok", "ok", "loan-apart"]),
        ([row(), row(number=NUMBERS[1], product="another")], ["ok", "row-differs"]),
        ([row(number="12345")], ["number-format"]),
        ([row(drawn="-1")], ["amount-invalid"]),
        ([row(drawn="1.005")], ["amount-invalid"]),
        ([row(currency="XXZ")], ["currency-unknown"]),
        ([row(disbursed_on="2026-02-30")], ["bad-field"]),
        ([row(matures_on="1.2.2027")], ["bad-field"]),
        ([row("")], ["bad-field"]),
        ([row(product="")], ["bad-field"]),
        ([[*row(), "more"]], ["row-too-long"]),
    ],
)
def test_a_row_that_cannot_be_used_says_why_and_the_others_are_read(rows: list[list[str]], expected: list[str]) -> None:
    assert codes(*rows) == expected


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (csv_of(header=[*HEADER[:-1], "colour"]), "columns-wrong"),
        (csv_of(header=[*HEADER, "reference"]), "columns-wrong"),
        (csv_of(header=HEADER[1:]), "columns-wrong"),
        (BytesIO(b""), "columns-wrong"),
        (csv_of(), "no-rows"),
        (BytesIO(b"PK not a workbook"), "xlsx-malformed"),
        (BytesIO(b'reference,"'), "csv-malformed"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_is_refused(file: BytesIO, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_loans(file)
    assert caught.value.code == code


def test_a_file_has_so_many_bytes_and_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.financings.load_table.LOAD_ROWS_MAX", 1)
    with pytest.raises(InputError, match="too-many-rows"):
        read_loans(csv_of(row(), row("E-2")))
    monkeypatch.setattr("nodes.financings.load_table.LOAD_FILE_BYTES_MAX", 10)
    with pytest.raises(InputError, match="file-too-large"):
        read_loans(csv_of(row()))
