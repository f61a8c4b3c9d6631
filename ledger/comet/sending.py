"""Hands records to CometBFT: those that come close together in one request, and again for a while where it is just starting."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import Final

import structlog

from ledger.clock import Clock
from ledger.comet.rpc import Rpc
from ledger.comet.waiting import RESEND_MS
from ledger.errors import Unreachable

_BATCH_MAX: Final = 200
# With one record more than this, and in base64, still less than the engine reads of one request.
_BATCH_BYTES_MAX: Final = 1_048_576
_AGAIN_S: Final = 0.25

log = structlog.get_logger(__name__)


class Sender:
    """A thread of its own. What it could not hand over is sent again by whoever waits for it."""

    def __init__(self, rpc: Rpc, clock: Clock) -> None:
        self._rpc, self._clock = rpc, clock
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="comet-send", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Leaves what is not handed over."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    def send(self, raw: bytes) -> None:
        """Soon. For any thread."""
        self._queue.put(raw)

    def _run(self) -> None:
        while (raw := self._queue.get()) is not None:
            batch, size = [raw], len(raw)
            with suppress(queue.Empty):
                while len(batch) < _BATCH_MAX and size < _BATCH_BYTES_MAX and (more := self._queue.get_nowait()) is not None:
                    batch.append(more)
                    size += len(more)
            if self._stopping.is_set():
                return
            self._hand_over(batch)

    def _hand_over(self, batch: list[bytes]) -> None:
        """CometBFT may just be starting. What it does not take for a while is sent again in its time."""
        began_ms = self._clock.monotonic_ms()
        while not self._stopping.is_set():
            try:
                self._rpc.send(batch)
            except Unreachable as error:
                if self._clock.monotonic_ms() - began_ms < RESEND_MS:
                    self._stopping.wait(_AGAIN_S)
                    continue
                log.info("records-not-sent", records=len(batch), code=error.code)
            return
