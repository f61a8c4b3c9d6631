"""Ports for servers that tests start, whichever layer they are of."""

from __future__ import annotations

import atexit
import socket
from contextlib import ExitStack, suppress

_NEIGHBOURS = 10


def free_ports(count: int) -> int:
    """The first of so many neighbouring ports that are free, and that nobody takes before the caller does: they are below those that
    systems give out by themselves, and a port beside them is kept bound for as long as this process runs, so that other workers and
    other runs of these tests go on to the next ones.
    """
    assert count < _NEIGHBOURS
    for beside in range(10_000, 32_000, _NEIGHBOURS):
        with suppress(OSError), ExitStack() as stack:
            kept = stack.enter_context(socket.create_server(("127.0.0.1", beside)))
            for port in range(beside + 1, beside + 1 + count):
                socket.create_server(("127.0.0.1", port)).close()
            stack.pop_all()
            atexit.register(kept.close)
            return beside + 1
    raise AssertionError("no neighbouring ports are free")
