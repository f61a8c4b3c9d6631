"""A period of whole days, in UTC+8, both ends included."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from ledger.errors import InputError
from ledger.limits import STATEMENT_DAYS_MAX
from nodes.financings.parts import is_day

_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """Days as yyyy-mm-dd, which compare as text."""

    first: str
    last: str

    def __contains__(self, day: str) -> bool:
        return self.first <= day <= self.last


def period(first: str, last: str) -> Period:
    """Raises `InputError` (`bad-period`) for what is no day, ends before it begins, or is longer than a statement may be."""
    if not (is_day(first) and is_day(last)):
        raise InputError("bad-period", "a period has a first and a last day", hint="write them as 2026-05-01")
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    if not 0 < days <= STATEMENT_DAYS_MAX:
        raise InputError("bad-period", f"a period has 1 to {STATEMENT_DAYS_MAX} days, the last not before the first")
    return Period(first, last)


def month(text: str) -> Period:
    """A calendar month, as yyyy-mm. Raises `InputError` (`bad-period`)."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1:
        raise InputError("bad-period", "a month is written as 2026-05")
    last = calendar.monthrange(int(found[1]), int(found[2]))[1]
    return Period(f"{text}-01", f"{text}-{last:02}")
