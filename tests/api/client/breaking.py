"""A line between a client and a node that breaks when it is told to: after the node has been given a request, and before its answer is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"


@dataclass
class Line:
    """`url` leads to the node. `lose` are beginnings of requests of which the answer is lost, each once; `lost` those of which it was.
    With `at_once` the line is cut as soon as the request has gone, with the node still at work on it. `carried` is what the node said.
    """

    url: str
    lose: list[bytes] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)
    at_once: bool = False
    carried: list[bytes] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    def cut(self) -> None:
        """Breaks whatever is open now."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking_line(node: str, port: int) -> Iterator[Line]:
    """A line to a node's port on this machine."""
    listener = socket.create_server((HOST, 0))
    line = Line(f"http://{HOST}:{listener.getsockname()[1]}")
    thread = threading.Thread(target=_serve, args=(listener, line, port), name=f"line to {node}", daemon=True)
    thread.start()
    try:
        yield line
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        line.cut()
        thread.join()


def _serve(listener: socket.socket, line: Line, port: int) -> None:
    workers = []
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            break
        workers.append(threading.Thread(target=_carry, args=(near, line, port), daemon=True))
        workers[-1].start()
    for worker in workers:
        worker.join()


def _carry(near: socket.socket, line: Line, port: int) -> None:
    """One connection, request by request."""
    with near, socket.create_connection((HOST, port)) as far:
        line._open += [near, far]
        losing = threading.Event()
        back = threading.Thread(target=_back, args=(far, near, line, losing), daemon=True)
        back.start()
        with suppress(OSError):
            while chunk := near.recv(65_536):
                found = next((each for each in line.lose if chunk.startswith(each)), None)
                if found is not None:
                    line.lose.remove(found)
                    line.lost.append(found)
                    losing.set()
                far.sendall(chunk)
                if found is not None and line.at_once:
                    near.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            far.shutdown(socket.SHUT_WR)
        back.join()
        for each in (near, far):
            line._open.remove(each)


def _back(far: socket.socket, near: socket.socket, line: Line, losing: threading.Event) -> None:
    with suppress(OSError):
        while chunk := far.recv(65_536):
            if losing.is_set():
                break
            near.sendall(chunk)
            line.carried.append(chunk)
    with suppress(OSError):
        near.shutdown(socket.SHUT_RDWR)
