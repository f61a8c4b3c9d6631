"""Months in UTC+8, against the standard library's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.months import month_end_ms, month_of_ms

UTC8 = timezone(timedelta(hours=8))


@given(st.integers(1970, 2998), st.integers(1, 12))
def test_a_month_ends_where_the_next_begins_in_utc8(year: int, month: int) -> None:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC8)
    end = month_end_ms(f"{year:04d}-{month:02d}")
    assert end == (following - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert month_of_ms(end - 1) == f"{year:04d}-{month:02d}"
    assert month_of_ms(end) == f"{following.year:04d}-{following.month:02d}"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "1969-12", "3000-01", "２０２６-01", "2026-01\n", ""]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="YYYY-MM"):
        month_end_ms(text)
