"""How time goes by in the story. Where one operator orders blocks, the nodes share a clock that stands in the past and is moved by the
story, never beyond the real now. In a consortium blocks have the real time, which nobody can move: there a short hold lasts seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from api.cli.demo.client import Unexpected
from ledger.clock import Clock, SettableClock, SystemClock
from ledger.errors import Refused

HOUR_MS: Final = 3_600_000
_DAYS_MS: Final = 24 * HOUR_MS
_SHORT_HOLD_MS: Final = 8_000
_LAPSE_S: Final = 60.0
_LOOK_S: Final = 0.1


class Pace(Protocol):
    """The story's time."""

    @property
    def clock(self) -> Clock: ...

    def pass_hours(self, hours: int) -> None:
        """Time goes by for everyone, where it can be made to."""
        ...

    def short_hold_until_ms(self) -> int:
        """When a hold ends that the story can wait for."""
        ...

    def pass_until_ms(self, until_ms: int) -> None:
        """Returns when the next record is judged by a later time."""
        ...


class StoryTime:
    """A clock of the story's own."""

    def __init__(self, start_ms: int) -> None:
        self.clock = SettableClock(start_ms)

    def pass_hours(self, hours: int) -> None:
        """Raises `Refused` (`clock-ahead`) rather than go beyond the real now."""
        if self.clock.now_ms() + hours * HOUR_MS > SystemClock().now_ms():
            raise Refused("clock-ahead", "the story would go beyond the real time")
        self.clock.advance(hours * HOUR_MS)

    def short_hold_until_ms(self) -> int:
        return self.clock.now_ms() + 2 * _DAYS_MS

    def pass_until_ms(self, until_ms: int) -> None:
        self.pass_hours((until_ms - self.clock.now_ms() + _DAYS_MS) // HOUR_MS)


class RealTime:
    """The machine's clock. `block_time_ms` is the time of the consortium's newest block."""

    def __init__(self, block_time_ms: Callable[[], int]) -> None:
        self.clock = SystemClock()
        self._block_time_ms = block_time_ms

    def pass_hours(self, hours: int) -> None:
        """It goes by itself."""

    def short_hold_until_ms(self) -> int:
        return self.clock.now_ms() + _SHORT_HOLD_MS

    def pass_until_ms(self, until_ms: int) -> None:
        """Raises `Unexpected` (`time-stands`) where no block comes."""
        end = time.monotonic() + _LAPSE_S
        while self._block_time_ms() < until_ms:
            if time.monotonic() > end:
                raise Unexpected("time-stands", "the consortium makes no blocks")
            time.sleep(_LOOK_S)
