"""The events of one node in their one order: read by cursor, added to where something happens at this node alone.

The order only ever grows at its end. Ledger events appear in the transaction in which the reader reads their record. A local event stands
after the newest record that the replica holds when it happens, and is shown once the reader has come that far; so nothing ever appears
before what somebody has seen, also while all tables are made anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from heapq import merge
from typing import Any, Final

import sqlalchemy as sa

from ledger.clock import Clock
from ledger.errors import NotFound
from ledger.store import LedgerStore
from nodes.events.catalogue import PUBLIC
from nodes.events.tables import START, Cursor, Event, events, local_events, text_of
from nodes.private import PrivateStore
from nodes.reader import cursor_of

_TABLES: Final = (events, local_events)


class EventFeed:
    """One for a node. Safe to share between threads."""

    def __init__(self, private: PrivateStore, store: LedgerStore, clock: Clock) -> None:
        self._private, self._store, self._clock = private, store, clock
        self._lock = threading.Lock()
        self._listeners: list[Callable[[int], None]] = []

    def subscribe(self, listener: Callable[[int], None]) -> None:
        """Calls it, from whatever thread, when there may be something new; what it is given means nothing."""
        with self._lock:
            self._listeners.append(listener)

    def page(self, after: Cursor, types: Collection[str], limit: int, enterprise: str = "") -> list[Event]:
        """Events after a cursor, in order: the owner's, or, for an exporter in custody, its own and what is public."""
        found = []
        with self._private.reading() as connection:
            read = cursor_of(connection)
            for table in _TABLES:
                whose = table.c.enterprise == enterprise
                if enterprise:
                    whose = sa.or_(whose, sa.and_(table.c.enterprise == "", table.c.type.in_(PUBLIC)))
                query = sa.select(table).where(_after(table, after), table.c.log_index < read, table.c.type.in_(types), whose)
                query = query.order_by(table.c.log_index, table.c.place).limit(limit)
                found.append([Event.of(row) for row in connection.execute(query)])
        return list(merge(*found, key=lambda event: event.cursor))[:limit]

    def count(self, after: Cursor, types: Collection[str]) -> int:
        """How many events of the owner's there are after a cursor."""
        with self._private.reading() as connection:
            read = cursor_of(connection)
            return sum(
                connection.execute(
                    sa.select(sa.func.count())
                    .select_from(table)
                    .where(_after(table, after), table.c.log_index < read, table.c.type.in_(types), table.c.enterprise == "")
                ).scalar_one()
                for table in _TABLES
            )

    def newest(self) -> Cursor:
        """The end of the order as it is now."""
        ends = [START]
        with self._private.reading() as connection:
            read = cursor_of(connection)
            for table in _TABLES:
                query = sa.select(table.c.log_index, table.c.place).where(table.c.log_index < read)
                row = connection.execute(query.order_by(table.c.log_index.desc(), table.c.place.desc()).limit(1)).first()
                ends += [] if row is None else [Cursor(row.log_index, row.place)]
        return max(ends)

    def note(self, connection: sa.Connection, kind: str, subjects: Mapping[str, str], body: Mapping[str, Any], cause: str) -> None:
        """An event of this node alone, inside the writing transaction of what happened; for a cause that has one, it does nothing."""
        if connection.execute(sa.select(local_events.c.cause).where(local_events.c.cause == cause)).first() is not None:
            return
        now_ms, log_index = self._clock.now_ms(), self._newest_record()
        last = sa.select(sa.func.max(local_events.c.place)).where(local_events.c.log_index == log_index)
        # The time, so that what is noted after the private database was lost comes after what was noted before.
        place = max(now_ms, (connection.execute(last).scalar() or 0) + 1)
        row = {"log_index": log_index, "place": place, "type": kind, "enterprise": "", "time_ms": now_ms, "cause": cause}
        connection.execute(sa.insert(local_events).values(**row, subjects=text_of(subjects), body=text_of(body)))
        self.changed()

    def changed(self) -> None:
        """Tells the listeners once the writing transaction in hand is durable."""
        self._private.once_committed(self._ring)

    def _newest_record(self) -> int:
        try:
            with self._store.reading() as reader:
                return reader.newest_log_index()
        except NotFound:
            # Nothing stands on an empty replica: what is noted then comes before its first record.
            return 0

    def _ring(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(0)


def _after(table: sa.Table, after: Cursor) -> sa.ColumnElement[bool]:
    later = sa.and_(table.c.log_index == after.log_index, table.c.place > after.place)
    return sa.or_(table.c.log_index > after.log_index, later)
