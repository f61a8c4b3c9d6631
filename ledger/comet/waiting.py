"""Records that this node handed to the engine and that are on no block yet: each is sent again until it is committed or past its time.

The ledger admits the same bytes once, so what is sent twice is there once.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from ledger.admission import CODES
from ledger.engine import Receipt
from ledger.errors import Refused, TallystickError, Unreachable
from ledger.limits import QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX

RESEND_MS: Final = 2_000


@dataclass(slots=True)
class _Waiting:
    raw: bytes
    not_after_ms: int
    since_ms: int
    sent_ms: int
    futures: list[Future[Receipt]] = field(default_factory=list)


class Waiters:
    """By record id. One thread at a time; times are of a clock that only goes forward."""

    def __init__(self, stalled_ms: int) -> None:
        self._stalled_ms = stalled_ms
        self._by_id: dict[str, _Waiting] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, record_id: str, raw: bytes, not_after_ms: int, future: Future[Receipt], now_ms: int) -> bool:
        """Whether the record must be sent: it does not wait yet. Raises `Unreachable` (`engine-busy`)."""
        known = self._by_id.get(record_id)
        if known is not None:
            known.futures.append(future)
            return False
        if len(self._by_id) >= QUEUE_RECORDS_MAX or self._bytes + len(raw) > QUEUE_BYTES_MAX:
            raise Unreachable("engine-busy", "too many records are waiting", hint="send the same record again later")
        self._by_id[record_id] = _Waiting(raw, not_after_ms, now_ms, now_ms, [future])
        self._bytes += len(raw)
        return True

    def settle(self, receipt: Receipt) -> None:
        """The record is on the ledger."""
        for future in self._take(receipt.record_id):
            answer(future, receipt)

    def holds(self, record_id: str, raw: bytes) -> bool:
        """Whether these very bytes wait. A copy with other signatures is another transaction, and says nothing of them."""
        known = self._by_id.get(record_id)
        return known is not None and known.raw == raw

    def refuse(self, record_id: str, error: TallystickError) -> None:
        """Whoever waits for the record waits no more."""
        for future in self._take(record_id):
            answer(future, error)

    def due(self, now_ms: int) -> list[bytes]:
        """What was sent long enough ago to be sent again."""
        found = [each for each in self._by_id.values() if now_ms - each.sent_ms >= RESEND_MS]
        for each in found:
            each.sent_ms = now_ms
        return [each.raw for each in found]

    def expire(self, block_time_ms: int) -> None:
        """Whatever is past its time at the newest block, and on none, never will be."""
        for record_id in [key for key, each in self._by_id.items() if each.not_after_ms <= block_time_ms]:
            self.refuse(record_id, Refused("expired", CODES["expired"]))

    def stalled(self, now_ms: int, last_block_ms: int) -> bool:
        """Whether a record waits longer than any should, and no block came in all that time."""
        patient_ms = now_ms - self._stalled_ms
        return last_block_ms <= patient_ms and any(each.since_ms <= patient_ms for each in self._by_id.values())

    def fail(self, error: TallystickError) -> None:
        """Answers all with an error. They may be on the ledger one day all the same."""
        for record_id in list(self._by_id):
            self.refuse(record_id, error)

    def _take(self, record_id: str) -> list[Future[Receipt]]:
        found = self._by_id.pop(record_id, None)
        if found is None:
            return []
        self._bytes -= len(found.raw)
        return found.futures


def answer(future: Future[Receipt], outcome: Receipt | TallystickError) -> None:
    """Once; nothing where whoever asked went away."""
    if future.done() or not (future.running() or future.set_running_or_notify_cancel()):
        return
    if isinstance(outcome, Receipt):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)


def no_quorum() -> Unreachable:
    """What those are answered who wait while no blocks are made."""
    return Unreachable(
        "no-quorum",
        "the consortium makes no blocks: a third or more of its voting power is not reached",
        hint="the record is kept and sent again by itself; see that more than two thirds of the validators run and reach each other",
    )
