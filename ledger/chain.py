"""The chain at its head as an engine works on it: the database, with what is read often kept in memory.

Memory is moved on only by `advance`, after the database transaction of a block has ended well; after a failure `StoredChain` is made
anew from the database. So memory can never be ahead of what is durable. Whoever makes a chain holds the lock on the home: from here on
no other process writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger import log_tree
from ledger.cache import BoundedCache
from ledger.errors import VerificationFailed
from ledger.execution import Execution
from ledger.header import Header
from ledger.replay_guard import ReplayGuard
from ledger.state_tree import KnownNodes
from ledger.store import LedgerStore, Reader, StateAt
from ledger.stored_trees import PagesAt

# Enough for what one block after another needs again: the upper pages of the tree, policy, keys, the newest headers. What was cached
# of millions of entries would hardly be asked for twice.
_STATE_BYTES_MAX = 4_194_304
_PAGES_BYTES_MAX = 4_194_304
_HASHES_BYTES_MAX = 1_048_576


class StoredChain:
    """Implements `execution.Chain` for the head of a store, and writes blocks to it. Not for use by two threads at once."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self._connection: Connection = store.engine.connect()
        reader = Reader(self._connection)
        self.head: Header = reader.head
        self.frontier: tuple[bytes, ...] = reader.frontier(self.head.log_size + 1)
        self._state: BoundedCache[str, bytes | None] = BoundedCache(_STATE_BYTES_MAX)
        self._pages: BoundedCache[str, bytes | None] = BoundedCache(_PAGES_BYTES_MAX)
        self._hashes: BoundedCache[int, str] = BoundedCache(_HASHES_BYTES_MAX)
        self.known = KnownNodes()
        self.guard = ReplayGuard(self)
        self.rest()
        store.take()

    def close(self) -> None:
        """Gives the connection back, whatever state it is in: this is also what is done after a failure."""
        self._store.give_back()
        with suppress(SQLAlchemyError):
            self._connection.close()

    @property
    def state(self) -> StoredChain:
        return self

    @property
    def pages(self) -> StoredChain:
        return self

    def get_bytes(self, key: str) -> bytes | None:
        return self._state.get(key, StateAt(self._connection, self.head.height).get_bytes)

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        return StateAt(self._connection, self.head.height).scan_bytes(prefix)

    def page(self, prefix: str) -> bytes | None:
        return self._pages.get(prefix, PagesAt(self._connection, self.head.height).page)

    def header_hash(self, height: int) -> str | None:
        # A height above the head is not remembered: it will have a hash one day, and strangers may ask for any.
        if not 0 <= height <= self.head.height:
            return None
        return self._hashes.get(height, self._stored_hash)

    def _stored_hash(self, height: int) -> str:
        found = Reader(self._connection).header_hash(height)
        if found is None:
            raise VerificationFailed("header-missing", f"the ledger lacks the header of height {height}", hint="run tallystick audit")
        return found

    @property
    def log_root(self) -> bytes:
        """The root of the log after the head's own leaf."""
        return log_tree.root(self.head.log_size + 1, self.frontier)

    def commit(self, execution: Execution, checkpoint: str | None, beside: Callable[[Connection], None] | None = None) -> None:
        """Makes a block durable and moves on; `beside` writes what belongs to it, in the same transaction. On any failure nothing is
        written, and this chain must be made anew.
        """
        header = execution.header
        if header is None or header.previous != self.head.hash:
            raise VerificationFailed("chain-broken", "a block that does not follow the head cannot be stored")
        self.rest()
        with self._store.writing() as connection:
            self._store.commit(connection, execution, checkpoint)
            if beside is not None:
                beside(connection)
        self._advance(header, execution)

    def note(self, write: Callable[[Connection], None]) -> None:
        """Makes durable what is to be kept of an engine's block that left nothing on the ledger."""
        self.rest()
        with self._store.writing() as connection:
            write(connection)

    def _advance(self, header: Header, execution: Execution) -> None:
        self.head = header
        self.frontier = execution.frontier
        self._state.update(execution.state_changes or {})
        self._pages.update(execution.page_changes or {})
        self.guard.advance(execution.seen_pruned, header.height, execution.seen_entry)

    def rest(self) -> None:
        """Lets the read transaction go, so that SQLite may check its write-ahead log back into the database."""
        self._connection.rollback()
