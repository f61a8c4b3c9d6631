"""Reading the ledger as its owner may read it: every sealed part that this node can open, and the tables made from them.

The reader follows the node's own replica by a durable cursor. Each record's parts are opened and stored, and each registered
projection sees the record and its parts, all in the transaction that moves the cursor: after a crash nothing is lost and nothing
is seen twice. Tables made by projections hold nothing that is not on the ledger, so `rebuild` gives the same rows again.

A part that is meant for this node and does not hold, or whose content a projection cannot use, is evidence and stops nobody: it
is noted in `broken_parts`, and the reader goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DataError, IntegrityError

from ledger import canonical
from ledger.errors import TallystickError, Unreachable, VerificationFailed
from ledger.store import LedgerStore, StoredRecord
from nodes.private import PrivateStore, get_meta, metadata, parts, set_meta
from nodes.sealing import Opened, SealingKeys, open_part

Projection = Callable[[sa.Connection, StoredRecord, Mapping[str, Opened]], None]

CURSOR: Final = "reader.next_log_index"
PROJECTIONS: Final = "reader.projections"
_AGAIN: Final = "reader.again"
_BATCH: Final = 100
_RETRY_S: Final = 1.0

log = structlog.get_logger(__name__)

broken_parts = sa.Table(
    "broken_parts",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    comment="sealed parts that were meant for this node and do not hold; `place` is the part, or the projection that refused it",
)


@dataclass(frozen=True, slots=True)
class _Registered:
    """A projection, the tables that it alone writes, and its name with a version: a new version makes the node read anew."""

    name: str
    tables: Sequence[sa.Table]
    apply: Projection
    types: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of one record: opened before, opened now, and meant for us but broken (the codes)."""

    known: dict[str, Opened]
    new: dict[str, Opened]
    broken: dict[str, str]


class LedgerReader:
    """One for a node. Register every projection before the first `catch_up` or `start`."""

    def __init__(self, store: LedgerStore, private: PrivateStore, sealing_keys: Callable[[], SealingKeys]) -> None:
        self._store = store
        self._private = private
        self._sealing_keys = sealing_keys
        self._projections: list[_Registered] = []
        self._turn = threading.Lock()
        self._moved = threading.Condition()
        self._next_log_index = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None

    def register(self, name: str, tables: Sequence[sa.Table], apply: Projection, types: Iterable[str] | None = None) -> None:
        """`name` ends in a version (`enterprises/1`): where the set of names differs from the last run's, everything is read anew.
        `types`: the record types that it is about, all by default.

        A projection may raise a `TallystickError` for content that it cannot use: what it wrote for that record is undone.
        """
        self._projections.append(_Registered(name, tables, apply, None if types is None else frozenset(types)))

    @property
    def tables(self) -> list[sa.Table]:
        """Every table that is made from the ledger."""
        return [table for projection in self._projections for table in projection.tables]

    def notify(self, _height: int = 0) -> None:
        """There may be something new: for `Engine.subscribe`."""
        self._wake.set()

    def start(self) -> None:
        """Reads in the background, on every `notify`."""
        self._stopping.clear()
        self._failure = None
        self._wake.set()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def failure(self) -> Exception | None:
        """Why the background reader stopped, or None."""
        return self._failure

    def catch_up(self) -> int:
        """Reads to the end of the ledger as it is now, and gives the number of records read."""
        with self._turn:
            self._rebuild_if_projections_changed()
            total = 0
            while read := self._read_batch():
                total += read
            return total

    def rebuild(self) -> int:
        """Empties every projection's tables and reads the whole ledger again. Parts once opened are kept, since their keys may not be
        here any more. Gives the number of records read.
        """
        with self._turn:
            self._forget()
        return self.catch_up()

    def wait_for(self, log_index: int, timeout_s: float) -> None:
        """Returns once the record at a log index is read, so that a caller sees what it wrote. Raises `Unreachable`:
        `reader-behind`, `reader-stopped`.
        """
        end = time.monotonic() + timeout_s
        with self._moved:
            while self._next_log_index <= log_index:
                if self._failure is not None:
                    raise Unreachable("reader-stopped", "the node's reader has stopped", hint="see the node's log")
                left = end - time.monotonic()
                if left <= 0:
                    raise Unreachable("reader-behind", "the node has not read the record yet", hint="ask again in a moment")
                self._moved.wait(left)

    def parts_of(self, record_id: str) -> dict[str, Opened]:
        """The parts of a record that this node has opened, by name."""
        with self._private.reading() as connection:
            return _stored_parts(connection, record_id)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                self.catch_up()
            except Unreachable as error:
                log.warning("reader-waits", code=error.code)
                self._stopping.wait(_RETRY_S)
                self._wake.set()
            except Exception as error:
                # The top of a thread: whatever it was, the node must say that it reads no more, and not go on with half of its tables.
                log.exception("reader-stopped")
                with self._moved:
                    self._failure = error
                    self._moved.notify_all()
                return

    def _rebuild_if_projections_changed(self) -> None:
        names = canonical.encode(sorted(projection.name for projection in self._projections)).decode("ascii")
        with self._private.reading() as connection:
            known = get_meta(connection, PROJECTIONS)
        if known != names:
            self._forget()
            with self._private.begin() as connection:
                set_meta(connection, PROJECTIONS, names)

    def _forget(self) -> None:
        with self._private.begin() as connection:
            self._empty(connection)
            set_meta(connection, CURSOR, "1")
        with self._moved:
            self._next_log_index = 1

    def _empty(self, connection: sa.Connection) -> None:
        for projection in self._projections:
            for table in projection.tables:
                connection.execute(sa.delete(table))
        connection.execute(sa.delete(broken_parts))
        set_meta(connection, _AGAIN, "0")

    def _read_batch(self) -> int:
        """Reads some records: opens their parts first, which takes time, then writes, so that other writers wait as little as can be."""
        with self._private.reading() as connection:
            first = cursor_of(connection)
            again = get_meta(connection, _AGAIN) == "1"
            with self._store.reading() as reader:
                records = reader.records(first, _BATCH)
            opened = [_open_parts(connection, stored, self._sealing_keys()) for stored in records]
        next_log_index = records[-1].log_index + 1 if records else first
        if records or again:
            with self._private.begin() as connection:
                if cursor_of(connection) != first:
                    # Another process of this node has read these meanwhile.
                    return 1
                for stored, parts_of_record in zip(records, opened, strict=True):
                    self._write_one(connection, stored, parts_of_record)
                if again := len(records) < _BATCH and get_meta(connection, _AGAIN) == "1":
                    self._empty(connection)
                    next_log_index = 1
                set_meta(connection, CURSOR, str(next_log_index))
        with self._moved:
            self._next_log_index = next_log_index
            self._moved.notify_all()
        return len(records) or int(again)

    def _write_one(self, connection: sa.Connection, stored: StoredRecord, found: _Parts) -> None:
        for name, part in found.new.items():
            store_part(connection, stored, name, part)
        for name, code in found.broken.items():
            _note_broken(connection, stored, name, code)
        opened = {**found.known, **found.new}
        for projection in self._projections:
            if projection.types is not None and stored.record.type not in projection.types:
                continue
            try:
                with connection.begin_nested():
                    projection.apply(connection, stored, opened)
            except Unreachable:
                raise
            except TallystickError as error:
                _note_broken(connection, stored, projection.name, error.code)
            except (IntegrityError, DataError):
                # Another member wrote what is sealed: a row that the database will not have (a character, a key twice) is their doing.
                _note_broken(connection, stored, projection.name, "row-refused")


