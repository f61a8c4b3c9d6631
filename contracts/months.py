"""Calendar months in UTC+8, the time zone of the declarations: integer arithmetic, no time zone database."""

from __future__ import annotations

import re
from typing import Final

DAY_MS: Final = 86_400_000
UTC8_MS: Final = 8 * 3_600_000
MONTH_PATTERN: Final = r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$"
_MONTH: Final = re.compile(MONTH_PATTERN)


def month_end_ms(month: str) -> int:
    """The first millisecond after a month `YYYY-MM`, from 1970 to 2999, as Unix time in milliseconds.

    Raises `ValueError` for anything that is not such a month.
    """
    match = _MONTH.fullmatch(month)
    if match is None:
        raise ValueError("a month is written YYYY-MM")
    year, number = int(match[1]), int(match[2])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return _days_before_month(*following) * DAY_MS - UTC8_MS


def month_of_ms(time_ms: int) -> str:
    """The month `YYYY-MM` in UTC+8 that a time from 1970 on falls in."""
    days = (time_ms + UTC8_MS) // DAY_MS
    year = 1970 + days // 366
    while _days_before_month(year + 1, 1) <= days:
        year += 1
    month = max(number for number in range(1, 13) if _days_before_month(year, number) <= days)
    return f"{year:04d}-{month:02d}"


def _days_before_month(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first of a month of the Gregorian calendar."""
    before = year - 1
    leap_days = before // 4 - before // 100 + before // 400 - 477
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return (year - 1970) * 365 + leap_days + sum(lengths[: month - 1])
