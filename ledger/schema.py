"""The schema of a database: which revision its tables have, and that this program is made for that one.

A new database gets the newest tables at once and is stamped with the newest revision; an older one is refused until
`tallystick migrate` has run its migrations (Alembic); a newer one is refused for good. Revisions are numbered (`0001`, `0002`, ...),
so that a program knows an older one from one that it has never heard of. The number stands in Alembic's own table.

Tables are stored in one form on every database: text is compared and sorted by its bytes, as SQLite does, whatever the language of a
PostgreSQL server is. Statements and their results are then the same on both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.schema import CreateTable, ExecutableDDLElement

from ledger.database import failing_as_unreachable
from ledger.errors import NotFound, Refused, Unreachable, VerificationFailed

BASELINE: Final = "0001"
_REVISION: Final = re.compile(r"[0-9]{4}\Z")
_TEXT: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_version = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))


@dataclass(frozen=True, slots=True)
class Schema:
    """`name` is what people call the database, `versions` the directory of its migrations, `head` the newest of them."""

    name: str
    declared: sa.MetaData
    versions: Path
    head: str = BASELINE

    @property
    def stored(self) -> sa.MetaData:
        """The tables in the form in which they are stored."""
        stored = sa.MetaData(naming_convention=self.declared.naming_convention)
        for table in self.declared.sorted_tables:
            for column in table.to_metadata(stored).columns:
                if isinstance(column.type, sa.Text):
                    column.type = _TEXT
        return stored


def prepare(engine: Engine, schema: Schema) -> None:
    """Makes the tables of an empty database, and checks the revision of any other. Raises as `check_revision`, and `Unreachable`
    (`database-unreachable`).
    """
    try:
        if revision_of(engine) is None:
            _make(engine, schema)
    except SQLAlchemyError as error:
        message = f"the {schema.name} database cannot be prepared"
        raise Unreachable("database-unreachable", message, hint="check that it is a database, and the user's rights in it") from error
    check_revision(engine, schema)


@failing_as_unreachable()
def check_revision(engine: Engine, schema: Schema) -> None:
    """Raises `Refused` (`migration-needed`), `NotFound` (`database-empty`), `VerificationFailed` (`database-too-new`, `schema-unknown`,
    `database-damaged`), `Unreachable` (`database-busy`).
    """
    found = revision_of(engine)
    if found is None:
        raise NotFound("database-empty", f"there is nothing in the {schema.name} database yet", hint="run the node once")
    if not _REVISION.match(found):
        message = f"the {schema.name} database has tables, and does not say of which version"
        raise VerificationFailed("schema-unknown", message, hint="check its address, or restore it from a backup")
    if found > schema.head:
        message = f"the {schema.name} database has schema {found}, this program knows {schema.head}"
        raise VerificationFailed("database-too-new", message, hint="run the newer program, or restore a backup from before the upgrade")
    if found < schema.head:
        message = f"the {schema.name} database has schema {found}, this program needs {schema.head}"
        raise Refused("migration-needed", message, hint="make a backup, then run: tallystick migrate --home HOME")


def revision_of(engine: Engine) -> str | None:
    """The revision that the database says it has; empty where it says none and is not empty, None where it is empty."""
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        if _version.name not in tables:
            return "" if tables else None
        return connection.execute(sa.select(_version.c.version_num)).scalar() or ""


def require_empty(engine: Engine) -> None:
    """Raises `Refused` (`database-not-empty`)."""
    if revision_of(engine) is not None:
        raise Refused("database-not-empty", "the database holds tables already", hint="name a new one; each home needs two of its own")


def _make(engine: Engine, schema: Schema) -> None:
    try:
        with engine.begin() as connection:
            # First of all: of two programs that begin at once, the second one waits here, and finds it made.
            connection.execute(CreateTable(_version))
            create_tables(connection, schema)
    except (OperationalError, ProgrammingError, IntegrityError):
        if revision_of(engine) is None:
            raise


def create_tables(connection: Connection, schema: Schema) -> None:
    """All tables of the newest revision, and its number, beside an empty table for that."""
    dialect = connection.dialect
    for statement in _statements(schema, f"{dialect.name}+{dialect.driver}"):
        connection.exec_driver_sql(statement)
    connection.execute(sa.insert(_version).values(version_num=schema.head))


@cache
def _statements(schema: Schema, backend: str) -> tuple[str, ...]:
    """What makes the tables. Kept, since putting it together takes ten times as long as running it, and a process that founds a network
    makes many databases.
    """
    made: list[str] = []

    def note(element: ExecutableDDLElement, *_: Any, **__: Any) -> None:
        made.append(str(element.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine(f"{backend}://", note)
    schema.stored.create_all(engine, checkfirst=False)
    return tuple(made)
