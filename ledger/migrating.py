"""Bringing a database's schema from one revision to another with Alembic, in one transaction, or showing the statements only."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection, Engine
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement, SetTableComment

from ledger.schema import Schema

_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
_END: Final = ";\n"


def migrate(engine: Engine, schema: Schema, to: str | None = None) -> None:
    """Runs the migrations up to a revision, the newest by default: all of them, or none if one fails."""
    with engine.begin() as connection:
        migrate_inside(connection, schema, to)


def migrate_inside(connection: Connection, schema: Schema, to: str | None = None) -> None:
    """As `migrate`, inside the caller's transaction."""
    config = _config(schema)
    config.attributes["connection"] = connection
    command.upgrade(config, to or schema.head)


def statements(engine: Engine, schema: Schema, since: str) -> str:
    """The SQL that `migrate` would run on a database that has the revision `since`. Nothing is changed."""
    said = io.StringIO()
    config = _config(schema, said)
    config.attributes["dialect"] = engine.dialect.name
    command.upgrade(config, f"{since}:{schema.head}", sql=True)
    return said.getvalue()


def baseline(schema: Schema, dialect: sa.Dialect, names: Collection[str]) -> str:
    """The statements that make these of today's tables, always in the same order."""
    found: list[ExecutableDDLElement] = []
    for table in [each for each in schema.stored.sorted_tables if each.name in names]:
        found.append(CreateTable(table))
        found += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
        if table.comment is not None and dialect.supports_comments:
            found.append(SetTableComment(table))
    return "".join(f"{_plain(str(each.compile(dialect=dialect)))}{_END}\n" for each in found)


def run_file(directory: Path, name: str) -> None:
    """Runs the statements of `name.DIALECT.sql`, inside a migration."""
    text = (directory / f"{name}.{op.get_context().dialect.name}.sql").read_text(encoding="utf-8")
    for statement in text.split(_END):
        if statement.strip():
            # A colon would begin the name of a parameter.
            op.execute(sa.text(statement.strip().replace(":", "\\:")))


def _config(schema: Schema, said: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=said or io.StringIO(), stdout=io.StringIO())
    config.set_main_option("script_location", _escaped(_ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped(schema.versions))
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _plain(statement: str) -> str:
    return "\n".join(line.rstrip() for line in statement.strip().replace("\t", "    ").splitlines())
