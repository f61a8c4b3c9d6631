"""The replicated ledger in a database: SQLite by default. Everything of one block is written in one transaction, into the tables of
`ledger.tables`. Reading never blocks the one writer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from ledger import canonical, log_tree, record, state_tree
from ledger.database import connect, failing_as_unreachable, insert_rows
from ledger.errors import NotFound
from ledger.execution import Accepted, Execution
from ledger.header import Header, network_of, split_record_leaf
from ledger.schema import check_revision, prepare
from ledger.state import Overlay
from ledger.stored_trees import STATE_GET, from_log, prove_state
from ledger.tables import SCHEMA, SCHEMA_VERSION, headers, log_nodes, meta, records, state_rows, tree_pages


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record on the ledger with its result and its place. `leaf` is what the log holds."""

    record: record.Record
    result: Mapping[str, Any]
    log_index: int
    height: int
    position: int
    time_ms: int
    leaf: bytes

    @property
    def id(self) -> str:
        return self.record.id


class StateAt:
    """State at a height, on one connection: a `StateReader`."""

    def __init__(self, connection: Connection, height: int) -> None:
        self._connection, self._height = connection, height

    def get_bytes(self, key: str) -> bytes | None:
        return self._connection.execute(STATE_GET, {"key": key, "height": self._height}).scalar()

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        newer = state_rows.alias()
        newest = sa.select(sa.func.max(newer.c.height)).where(newer.c.key == state_rows.c.key, newer.c.height <= self._height)
        query = (
            sa.select(state_rows.c.key, state_rows.c.value)
            .where(state_rows.c.key >= prefix, state_rows.c.key < _after(prefix), state_rows.c.value.is_not(None))
            .where(state_rows.c.height == newest.scalar_subquery())
            .order_by(state_rows.c.key)
        )
        return ((row.key, row.value) for row in self._connection.execute(query))


# How many ids one statement names; databases bound that.
_IDS = 500
_RECORD_COLUMNS = sa.select(records, headers.c.time_ms).join(headers, headers.c.height == records.c.height).where(records.c.log_index > 0)


class LedgerStore:
    """Opens or makes the database at a URL. One process writes; any number read."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Raises `Unreachable` (`database-unreachable`), and as `ledger.schema.check_revision`."""
        self.url = url
        self.engine: Engine = connect(url, read_only=read_only)
        try:
            (check_revision if read_only else prepare)(self.engine, SCHEMA)
        except BaseException:
            self.close()
            raise

        self._versions = count(1)
        self.version: int | None = None
        """Tells whether the ledger may have grown: it is another number after each block, while an engine of this process is at work on
        this store. None where nobody can tell: a block is just being written, or perhaps by another process.
        """

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A consistent reading of the newest height."""
        with failing_as_unreachable(), self.engine.connect() as connection:
            yield Reader(connection)

    def is_new(self) -> bool:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(headers.c.height).limit(1)).first() is None

    def take(self) -> None:
        """An engine of this process begins to write, and holds the lock that keeps other processes from it. A server's lock may be lost
        unseen, and its database be written by another machine: there the version stays unknown.
        """
        if self.engine.dialect.name == "sqlite":
            self.version = next(self._versions)

    def give_back(self) -> None:
        """The engine writes no more; others may."""
        self.version = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The transaction of a block. Whether it came to a good end is for the caller to know; from then on the version is another."""
        taken, self.version = self.version is not None, None
        try:
            with self.engine.begin() as connection:
                yield connection
        finally:
            if taken:
                self.version = next(self._versions)

    def commit(self, connection: Connection, execution: Execution, checkpoint: str | None) -> None:
        """Writes all of a block. The caller owns the transaction."""
        header = execution.header
        assert header is not None
        assert execution.state_changes is not None
        assert execution.page_changes is not None
        height = header.height
        accepted = [outcome for outcome in execution.outcomes if isinstance(outcome, Accepted)]
        rows = [
            (a.log_index, height, a.position, a.record.id, a.record.type, execution.leaves[a.log_index - execution.first_log_index])
            for a in accepted
        ]
        if height == 0:
            rows = [(0, 0, 0, header.network, "genesis", execution.leaves[0])]
            insert_rows(connection, meta, [("schema", SCHEMA_VERSION)])
        insert_rows(connection, records, rows)
        insert_rows(connection, headers, [(height, header.time_ms, header.hash, header.log_size, header.leaf, checkpoint)])
        insert_rows(connection, state_rows, [(key, height, value) for key, value in execution.state_changes.items()])
        insert_rows(connection, tree_pages, [(prefix, height, page) for prefix, page in execution.page_changes.items()])
        nodes = [(log_tree.position(level, index), value) for level, index, value in execution.log_nodes]
        insert_rows(connection, log_nodes, nodes)

    def halted(self) -> dict[str, Any] | None:
        """Why this replica refuses to go on, with the evidence, or None."""
        with self.engine.connect() as connection:
            text = connection.execute(sa.select(meta.c.value).where(meta.c.key == "halted")).scalar()
        return None if text is None else canonical.decode(text.encode())

    def halt(self, evidence: Mapping[str, Any]) -> None:
        """Remembers for good that this replica must not go on. The first reason stays."""
        if self.halted() is None:
            with self.engine.begin() as connection:
                connection.execute(sa.insert(meta), [{"key": "halted", "value": canonical.encode(evidence).decode()}])


