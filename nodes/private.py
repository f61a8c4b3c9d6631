"""The private database of a home: what its owner knows and the ledger does not say.

SQLite in the home by default (WAL, synchronous FULL, foreign keys on), PostgreSQL by URL; the same statements on both. Here are
the tables that several services share; a service with tables of its own defines them on `metadata` beside its code, before the
store is opened. Times are milliseconds since the epoch, JSON is canonical text.

Writers take turns, in this process and in others: a writing transaction begins by locking one row. So what is read inside
`begin` still holds when it commits, on either database, without a word of SQL that only one of them knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from ledger.database import connect
from ledger.errors import Refused, TallystickError, Unreachable, VerificationFailed

SCHEMA_VERSION: Final = 1
_SCHEMA_KEY: Final = "schema"

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
        sa.Column("failures", sa.Integer, nullable=False, default=0),
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
    sa.CheckConstraint("state IN ('open', 'signed', 'declined')", name="ck_tasks_state"),
    comment="records that wait for a second person's signature; `core` is the unsigned object with its sealed parts",
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("client", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False, index=True),
    comment="the answer that a request with an Idempotency-Key got, for when it comes again",
)


class PrivateStore:
    """Opens or makes the private database at a SQLAlchemy URL. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Raises `Unreachable` (`database-unreachable`), `VerificationFailed` (`schema-newer`, `schema-unknown`)."""
        self.engine = connect(url)
        # A writer that waited for its turn must see what the one before it wrote; SQLite, which locks before it reads, always does.
        is_sqlite = self.engine.dialect.name == "sqlite"
        self._writer = self.engine if is_sqlite else self.engine.execution_options(isolation_level="READ COMMITTED")
        self._writing = threading.local()
        try:
            self._prepare()
        except SQLAlchemyError as error:
            self.close()
            raise Unreachable(
                "database-unreachable", "the private database cannot be prepared", hint="check the user's rights in it"
            ) from error
        except TallystickError:
            self.close()
            raise

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A writing transaction: all of it is durable at the end of the block, or nothing if an exception leaves it.

        Only one runs at a time, so keep it short, pass its connection on, and never begin another inside. Raises `Unreachable`
        (`database-busy`) where the database does not let it write, `Refused` (`transaction-nested`).
        """
        if getattr(self._writing, "now", False):
            raise Refused("transaction-nested", "a writing transaction inside another would wait for itself", hint="pass the connection on")
        self._writing.now = True
        try:
            with _busy_is_unreachable(), self._writer.begin() as connection:
                connection.execute(_LOCK)
                yield connection
        finally:
            self._writing.now = False

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent reading. It never waits for a writer; what is written in it is dropped."""
        with _busy_is_unreachable(), self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def _prepare(self) -> None:
        """Makes what is missing. The first two steps change nothing in a database that has a schema, even a newer one."""
        self._execute_once(CreateTable(meta, if_not_exists=True))
        with self.reading() as connection:
            is_new = get_meta(connection, _SCHEMA_KEY) is None
        if is_new:
            self._execute_once(sa.insert(meta).values(key=_SCHEMA_KEY, value=str(SCHEMA_VERSION)))
        with self.begin() as connection:
            _check_schema(get_meta(connection, _SCHEMA_KEY))
            metadata.create_all(connection)

    def _execute_once(self, statement: sa.Executable) -> None:
        """Makes the first table or row, before there is one to lock."""
        try:
            with _busy_is_unreachable(), self._writer.begin() as connection:
                connection.execute(statement)
        except (IntegrityError, ProgrammingError):
            # Another process made it in the same moment, or we may not; the next step shows which.
            return


def get_meta(connection: sa.Connection, key: str) -> str | None:
    """A single value that the store keeps by name, for instance a cursor."""
    value: str | None = connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
    return value


def set_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Keeps a value under a name, inside a writing transaction."""
    if connection.execute(sa.update(meta).where(meta.c.key == key).values(value=value)).rowcount == 0:
        connection.execute(sa.insert(meta), [{"key": key, "value": value}])


_LOCK = sa.update(meta).where(meta.c.key == _SCHEMA_KEY).values(value=meta.c.value)


def _check_schema(version: str | None) -> None:
    if version is None or not version.isdecimal():
        raise VerificationFailed("schema-unknown", "the private database does not say which schema it has", hint="restore it from a backup")
    if int(version) > SCHEMA_VERSION:
        raise VerificationFailed(
            "schema-newer",
            f"the private database has schema {version}, this program knows {SCHEMA_VERSION}",
            hint="run the newer version of the program again, or restore a backup from before the upgrade",
        )


@contextmanager
def _busy_is_unreachable() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unreachable("database-busy", "the private database does not answer", hint="try again; look at its disk and locks") from error