def cursor_of(connection: sa.Connection) -> int:
    """The log index of the first record that was not read yet."""
    return int(get_meta(connection, CURSOR) or "1")


def _open_parts(connection: sa.Connection, stored: StoredRecord, keys: SealingKeys) -> _Parts:
    core = stored.record.core
    found = _Parts(_stored_parts(connection, stored.id) if core["sealed"] else {}, {}, {})
    for name in sorted(core["sealed"].keys() - found.known.keys()):
        try:
            part = open_part(core, name, keys)
        except VerificationFailed as error:
            found.broken[name] = error.code
            continue
        if part is not None:
            found.new[name] = part
    return found


def _stored_parts(connection: sa.Connection, record_id: str) -> dict[str, Opened]:
    rows = connection.execute(sa.select(parts).where(parts.c.record_id == record_id).order_by(parts.c.part))
    return {row.part: Opened(canonical.decode(row.content.encode("utf-8")), bytes.fromhex(row.content_key)) for row in rows}


def read_again(connection: sa.Connection) -> None:
    """For a projection that opened parts of earlier records: once the reader is at the end of the ledger, it reads everything anew."""
    set_meta(connection, _AGAIN, "1")


def store_part(connection: sa.Connection, stored: StoredRecord, name: str, part: Opened) -> None:
    """Keeps a part of a record that was not opened before, for good."""
    content = canonical.encode(part.content).decode("utf-8")
    row = {"record_id": stored.id, "part": name, "content": content, "content_key": part.content_key.hex(), "height": stored.height}
    connection.execute(sa.insert(parts).values(**row))


def _note_broken(connection: sa.Connection, stored: StoredRecord, place: str, code: str) -> None:
    log.warning("part-broken", record_id=stored.id, place=place, code=code)
    connection.execute(sa.insert(broken_parts).values(record_id=stored.id, place=place, code=code, height=stored.height))
