"""Waiting for the ledger, or the feed of events, to grow, without a thread for each who waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from ledger.limits import HTTP_LONG_POLLS_MAX


class Growing(Protocol):
    """What calls back when there may be more of it."""

    def subscribe(self, listener: Callable[[int], None]) -> None: ...


class HeightWatch:
    """Turns the callback of what grows, which comes from its thread, into events of the loops that wait."""

    def __init__(self, growing: Growing) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._closed = False
        growing.subscribe(self._wake)

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """An event that is set at the next height. Look at the ledger after entering, or a height in between is missed.

        When too many wait, or the node is stopping, the event is set at once: the caller answers with what there is.
        """
        event = asyncio.Event()
        with self._lock:
            if self._closed or len(self._waiting) >= HTTP_LONG_POLLS_MAX:
                event.set()
            self._waiting[event] = asyncio.get_running_loop()
        try:
            yield event
        finally:
            with self._lock:
                self._waiting.pop(event, None)

    @property
    def closed(self) -> bool:
        """Whether the node is stopping."""
        return self._closed

    def close(self) -> None:
        """Lets everyone go who waits, and keeps nobody waiting from now on."""
        with self._lock:
            self._closed = True
        self._wake(0)

    def _wake(self, _height: int) -> None:
        with self._lock:
            waiting = list(self._waiting.items())
        for event, loop in waiting:
            # A loop that has ended since has nobody left to wake.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)


async def wait(event: asyncio.Event, timeout_s: float) -> None:
    """Returns when the event is set or the time is up."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), timeout_s)
