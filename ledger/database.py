"""Connections to databases: SQLite in WAL mode with full synchronisation by default, PostgreSQL by URL."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import Unreachable

Bytes = sa.LargeBinary


def connect(url: str, *, read_only: bool = False) -> Engine:
    """An engine on which every commit is durable before it returns, and whose errors hold no values: they reach logs, the values must not.

    Raises `Unreachable` (`database-unreachable`).
    """
    if url.startswith("sqlite"):
        location = _existing(sa.make_url(url)) if read_only else _private(sa.make_url(url))
        # Each connection keeps pages of its own in memory: the one used last is used again, so that few of them fill.
        arguments = {"timeout": 30, "check_same_thread": False}
        engine = sa.create_engine(location, connect_args=arguments, max_overflow=50, pool_use_lifo=True, hide_parameters=True)
        _configure_sqlite(engine, read_only=read_only)
    else:
        # A reading takes several statements and must see one height in all of them, as it does on SQLite.
        engine = sa.create_engine(url, pool_pre_ping=True, isolation_level="REPEATABLE READ", hide_parameters=True)
    try:
        with engine.connect():
            pass
    except SQLAlchemyError as error:
        raise Unreachable("database-unreachable", "the database cannot be opened", hint="check the path or URL and its rights") from error
    return engine


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
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")
