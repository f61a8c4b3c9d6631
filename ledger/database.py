"""Connections to databases: SQLite in WAL mode with full synchronisation by default, PostgreSQL by URL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import Unreachable

Bytes = sa.LargeBinary


def connect(url: str, *, read_only: bool = False) -> Engine:
    """An engine on which every commit is durable before it returns. Raises `Unreachable` (`database-unreachable`)."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
        _configure_sqlite(engine, read_only=read_only)
    else:
        engine = sa.create_engine(url, pool_pre_ping=True)
    try:
        with engine.connect():
            pass
    except SQLAlchemyError as error:
        raise Unreachable("database-unreachable", "the database cannot be opened", hint="check the path or URL and its rights") from error
    return engine


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
