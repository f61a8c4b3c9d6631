"""Records on their way to the ledger: stored before they are sent, so that a crash neither loses nor doubles one.

A record is written to the private database first, then submitted, then its outcome is written down. Whatever was left pending is
sent again by `resume`, byte for byte: a ledger admits the same bytes once, so a record that had arrived answers `repeat` and is
looked up. A `reference` names the cause of a record (an enquiry to answer, a client's idempotency key): there is one record for a
reference for ever, whoever sends and however often, unless the ledger has dropped it unseen and cannot admit it any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
import structlog

from ledger import canonical
from ledger.admission import CODES
from ledger.clock import Clock
from ledger.engine import Engine, Receipt
from ledger.errors import InputError, NotFound, Refused, TallystickError, Unreachable
from ledger.record import parse
from ledger.store import StoredRecord
from nodes.private import PrivateStore, outbox

WAIT_S: Final = 30.0
PENDING: Final = "pending"
DONE: Final = "done"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A signed transaction, why it is sent (for people and reports), and the cause that may have one record only."""

    raw: bytes
    purpose: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of the outbox. `result` and `height` are None while the outcome is not known."""

    record_id: str
    raw: bytes
    purpose: str
    state: str
    result: dict[str, Any] | None
    height: int | None
    created_ms: int
    reference: str | None


class Outbox:
    """Safe to share between threads, and between the processes of one node.

    `orders`: the engine is the one that orders blocks, so what it dropped as expired cannot be on the ledger unseen.
    """

    def __init__(self, private: PrivateStore, engine: Engine, clock: Clock, *, orders: bool, wait_s: float = WAIT_S) -> None:
        self._private = private
        self._engine = engine
        self._clock = clock
        self._orders = orders
        self._wait_s = wait_s
        self._grown = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        engine.subscribe(self._notify)

    def start(self) -> None:
        """Begins to resume in the background: at once, and again as long as something is pending."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def send(self, raw: bytes, purpose: str, reference: str | None = None, *, wait_s: float | None = None) -> Receipt:
        """Stores, submits and waits for the outcome; a record that the rules refused gives a receipt whose code is not `ok`.

        Where the reference has a record already, that one's receipt is given and `raw` is left unused. Raises `InputError` or
        `Refused` with an admission code for what left nothing, `Unreachable` where the outcome is not known yet: the record stays
        in the outbox, and sending it again, `outcome` or `resume` find out.
        """
        outcome = self.send_many([Outgoing(raw, purpose, reference)], wait_s=wait_s)[0]
        if isinstance(outcome, TallystickError):
            raise outcome
        return outcome

    def send_many(self, items: Sequence[Outgoing], *, wait_s: float | None = None) -> list[Receipt | TallystickError]:
        """As `send` for several, in two transactions of the private database instead of two for each. One outcome an item."""
        with self._private.begin() as connection:
            entries = [self.store(connection, item) for item in items]
        return self._deliver(entries, self._wait_s if wait_s is None else wait_s)

    def store(self, connection: sa.Connection, item: Outgoing) -> Sent:
        """As `send` begins, inside the caller's own transaction; `send` or `resume` then bring it to the ledger. Where the reference has a
        record already, that one is given.
        """
        record_id = parse(item.raw).id
        same = outbox.c.record_id == record_id
        if item.reference is not None:
            same = sa.or_(same, outbox.c.reference == item.reference)
        known = connection.execute(sa.select(outbox).where(same)).first()
        if known is not None:
            return _sent(known)
        row = {"record_id": record_id, "raw": item.raw, "purpose": item.purpose, "state": PENDING, "reference": item.reference}
        created_ms = self._clock.now_ms()
        connection.execute(sa.insert(outbox).values(**row, created_ms=created_ms))
        return Sent(record_id, item.raw, item.purpose, PENDING, None, None, created_ms, item.reference)

    def outcome(self, record_id: str) -> Receipt | None:
        """What became of a record that this node sent, as far as its replica shows; None while that is not known.

        Raises `NotFound` (`unknown-record`), or the `Refused` with which the ledger dropped the record.
        """
        entry = self.entry(record_id)
        known = self._look_up(record_id)
        if known is None and entry.state == DONE and entry.result is not None and entry.result["code"] in CODES:
            raise Refused(entry.result["code"], CODES[entry.result["code"]])
        return known

    def resume(self) -> int:
        """Sends again whatever has no outcome, and says how many still have none."""
        outcomes = self._deliver(self.pending(), self._wait_s)
        return sum(not _is_final(outcome) for outcome in outcomes)

    def pending(self) -> list[Sent]:
        """What has no outcome yet, the oldest first."""
        query = sa.select(outbox).where(outbox.c.state == PENDING).order_by(outbox.c.created_ms, outbox.c.record_id)
        with self._private.reading() as connection:
            return [_sent(row) for row in connection.execute(query)]

    def by_reference(self, reference: str) -> Sent | None:
        """The record for a cause, sent or on its way; None where the cause has none."""
        with self._private.reading() as connection:
            row = connection.execute(sa.select(outbox).where(outbox.c.reference == reference)).first()
        return None if row is None else _sent(row)

    def entry(self, record_id: str) -> Sent:
        """Raises `NotFound` (`unknown-record`) for what this node did not send."""
        with self._private.reading() as connection:
            row = connection.execute(sa.select(outbox).where(outbox.c.record_id == record_id)).first()
        if row is None:
            raise NotFound("unknown-record", "this node has sent no such record")
        return _sent(row)

    def _run(self) -> None:
        while True:
            try:
                if left := self.resume():
                    log.info("outbox-pending", records=left)
            except TallystickError as error:
                log.warning("outbox-not-resumed", code=error.code)
            if self._stopping.wait(self._wait_s):
                return

    def _deliver(self, entries: Sequence[Sent], wait_s: float) -> list[Receipt | TallystickError]:
        """The outcome of each entry, known or found out, and written down. All are submitted before any is waited for."""
        if not entries:
            return []
        with self._engine.store.reading() as reader:
            stored = [reader.record(entry.record_id) for entry in entries]
        deliveries = [
            _receipt(known) if known is not None else self._engine.submit(entry.raw) for entry, known in zip(entries, stored, strict=True)
        ]
        end = time.monotonic() + wait_s
        outcomes = [self._settled(entry, delivery, end) for entry, delivery in zip(entries, deliveries, strict=True)]
        with self._private.begin() as connection:
            for entry, outcome in zip(entries, outcomes, strict=True):
                _write_down(connection, entry, outcome)
        return outcomes

    def _settled(self, entry: Sent, delivery: Receipt | Future[Receipt], end: float) -> Receipt | TallystickError:
        if isinstance(delivery, Receipt):
            return delivery
        try:
            return delivery.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            return Unreachable("answer-late", "the ledger has not answered in time", hint="the record is kept; ask again later")
        except CancelledError:
            return Unreachable("engine-stopped", "the engine stopped before it answered", hint="the record is kept; start the node")
        except TallystickError as error:
            return self._explained(entry, error, end)

    def _explained(self, entry: Sent, error: TallystickError, end: float) -> Receipt | TallystickError:
        """What an error means for a record that may have been sent before."""
        if error.code == "repeat":
            return self._await_record(entry.record_id, end) or Unreachable(
                "replica-behind", "the record is on the ledger, and not in this node's replica yet", hint="ask again later"
            )
        if error.code != "expired" or self._orders:
            return error
        # Admission looks at the date before it looks for repeats: an expired record may be on the ledger, where an earlier attempt
        # put it. It is not, and never will be, once our replica is past the date without it.
        with self._engine.store.reading() as reader:
            stored, time_ms = reader.record(entry.record_id), reader.head.time_ms
        if stored is not None:
            return _receipt(stored)
        if time_ms >= int(parse(entry.raw).core["not_after"]):
            return error
        return Unreachable("replica-behind", "whether the record arrived before it expired is not known yet", hint="ask again later")

    def _look_up(self, record_id: str) -> Receipt | None:
        with self._engine.store.reading() as reader:
            stored = reader.record(record_id)
        return None if stored is None else _receipt(stored)

    def _await_record(self, record_id: str, end: float) -> Receipt | None:
        """Waits for the node's own replica to hold a record that is known to be on the ledger."""
        with self._grown:
            while (known := self._look_up(record_id)) is None and (left := end - time.monotonic()) > 0:
                self._grown.wait(left)
        return known

    def _notify(self, _height: int) -> None:
        with self._grown:
            self._grown.notify_all()


