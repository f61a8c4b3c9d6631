"""Ports of this machine for nodes that are neighbours on it."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Final

from ledger.errors import Refused

HOST: Final = "127.0.0.1"
_PORT_LAST: Final = 60_000


def neighbouring(lowest: int, count: int, stack: ExitStack) -> list[socket.socket]:
    """Listening sockets on neighbouring ports from the lowest upward, open as long as the stack, so that nobody takes one meanwhile.

    Raises `Refused` (`no-free-port`).
    """
    for first in range(lowest, _PORT_LAST, count):
        with ExitStack() as attempt:
            try:
                found = [attempt.enter_context(socket.create_server((HOST, first + place), backlog=256)) for place in range(count)]
            except OSError:
                continue
            stack.push(attempt.pop_all())
            return found
    raise Refused("no-free-port", f"there are no {count} free ports from {lowest} on")


def first_free(lowest: int, count: int) -> int:
    """The first of so many neighbouring ports that are free now. Raises as `neighbouring`."""
    with ExitStack() as until_named:
        first: int = neighbouring(lowest, count, until_named)[0].getsockname()[1]
        return first