class Reader:
    """One reading of the ledger, as of the height that was newest when it began."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        row = connection.execute(sa.select(headers.c.leaf).order_by(headers.c.height.desc()).limit(1)).scalar()
        if row is None:
            raise NotFound("ledger-empty", "this ledger has no genesis yet", hint="run tallystick init, or wait for the first block")
        self.head = _header(bytes(row))

    @property
    def state(self) -> Overlay:
        """The state at the head. Writes stay in the overlay: this is also how a dry run is made."""
        return Overlay(StateAt(self.connection, self.head.height))

    def state_at(self, height: int) -> StateAt:
        return StateAt(self.connection, height)

    def genesis(self) -> dict[str, Any]:
        leaf = self.connection.execute(sa.select(records.c.leaf).where(records.c.log_index == 0)).scalar_one()
        return canonical.decode(bytes(leaf))["genesis"]  # type: ignore[no-any-return]  # an object, by `header.genesis_leaf`

    def header(self, height: int) -> Header | None:
        leaf = self.connection.execute(sa.select(headers.c.leaf).where(headers.c.height == height)).scalar()
        return None if leaf is None or height > self.head.height else _header(bytes(leaf))

    def header_hash(self, height: int) -> str | None:
        query = sa.select(headers.c.hash).where(headers.c.height == height, headers.c.height <= self.head.height)
        return self.connection.execute(query).scalar()

    def height_of_log_index(self, log_index: int) -> int | None:
        """The height of the block that a leaf belongs to."""
        query = sa.select(headers.c.height).where(headers.c.log_index >= log_index).order_by(headers.c.log_index).limit(1)
        return self.connection.execute(query).scalar()

    def record(self, record_id: str) -> StoredRecord | None:
        row = self.connection.execute(_RECORD_COLUMNS.where(records.c.id == record_id)).first()
        return None if row is None else _stored(row)

    def records(self, first_log_index: int, limit: int) -> list[StoredRecord]:
        """Records from a log index on, in order. Header leaves stand between them and are not counted."""
        query = _RECORD_COLUMNS.where(records.c.log_index >= first_log_index).order_by(records.c.log_index).limit(limit)
        return [_stored(row) for row in self.connection.execute(query)]

    def newest_log_index(self) -> int:
        """The place of the newest record, or of the genesis document."""
        return int(self.connection.execute(sa.select(sa.func.max(records.c.log_index))).scalar_one())

    def log_indexes(self, record_ids: Sequence[str]) -> dict[str, int]:
        """The places in the log of those of the records that are on the ledger."""
        found: dict[str, int] = {}
        for start in range(0, len(record_ids), _IDS):
            query = sa.select(records.c.id, records.c.log_index).where(records.c.id.in_(record_ids[start : start + _IDS]))
            found.update((row.id, row.log_index) for row in self.connection.execute(query))
        return found

    def records_of_block(self, height: int) -> list[StoredRecord]:
        query = _RECORD_COLUMNS.where(records.c.height == height).order_by(records.c.position)
        return [_stored(row) for row in self.connection.execute(query)]

    def checkpoint(self, height: int | None = None) -> str | None:
        """The checkpoint of a height, by default of the newest that has one: a consortium signs a block after it is durable."""
        query = sa.select(headers.c.checkpoint).where(headers.c.height <= self.head.height, headers.c.checkpoint.is_not(None))
        query = query.order_by(headers.c.height.desc()).limit(1) if height is None else query.where(headers.c.height == height)
        return self.connection.execute(query).scalar()

    @property
    def newest_signed(self) -> int | None:
        """The greatest height that has a checkpoint; None where there is none."""
        query = sa.select(sa.func.max(headers.c.height)).where(headers.c.height <= self.head.height, headers.c.checkpoint.is_not(None))
        return self.connection.execute(query).scalar()

    def log_root(self, size: int) -> bytes:
        return from_log(self.connection, partial(log_tree.root_at, size))

    def frontier(self, size: int) -> tuple[bytes, ...]:
        return from_log(self.connection, partial(log_tree.frontier_of, size))

    def inclusion_proof(self, log_index: int, size: int) -> list[bytes]:
        return self.joint_inclusion_proof((log_index,), size)

    def joint_inclusion_proof(self, log_indexes: Sequence[int], size: int) -> list[bytes]:
        """The hashes that lead from several leaves together to the root that the log had at a size."""
        return from_log(self.connection, partial(log_tree.joint_inclusion_proof, log_indexes, size))

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        return from_log(self.connection, partial(log_tree.consistency_proof, first, second))

    def joint_state_proof(self, keys: Sequence[str], height: int) -> tuple[list[bytes | None], state_tree.JointProof]:
        """The value of each key at a height, or None, and one proof of their presence or absence under that height's state root."""
        return prove_state(self.connection, keys, height)


def _after(prefix: str) -> str:
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _header(leaf: bytes) -> Header:
    value = canonical.decode(leaf)
    return Header.from_json(value.get("header") if isinstance(value, dict) else None)


def _stored(row: Any) -> StoredRecord:
    raw, result = split_record_leaf(bytes(row.leaf))
    return StoredRecord(record.parse(raw), result, row.log_index, row.height, row.position, row.time_ms, bytes(row.leaf))


def genesis_matches(reader: Reader, genesis: Mapping[str, Any]) -> bool:
    """Whether a ledger was begun by this genesis document."""
    return reader.head.network == network_of(genesis)
