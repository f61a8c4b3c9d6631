"""Peers of a node that are no clients: they send what they like, as slowly as they like, and count what comes back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx


def wire(url: str, sent: bytes = b"") -> socket.socket:
    """A connection on which so much was sent."""
    where = urlsplit(url)
    assert where.hostname is not None and where.port is not None
    connection = socket.create_connection((where.hostname, where.port), timeout=30)
    connection.sendall(sent)
    return connection


@contextmanager
def wires(url: str, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Many of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(wire(url, sent)) for _ in range(count)]


def ends_within(connections: Sequence[socket.socket], seconds: float, drop: bytes = b"", every_s: float = 0.1) -> int:
    """How many of them the node has ended in that time, while each sends a drop now and then."""
    open_, end = set(connections), time.monotonic() + seconds
    while open_ and time.monotonic() < end:
        for each in list(open_):
            if _is_over(each, drop):
                open_.discard(each)
        time.sleep(every_s)
    return len(connections) - len(open_)


def _is_over(connection: socket.socket, drop: bytes) -> bool:
    connection.settimeout(0.001)
    try:
        if drop:
            connection.sendall(drop)
        return connection.recv(65_536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def answer(connection: socket.socket) -> httpx.Response:
    """What comes until the end of the connection."""
    connection.settimeout(30)
    got = b""
    while part := connection.recv(65_536):
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)
