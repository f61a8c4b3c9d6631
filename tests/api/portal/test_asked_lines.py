"""What people paste into an enquiry, and the template that they fill in."""

from __future__ import annotations

from io import BytesIO

import openpyxl
import pytest

from api.portal.asked_lines import Asked, NotReadable, from_workbook, pasted, template
from ledger.errors import InputError
from ledger.limits import ENQUIRY_LINES_MAX

NUMBER = "090820260519123456"
WHOLE = Asked(NUMBER, "USD", "36250.00", "2026-06-11")


@pytest.mark.parametrize(
    "text",
    [
        f"{NUMBER} USD 36250.00 2026-06-11",
        f"{NUMBER}\tUSD\t36,250.00\t2026-06-11\n",
        f"\n  {NUMBER}, USD, 36,250.00, 2026-06-11  \n\n",
        f"{NUMBER};2026-06-11;36250.00;USD",
        f"{NUMBER},USD,36250.00,2026-06-11",
    ],
)
def test_a_line_is_read_however_it_was_copied(text: str) -> None:
    assert pasted(text) == [WHOLE]


def test_a_number_alone_is_enough_and_order_is_kept() -> None:
    other = "420020260500039160000"
    assert pasted(f"{NUMBER}\n{other} 2026-08-13") == [Asked(NUMBER, None, None, None), Asked(other, None, None, "2026-08-13")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("\n \n", 1),
        (f"{NUMBER}\n\n12345", 3),
        (f"{NUMBER} 36250.00", 1),
        (f"{NUMBER} USD", 1),
        (f"{NUMBER} USD 36250.00 11.06.2026", 1),
        (f"{NUMBER} USD 36250.00 2026-02-30", 1),
        (f"{NUMBER} USD 1 2", 1),
        (f"{NUMBER} usd 36250.00", 1),
        (f"{NUMBER} USD 36,25", 1),
        ("０９０８20260519123456", 1),
        (f"{NUMBER}\n" * (ENQUIRY_LINES_MAX + 1), ENQUIRY_LINES_MAX + 1),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text: str, line: int) -> None:
    with pytest.raises(NotReadable) as caught:
        pasted(text)
    assert caught.value.line == line


def test_the_template_comes_back_filled_in() -> None:
    book = openpyxl.load_workbook(BytesIO(template()))
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[1]] == ["number", "currency", "amount", "export_date"]
    sheet.append([NUMBER, "USD", "36250.00", "2026-06-11"])
    file = BytesIO()
    book.save(file)
    assert from_workbook(file.getvalue()) == [WHOLE]


def test_a_spreadsheets_faults_are_named_by_their_row() -> None:
    book = openpyxl.load_workbook(BytesIO(template()))
    book.worksheets[0].append([90820260519123456])
    file = BytesIO()
    book.save(file)
    with pytest.raises(NotReadable) as caught:
        from_workbook(file.getvalue())
    assert caught.value.line == 2
    with pytest.raises(InputError, match="xlsx-malformed"):
        from_workbook(b"no workbook")
