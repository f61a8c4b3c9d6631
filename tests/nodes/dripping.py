"""A server that never comes to the end of an answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

BEGINNINGS: Final = {
    "in the body": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "in a header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
}
"""How an answer begins, and what is sent again and again after it."""


@contextmanager
def dripping(beginning: bytes, drop: bytes) -> Iterator[str]:
    """Its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    asker, _ = listener.accept()
                    threading.Thread(target=drip, args=(asker,), daemon=True).start()

        def drip(asker: socket.socket) -> None:
            with asker, suppress(OSError):
                asker.sendall(beginning)
                while True:
                    asker.sendall(drop)
                    time.sleep(0.02)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
