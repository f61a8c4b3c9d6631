"""Connections to databases: SQLite in WAL mode with full synchronisation by default, PostgreSQL by URL (through psycopg)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError

from ledger.errors import InputError, Unreachable, VerificationFailed

Bytes = sa.LargeBinary
_POSTGRESQL: Final = "postgresql+psycopg"
_WAIT_S: Final = 30
_CONNECT_S: Final = 10
# SQLite's codes for a file that is not as it wrote it; longer ones say in their other bits where.
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CODE: Final = 0xFF
# Of pages that each connection keeps in memory. A home has half a dozen connections, and the system caches its files besides: SQLite's
# default of four times as much is no faster, and what it takes grows for as long as a database does.
_PAGES_KIB: Final = 512


def connect(url: str, *, read_only: bool = False) -> Engine:
    """An engine on which every commit is durable before it returns, and whose errors hold no values: they reach logs, the values must not.

    Raises `InputError` (`bad-database-url`), `Unreachable` (`database-unreachable`).
    """
    parsed = parsed_url(url)
    if parsed.drivername == "sqlite":
        location = _existing(parsed) if read_only else _private(parsed)
        # Each connection keeps pages of its own in memory: the one used last is used again, so that few of them fill.
        arguments: dict[str, Any] = {"timeout": _WAIT_S, "check_same_thread": False}
        engine = sa.create_engine(location, connect_args=arguments, max_overflow=50, pool_use_lifo=True, hide_parameters=True)
        _configure_sqlite(engine, read_only=read_only)
    else:
        arguments = {"connect_timeout": _CONNECT_S, "client_encoding": "utf8"}
        # A reading takes several statements and must see one height in all of them, as it does on SQLite.
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True, "max_overflow": 50, "hide_parameters": True}
        engine = sa.create_engine(parsed, connect_args=arguments, **options)
        _configure_postgresql(engine, read_only=read_only)
    try:
        with engine.connect():
            pass
    except SQLAlchemyError as error:
        raise Unreachable("database-unreachable", "the database cannot be opened", hint="check the path or URL and its rights") from error
    return engine


def parsed_url(url: str) -> sa.URL:
    """A database's address: `sqlite:///path`, or `postgresql://` (`postgres://`, `postgresql+psycopg://`) as libpq takes it.

    Raises `InputError` (`bad-database-url`), which never repeats the address: it may hold a password.
    """
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _bad_url() from error
    if parsed.drivername in ("postgresql", "postgres", _POSTGRESQL):
        return parsed.set(drivername=_POSTGRESQL)
    if parsed.drivername != "sqlite":
        raise _bad_url()
    return parsed


@contextmanager
def failing_as_unreachable() -> Iterator[None]:
    """What a database does not answer becomes `Unreachable` (`database-busy`), after which it may be asked again: it is locked, full, or
    away; what SQLite finds damaged becomes `VerificationFailed` (`database-damaged`). A statement that SQLite finds wrong, for instance
    about a table that is not there, stays what it is: it would be wrong again.
    """
    try:
        yield
    except DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None and code & _CODE in _DAMAGED:
            hint = "stop the node and run tallystick audit; restore what it finds from a backup"
            raise VerificationFailed("database-damaged", "the database's file is damaged", hint=hint) from error
        if not isinstance(error, OperationalError) or code == sqlite3.SQLITE_ERROR:
            raise
        raise Unreachable("database-busy", "the database does not answer", hint="try again; look at its disk, locks and server") from error


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Inserts rows, at least one, that have their values in the order of the table's columns.

    They go to the driver as they are, which takes text, integers and bytes on every database: SQLAlchemy's own look at each value of a
    block's thousands of rows would take a third of the time of writing it.
    """
    statement = _insertion(table, connection.dialect)
    names = table.columns.keys()
    given: Sequence[Any] = rows if statement.positional else [dict(zip(names, row, strict=True)) for row in rows]
    connection.exec_driver_sql(str(statement), given)


@lru_cache(maxsize=32)
def _insertion(table: sa.Table, dialect: sa.Dialect) -> Any:
    return sa.insert(table).compile(dialect=dialect)


def _bad_url() -> InputError:
    return InputError("bad-database-url", "this is no address of a database", hint="sqlite:///file.db or postgresql://user@host/database")


def _private(url: sa.URL) -> sa.URL:
    """The URL of a database file that is made for its owner alone where it is missing; its WAL takes over the mode."""
    if url.database and url.database != ":memory:":
        try:
            os.close(os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            message = f"the database cannot be opened: {error.strerror}"
            raise Unreachable("database-unreachable", message, hint="check the path and its rights") from error
    return url


def _existing(url: sa.URL) -> sa.URL:
    """The URL of a database file that is not made where it is missing. Not SQLite's read-only mode: beside a running node a reader
    takes part in the write-ahead log's shared memory.
    """
    return url.set(database=f"file:{quote(url.database or '')}", query={"mode": "rw", "uri": "true"})


def _configure_sqlite(engine: Engine, *, read_only: bool) -> None:
    """SQLAlchemy's event hooks, because SQLite keeps these settings by connection; BEGIN is ours, so that it is never left out."""

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        else:
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA cache_size = -{_PAGES_KIB}")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _configure_postgresql(engine: Engine, *, read_only: bool) -> None:
    """What a server may be set to otherwise, and what SQLite does by itself: durable commits, and an end to waiting for a lock."""

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
            cursor.execute(f"SET lock_timeout = '{_WAIT_S}s'")
        connection.autocommit = False
        connection.read_only = read_only
