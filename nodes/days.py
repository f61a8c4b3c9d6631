"""Days of business: calendar days in UTC+8, the time zone of the declarations, as yyyy-mm-dd."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from contracts.months import DAY_MS, UTC8_MS

_EPOCH: Final = date(1970, 1, 1)


def date_of(time_ms: int) -> date:
    """The day that a time falls in."""
    return _EPOCH + timedelta(days=(time_ms + UTC8_MS) // DAY_MS)


def day_of(time_ms: int) -> str:
    """The same as text."""
    return date_of(time_ms).isoformat()


def day_begin_ms(day: str) -> int:
    """The first millisecond of a day."""
    return (date.fromisoformat(day) - _EPOCH).days * DAY_MS - UTC8_MS


def day_end_ms(day: str) -> int:
    """The first millisecond after a day."""
    return day_begin_ms(day) + DAY_MS


def instant_ms(text: str) -> int | None:
    """A time as a person wrote it, RFC 3339 or a bare day (its beginning), in milliseconds; None for anything else."""
    try:
        if len(text) == 10:
            return day_begin_ms(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