def _is_final(outcome: Receipt | TallystickError) -> bool:
    """Whether an outcome says for good what became of a record: a receipt, or that admission dropped it."""
    return isinstance(outcome, Receipt) or (isinstance(outcome, InputError | Refused) and outcome.code in CODES)


def _write_down(connection: sa.Connection, entry: Sent, outcome: Receipt | TallystickError) -> None:
    """Pending stays pending where the outcome is not final. What the ledger dropped sets its reference free."""
    if not _is_final(outcome):
        return
    if isinstance(outcome, Receipt):
        values: dict[str, Any] = {"result": _text(outcome.result), "height": outcome.height}
    else:
        values = {"result": _text({"code": outcome.code}), "reference": None}
    connection.execute(sa.update(outbox).where(outbox.c.record_id == entry.record_id).values(state=DONE, **values))


def _text(value: Any) -> str:
    return canonical.encode(dict(value)).decode("utf-8")


def _sent(row: Any) -> Sent:
    result = None if row.result is None else canonical.decode(row.result.encode("utf-8"))
    return Sent(row.record_id, bytes(row.raw), row.purpose, row.state, result, row.height, row.created_ms, row.reference)


def _receipt(stored: StoredRecord) -> Receipt:
    return Receipt(stored.id, stored.height, stored.time_ms, stored.log_index, stored.position, stored.result)
