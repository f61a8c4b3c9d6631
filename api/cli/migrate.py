"""`tallystick migrate`: brings a home's databases to the schema of this program, or shows what that would run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, say
from ledger.database import connect
from ledger.errors import Refused, Unreachable
from ledger.file_lock import FileLock
from ledger.migrating import migrate as migrate_database
from ledger.migrating import statements
from ledger.schema import Schema, check_revision, prepare, revision_of
from ledger.tables import SCHEMA
from ledger.writer_lock import WriterLock
from nodes.home import Home
from nodes.private import private_schema

DryRun = Annotated[bool, typer.Option("--dry-run", help="print the statements, and change nothing")]
Databases = list[tuple[Schema, Engine]]


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done to one database. `since` is its revision, None where it is empty."""

    database: str
    since: str | None
    to: str
    sql: str

    def to_json(self) -> dict[str, Any]:
        return {"database": self.database, "from": self.since, "to": self.to, "sql": self.sql}


def migrate(home: HomeOption, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Migrate both databases of a home that nobody runs. Make a backup first: there is no way back."""
    with _databases(home, read_only=dry_run) as databases:
        steps = [step_of(schema, engine) for schema, engine in databases]
        if not dry_run:
            for schema, engine in databases:
                take(schema, engine)
    if as_json:
        print_json({"changed": not dry_run, "databases": [step.to_json() for step in steps]})
        return
    for step in steps:
        since = step.since or "nothing"
        say(f"{step.database}: {'at' if since == step.to else f'from {since} to'} {step.to}")
        if dry_run and step.sql:
            say(step.sql)


def step_of(schema: Schema, engine: Engine) -> Step:
    """What `take` would do. Raises as `check_revision`, but for `migration-needed`."""
    since = revision_of(engine)
    if since is not None:
        _check_known(schema, engine)
    sql = "" if since == schema.head else statements(engine, schema, since or "base")
    return Step(schema.name, since, schema.head, sql)


def take(schema: Schema, engine: Engine) -> None:
    """Brings a database to the newest revision, or leaves it as it was. Raises `Unreachable` (`migration-failed`)."""
    if revision_of(engine) is None:
        prepare(engine, schema)
        return
    try:
        migrate_database(engine, schema)
    except SQLAlchemyError as error:
        message = f"the {schema.name} database could not be migrated, and is as it was: {type(error).__name__}"
        raise Unreachable("migration-failed", message, hint="look at its disk and the user's rights in it, then try again") from error


def _check_known(schema: Schema, engine: Engine) -> None:
    try:
        check_revision(engine, schema)
    except Refused as error:
        if error.code != "migration-needed":
            raise


@contextmanager
def _databases(home: Path, *, read_only: bool) -> Iterator[Databases]:
    """Both databases of a home, under its lock."""
    place = Home(home)
    config = place.read_config()
    place.check_modes()
    opened: Databases = []
    try:
        for schema, url in ((SCHEMA, place.ledger_url(config)), (private_schema(), place.private_url(config))):
            opened.append((schema, connect(url, read_only=read_only)))
        lock = WriterLock(FileLock(place.lock_file), opened[0][1])
        lock.acquire()
        try:
            yield opened
        finally:
            lock.release()
    finally:
        for _, engine in opened:
            engine.dispose()
