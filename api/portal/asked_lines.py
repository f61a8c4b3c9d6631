"""What a person asks about: lines pasted from anywhere, or a spreadsheet by the template, into the lines of an enquiry.

A line holds a declaration number, and after it, apart by a tab, a comma, a semicolon or spaces, what the papers of the exporter say:
a currency, an amount, a date of export, in any order. What cannot be read is said with the line's number; the declaration number itself
is the API's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any, Final

from api.portal.words import N_
from ledger.limits import ENQUIRY_LINES_MAX
from nodes.spreadsheets import Sheet, read_rows, write_workbook

HEADINGS: Final = ("number", "currency", "amount", "export_date")
_NUMBER: Final = re.compile(r"[0-9]{18}(?:[0-9]{3})?\Z")
# A comma stands between fields, or between the thousands of an amount.
_APART: Final = re.compile(r"[\t;]\s*|,(?![0-9]{3}(?:[^0-9]|\Z))\s*|\s+")
_AMOUNT: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?\Z|[0-9]+(?:\.[0-9]+)?\Z")
_CURRENCY: Final = re.compile(r"[A-Z]{3}\Z")


class NotReadable(ValueError):
    """A line that cannot be read: its number, from 1, and what is wrong with it as a text for translation."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


@dataclass(frozen=True, slots=True)
class Asked:
    """One declaration, and what the papers say of it."""

    number: str
    currency: str | None
    amount: str | None
    export_date: str | None

    def to_json(self, exporter_uscc: str) -> dict[str, Any]:
        """The line of `POST /v1/enquiries`."""
        money = None if self.amount is None else {"currency": self.currency, "value": self.amount}
        return {"number": self.number, "exporter_uscc": exporter_uscc, "amount": money, "export_date": self.export_date}


def pasted(text: str) -> list[Asked]:
    """The lines of a text; empty ones are passed over. Raises `NotReadable`."""
    return _lines((place, _APART.split(line.strip())) for place, line in enumerate(text.splitlines(), 1))


def from_workbook(content: bytes) -> list[Asked]:
    """The rows of a workbook by the template. Raises `NotReadable`, and `InputError` for what is no workbook."""
    rows = list(read_rows(BytesIO(content)))
    for row in rows:
        if row.fault is not None:
            raise NotReadable(row.number, row.fault.message)
    return _lines((row.number, row.cells) for row in rows if row.cells[:1] != HEADINGS[:1])


def template() -> bytes:
    """A workbook to fill in; numbers stay text in it."""
    file = BytesIO()
    every = frozenset(range(len(HEADINGS)))
    write_workbook(file, [Sheet("declarations", [HEADINGS], text_columns=every, widths=(24, 10, 16, 14))])
    return file.getvalue()


def _lines(rows: Iterable[tuple[int, Sequence[str]]]) -> list[Asked]:
    found = [_line(place, [cell.strip() for cell in cells if cell.strip()]) for place, cells in rows if any(cell.strip() for cell in cells)]
    if not found:
        raise NotReadable(1, N_("There is no declaration number in it."))
    if len(found) > ENQUIRY_LINES_MAX:
        raise NotReadable(ENQUIRY_LINES_MAX + 1, N_("An enquiry has at most 500 declarations. Ask about the rest in another one."))
    return found


def _line(place: int, words: Sequence[str]) -> Asked:
    number, *others = words
    if not _NUMBER.match(number):
        raise NotReadable(place, N_("It does not begin with a declaration number of 18 or 21 digits."))
    said: dict[str, str] = {}
    for word in others:
        kind = "currency" if _CURRENCY.match(word) else "amount" if _AMOUNT.match(word) else "export_date" if _is_day(word) else None
        if kind is None or kind in said:
            raise NotReadable(place, N_("After the number come a currency (USD), an amount (36250.00) and a date (2026-06-11)."))
        said[kind] = word.replace(",", "") if kind == "amount" else word
    if ("currency" in said) != ("amount" in said):
        raise NotReadable(place, N_("A currency and an amount go together."))
    return Asked(number, said.get("currency"), said.get("amount"), said.get("export_date"))


def _is_day(word: str) -> bool:
    try:
        return len(word) == len("2026-06-11") and bool(date.fromisoformat(word))
    except ValueError:
        return False
