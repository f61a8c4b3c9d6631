"""The chain at its head as an engine works on it: the database, with what is read often kept in memory.

Memory is moved on only by `advance`, after the database transaction of a block has ended well; after a failure `StoredChain` is made
anew from the database. So memory can never be ahead of what is durable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import VerificationFailed
from ledger.execution import Execution
from ledger.header import Header
from ledger.replay_guard import ReplayGuard
from ledger.store import LedgerStore, PagesAt, Reader, StateAt

_STATE_ENTRIES_MAX = 200_000
_PAGES_MAX = 100_000
_HASHES_MAX = 100_000
K = TypeVar("K")
V = TypeVar("V")


class StoredChain:
    """Implements `execution.Chain` for the head of a store, and writes blocks to it. Not for use by two threads at once."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._connection: Connection = store.engine.connect()
        reader = Reader(self._connection)
        self.head: Header = reader.head
        self.frontier: tuple[bytes, ...] = reader.frontier(self.head.log_size + 1)
        self._state: dict[str, bytes | None] = {}
        self._pages: dict[str, bytes | None] = {}
        self._hashes: dict[int, str] = {}
        self.guard = ReplayGuard(self)
        self.rest()

    def close(self) -> None:
        """Gives the connection back, whatever state it is in: this is also what is done after a failure."""
        with suppress(SQLAlchemyError):
            self._connection.close()

    @property
    def state(self) -> StoredChain:
        return self

    @property
    def pages(self) -> StoredChain:
        return self

    def get_bytes(self, key: str) -> bytes | None:
        if key not in self._state:
            _remember(self._state, {key: StateAt(self._connection, self.head.height).get_bytes(key)}, _STATE_ENTRIES_MAX)
        return self._state[key]

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        return StateAt(self._connection, self.head.height).scan_bytes(prefix)

    def page(self, prefix: str) -> bytes | None:
        if prefix not in self._pages:
            _remember(self._pages, {prefix: PagesAt(self._connection, self.head.height).page(prefix)}, _PAGES_MAX)
        return self._pages[prefix]

    def header_hash(self, height: int) -> str | None:
        if height not in self._hashes:
            found = Reader(self._connection).header_hash(height) if height <= self.head.height else None
            if found is None:
                return None
            _remember(self._hashes, {height: found}, _HASHES_MAX)
        return self._hashes[height]

    def commit(self, execution: Execution, checkpoint: str | None) -> None:
        """Makes a block durable and moves on. On any failure nothing is written, and this chain must be made anew."""
        header = execution.header
        if header is None or header.previous != self.head.hash:
            raise VerificationFailed("chain-broken", "a block that does not follow the head cannot be stored")
        self.rest()
        with self._store.engine.begin() as connection:
            self._store.commit(connection, execution, checkpoint)
        self._advance(header, execution)

    def _advance(self, header: Header, execution: Execution) -> None:
        self.head = header
        self.frontier = execution.frontier
        _remember(self._state, execution.state_changes or {}, _STATE_ENTRIES_MAX)
        _remember(self._pages, execution.page_changes or {}, _PAGES_MAX)
        self.guard.advance(execution.seen_pruned, header.height, execution.seen_entry)

    def rest(self) -> None:
        """Lets the read transaction go, so that SQLite may check its write-ahead log back into the database."""
        self._connection.rollback()


def _remember(cache: dict[K, V], changes: Mapping[K, V], entries_max: int) -> None:
    """Bounded whatever is asked for: what strangers send is looked up too, and leaves no block that would end it."""
    if len(cache) + len(changes) > entries_max:
        cache.clear()
    cache.update(changes)
