"""Transactions that wait for a block: bounded by number and by bytes, and each answered once, whatever happens."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future

from ledger.admission import CODES
from ledger.engine import Receipt, stopped
from ledger.errors import InputError, TallystickError, Unreachable
from ledger.limits import BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX, RECORD_BYTES_MAX

Waiting = tuple[bytes, "Future[Receipt]"]


class Inbox:
    """Many threads `put`; one, the engine's, gathers blocks. Closed from the beginning and after `close`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._bytes = 0
        self._paused = False
        self._closing = threading.Event()
        self._closing.set()

    def open(self) -> None:
        with self._changed:
            self._closing.clear()

    def close(self) -> None:
        """Ends the gathering; whatever still waits is answered with `engine-stopped`."""
        with self._changed:
            self._closing.set()
            left = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()
        fail(left, stopped())

    def pause(self, paused: bool) -> None:
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def waiting(self) -> int:
        """How many transactions wait."""
        with self._changed:
            return len(self._waiting)

    def put(self, raw: bytes) -> Future[Receipt]:
        """The future of a transaction's answer; one that cannot wait here is answered at once."""
        future: Future[Receipt] = Future()
        if len(raw) > RECORD_BYTES_MAX:
            future.set_exception(InputError("oversize", CODES["oversize"]))
            return future
        with self._changed:
            closed = self._closing.is_set()
            full = len(self._waiting) >= QUEUE_RECORDS_MAX or self._bytes + len(raw) > QUEUE_BYTES_MAX
            if not closed and not full:
                self._waiting.append((raw, future))
                self._bytes += len(raw)
                if len(self._waiting) == 1:
                    self._changed.notify_all()
                return future
        busy = Unreachable("engine-busy", "too many records are waiting", hint="send the same record again later")
        future.set_exception(stopped() if closed else busy)
        return future

    def gather(self, carried: list[Waiting], group_s: float) -> list[Waiting] | None:
        """The transactions of the next block, those carried over first, or None once closed. Waits for the first one, and then
        `group_s` for its company.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing.is_set() or ((self._waiting or carried) and not self._paused))
            if self._closing.wait(group_s):
                fail(carried, stopped())
                return None
            with self._changed:
                batch = [] if self._paused else self._take(carried)
            if batch:
                return batch

    def _take(self, carried: list[Waiting]) -> list[Waiting]:
        batch = list(carried)
        size = sum(len(raw) for raw, _ in batch)
        while self._waiting and len(batch) < BLOCK_RECORDS_MAX and size + len(self._waiting[0][0]) <= BLOCK_BYTES_MAX:
            item = self._waiting.popleft()
            self._bytes -= len(item[0])
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
                size += len(item[0])
        return batch


def fail(waiting: list[Waiting], error: TallystickError) -> None:
    """Answers with an error whoever has no answer yet, and did not go away."""
    for _, future in waiting:
        if not future.done() and (future.running() or future.set_running_or_notify_cancel()):
            future.set_exception(error)
