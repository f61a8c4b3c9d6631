"""Clocks, passed in wherever time is read. Times are milliseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Linux stops its plain monotonic clock while the machine sleeps: a laptop opened in the morning would look like a wrong wall clock.
_PASSING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """`now_ms` is the wall clock; `monotonic_ms` counts time that has really passed, so that a jump of the wall clock shows."""

    def now_ms(self) -> int: ...

    def monotonic_ms(self) -> int: ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.clock_gettime_ns(_PASSING) // 1_000_000


class SettableClock:
    """A clock for demonstrations and tests: stands still until it is advanced. Safe to share between threads."""

    def __init__(self, start_ms: int) -> None:
        self._lock = threading.Lock()
        self._now_ms = start_ms
        self._monotonic_ms = 0

    def now_ms(self) -> int:
        with self._lock:
            return self._now_ms

    def monotonic_ms(self) -> int:
        with self._lock:
            return self._monotonic_ms

    def advance(self, by_ms: int) -> None:
        """Time passes."""
        with self._lock:
            self._now_ms += by_ms
            self._monotonic_ms += by_ms

    def jump(self, by_ms: int) -> None:
        """The wall clock is set wrongly: it moves and no time has passed."""
        with self._lock:
            self._now_ms += by_ms


def rfc3339(time_ms: int) -> str:
    """A time as RFC 3339 text in UTC with milliseconds."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
