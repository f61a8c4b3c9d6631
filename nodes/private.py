"""The private database of a home: what its owner knows and the ledger does not say.

SQLite in the home by default (WAL, synchronous FULL, foreign keys on), PostgreSQL by URL; the same statements on both. Here are
the tables that several services share; a service with tables of its own defines them on `metadata` beside its code, and is named in
`nodes/tables.py`. Times are milliseconds since the epoch, JSON is canonical text. Integers are `BigInteger`, whatever they count:
SQLite would not mind a larger one, PostgreSQL would.

Writers take turns, in this process and in others: a writing transaction begins by locking one row. So what is read inside
`begin` still holds when it commits, on either database, without a word of SQL that only one of them knows.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from ledger.database import connect, failing_as_unreachable
from ledger.errors import InputError, Refused
from ledger.schema import Schema, prepare
from nodes import tables

_WRITER_KEY: Final = "writer"

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


def _account_columns() -> list[sa.Column[object]]:
    """What people and programs that sign in have in common."""
    return [
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False, default=False),
        sa.Column("failures", sa.BigInteger, nullable=False, default=0),
        sa.Column("locked_until_ms", sa.BigInteger, nullable=False, default=0),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    ]


meta = sa.Table("meta", metadata, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False, unique=True),
    sa.Column("key_id", sa.Text, unique=True),
    *_account_columns(),
    comment="staff; `person` is the pseudonym that the ledger shows, `key_id` the staff key of a maker or checker",
)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text),
    *_account_columns(),
    comment="programs that act with the node's service key, or for an exporter in its custody; they hold no staff key",
)

parts = sa.Table(
    "parts",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("content_key", sa.Text, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False, index=True),
    comment="every sealed part that this node could open: canonical JSON, and the content key in hex",
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("result", sa.Text),
    sa.Column("height", sa.BigInteger),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("reference", sa.Text, unique=True),
    sa.CheckConstraint("state IN ('pending', 'done')", name="ck_outbox_state"),
    comment="records saved before they are submitted; `reference` makes one record for one cause durable",
)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("core", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("author_key", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("decided_by", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("record_id", sa.Text, nullable=False, index=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("decided_ms", sa.BigInteger),
    sa.Column("result", sa.Text),
    sa.CheckConstraint("state IN ('open', 'signed', 'declined', 'awaiting-authority')", name="ck_tasks_state"),
    comment="records that wait for a second person's signature; `core` is the unsigned object with its sealed parts",
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("status", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False, index=True),
    comment="the answer that a request with an Idempotency-Key got, for when it comes again",
)


used_assertions = sa.Table(
    "used_assertions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("expires_ms", sa.BigInteger, nullable=False, index=True),
    comment="assertions by which other nodes signed in here, until they expire: each works once",
)


@cache
def private_schema() -> Schema:
    """Every table of `metadata`, once the modules that define them are imported."""
    for name in tables.MODULES:
        importlib.import_module(name)
    return Schema("private", metadata, Path(__file__).parent / "migrations" / "versions", head="0005")


@dataclass(slots=True)
class _Whole:
    """The transaction that all of a thread's writing belongs to: `connection` is None until something is written."""

    stack: ExitStack = field(default_factory=ExitStack)
    connection: sa.Connection | None = None
    after: dict[Callable[[], None], None] = field(default_factory=dict)


class PrivateStore:
    """Opens or makes the private database at a SQLAlchemy URL. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Raises `Unreachable` (`database-unreachable`), and as `ledger.schema.check_revision`."""
        self.engine = connect(url)
        # A writer that waited for its turn must see what the one before it wrote; SQLite, which locks before it reads, always does.
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._writer = self.engine if is_sqlite else self.engine.execution_options(isolation_level="READ COMMITTED")
        self._writing = threading.local()
        try:
            prepare(self.engine, private_schema())
            self._make_lock()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A writing transaction: all of it is durable at the end of the block, or nothing if an exception leaves it.

        Only one runs at a time, so keep it short, pass its connection on, and never begin another inside. Raises `Unreachable`
        (`database-busy`) where the database does not let it write, `InputError` (`bad-text`) where it cannot hold a value, and
        `Refused` (`transaction-nested`).
        """
        if getattr(self._writing, "now", False):
            raise Refused("transaction-nested", "a writing transaction inside another would wait for itself", hint="pass the connection on")
        whole = self._whole()
        self._writing.now = True
        self._writing.after = {} if whole is None else whole.after
        try:
            with self._transaction() if whole is None else self._part_of(whole) as connection:
                yield connection
        except DataError as error:
            raise _bad_text() from error
        finally:
            self._writing.now = False
        if whole is None:
            for call in self._writing.after:
                call()

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """All that this thread writes inside becomes durable together at the end, or nothing if an exception leaves it. Its first `begin`
        takes the turn, and what is read after that sees what was written. Raises as `begin`.
        """
        if self._whole() is not None:
            raise Refused("transaction-nested", "a writing transaction inside another would wait for itself", hint="pass the connection on")
        whole = self._writing.whole = _Whole()
        try:
            with whole.stack:
                yield
        finally:
            self._writing.whole = None
        for call in whole.after:
            call()

    def once_committed(self, call: Callable[[], None]) -> None:
        """Calls it, once however often it is given, when the writing transaction of this thread is durable; never if it fails."""
        assert getattr(self._writing, "now", False), "the caller is inside `begin`"
        self._writing.after[call] = None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent reading. It never waits for a writer; what is written in it is dropped. Raises `Unreachable` (`database-busy`),
        `InputError` (`bad-text`) where it is asked for a value that it could not hold.
        """
        whole = self._whole()
        if whole is not None and whole.connection is not None:
            yield whole.connection
            return
        try:
            with failing_as_unreachable(), self.engine.connect() as connection:
                yield connection
        except DataError as error:
            raise _bad_text() from error

    def close(self) -> None:
        self.engine.dispose()

    def _whole(self) -> _Whole | None:
        found: _Whole | None = getattr(self._writing, "whole", None)
        return found

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with failing_as_unreachable(), self._writer.begin() as connection:
            connection.execute(_LOCK)
            yield connection

    @contextmanager
    def _part_of(self, whole: _Whole) -> Iterator[sa.Connection]:
        if whole.connection is None:
            whole.connection = whole.stack.enter_context(self._transaction())
        with failing_as_unreachable(), whole.connection.begin_nested():
            yield whole.connection

    def _make_lock(self) -> None:
        """Makes the row by which writers take turns, where it is not there."""
        with self.reading() as connection:
            is_there = get_meta(connection, _WRITER_KEY) is not None
        if not is_there:
            try:
                with failing_as_unreachable(), self._writer.begin() as connection:
                    connection.execute(sa.insert(meta).values(key=_WRITER_KEY, value=""))
            except IntegrityError:
                return  # Another process made it in the same moment.


def _bad_text() -> InputError:
    return InputError("bad-text", "a value holds what a database cannot store, for instance a NUL character")


def get_meta(connection: sa.Connection, key: str) -> str | None:
    """A single value that the store keeps by name, for instance a cursor."""
    value: str | None = connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
    return value


def set_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Keeps a value under a name, inside a writing transaction."""
    if connection.execute(sa.update(meta).where(meta.c.key == key).values(value=value)).rowcount == 0:
        connection.execute(sa.insert(meta), [{"key": key, "value": value}])


_LOCK = sa.update(meta).where(meta.c.key == _WRITER_KEY).values(value=meta.c.value)
