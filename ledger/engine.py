"""What every engine offers: it takes transactions, orders them, makes their blocks durable, and answers with a receipt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from ledger.errors import Unreachable
from ledger.store import LedgerStore


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record stands on the ledger, and its result. `result["code"]` is `ok` or the reason why it was refused."""

    record_id: str
    height: int
    time_ms: int
    log_index: int
    position: int
    result: Mapping[str, Any]

    @property
    def code(self) -> str:
        return str(self.result["code"])

    def to_json(self) -> dict[str, Any]:
        return {
            "height": self.height,
            "log_index": self.log_index,
            "position": self.position,
            "record_id": self.record_id,
            "result": dict(self.result),
            "time_ms": self.time_ms,
        }


class Engine(Protocol):
    """`submit` gives a future: a receipt once the record is durable, or `InputError`/`Refused` with an admission code for a transaction
    that left nothing, or `Unreachable` where the outcome is not known and the same bytes should be sent again.
    """

    store: LedgerStore

    def submit(self, raw: bytes) -> Future[Receipt]: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def subscribe(self, callback: Callable[[int], None]) -> None:
        """The callback gets each new height after it is durable, from the engine's thread; it must be quick and not raise."""
        ...


class Heights:
    """Tells subscribers and waiters of new heights."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._height = -1
        self._callbacks: list[Callable[[int], None]] = []
        self._closed = False

    @property
    def height(self) -> int:
        with self._changed:
            return self._height

    def subscribe(self, callback: Callable[[int], None]) -> None:
        with self._changed:
            self._callbacks.append(callback)

    def publish(self, height: int) -> None:
        with self._changed:
            self._height, self._closed = height, False
            callbacks = list(self._callbacks)
            self._changed.notify_all()
        for callback in callbacks:
            callback(height)

    def wait_for(self, height: int, timeout_s: float) -> bool:
        """Whether the height was reached in time, and before `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._height >= height, timeout_s)
            return self._height >= height

    def close(self) -> None:
        """The engine stops: nobody waits any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def stopped() -> Unreachable:
    return Unreachable("engine-stopped", "the node's engine is not running", hint="start the node, then send the same record again")
