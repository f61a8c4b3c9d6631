"""A node's engine for another process of the same node: its submissions go through a socket to the process that runs the engine.

As a program it is a second process of an authority's node: it says that it is ready, waits for a line, answers what is open, and ends.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from ledger.clock import SettableClock
from ledger.engine import Engine, Receipt
from ledger.errors import InputError, Refused, TallystickError
from ledger.store import LedgerStore
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from tests.nodes.small_network import CHEAP

KEY = b"one node, two processes"


class RemoteEngine:
    """An `Engine` that only submits."""

    def __init__(self, store: LedgerStore, address: str) -> None:
        self.store = store
        self._connection = Client(address, authkey=KEY)

    def submit(self, raw: bytes) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        self._connection.send(raw)
        answer = self._connection.recv()
        if isinstance(answer, Receipt):
            future.set_result(answer)
        else:
            kind, code, message = answer
            future.set_exception(InputError(code, message) if kind == "InputError" else Refused(code, message))
        return future

    def subscribe(self, callback: Callable[[int], None]) -> None:
        """The other process follows heights; this one looks for itself."""

    def start(self) -> None:
        """Nothing runs here."""

    def stop(self) -> None:
        self._connection.close()


@contextmanager
def serving(engine: Engine, address: Path) -> Iterator[Path]:
    """Takes submissions from other processes at an address, a socket's path."""
    listener = Listener(str(address), authkey=KEY)

    def serve(connection: Connection) -> None:
        while True:
            try:
                raw = connection.recv()
            except EOFError:
                return
            try:
                connection.send(engine.submit(raw).result(20))
            except TallystickError as error:
                connection.send((type(error).__name__, error.code, error.message))

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        listener.close()


def main(home: str, address: str, now_ms: str) -> None:
    engine_store = LedgerStore(f"sqlite:///{Path(home) / 'ledger.db'}", read_only=True)
    node = Node.open(Path(home), SettableClock(int(now_ms)), engine=RemoteEngine(engine_store, address), cost=CHEAP)
    worker = EnquiryWorker(node, "second process")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    while worker.run_once():
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
