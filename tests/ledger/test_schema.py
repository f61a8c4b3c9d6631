"""Schemas and their migrations: what a new database gets, what an old one needs, and what is never opened."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import nodes
from ledger.database import connect
from ledger.errors import Refused, VerificationFailed
from ledger.migrating import migrate, statements
from ledger.schema import Schema, check_revision, prepare, revision_of
from ledger.tables import SCHEMA
from nodes.migrations import baseline
from nodes.private import private_schema
from tests.ledger.later_schema import NEXT, later

SCHEMAS = [SCHEMA, private_schema()]
FAULTY = NEXT.replace('"0002"', '"0003"').replace('"0001"', '"0002"').replace('"meta"', '"nowhere"').replace("since_ms", "later_ms")


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    url = f"sqlite:///{tmp_path / 'some.db'}" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    engine = connect(url)
    yield engine
    engine.dispose()


def differences(engine: sa.Engine, schema: Schema) -> list[object]:
    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": lambda name, kind, _: kind != "table" or name != "alembic_version"}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), schema.stored))


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_migrated_database_is_a_new_one(engine: sa.Engine, schema: Schema) -> None:
    migrate(engine, schema)
    assert differences(engine, schema) == []
    assert revision_of(engine) == schema.head
    check_revision(engine, schema)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_new_database_is_at_the_newest_revision(engine: sa.Engine, schema: Schema) -> None:
    prepare(engine, schema)
    assert differences(engine, schema) == []
    assert revision_of(engine) == schema.head
    prepare(engine, schema)


def test_the_statements_of_the_newest_revision_are_those_of_the_tables() -> None:
    assert [path.name for path in baseline.stale()] == [], "run `make migrations`"


def test_every_module_that_defines_a_table_is_named() -> None:
    modules = [each.name for each in pkgutil.walk_packages(nodes.__path__, "nodes.") if "migrations" not in each.name]
    script = (
        "import importlib, sys\n"
        "from nodes.private import private_schema\n"
        "known = set(private_schema().declared.tables)\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*sorted(set(private_schema().declared.tables) - known))"
    )
    finished = subprocess.run([sys.executable, "-c", script, *modules], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "", "name the modules of these tables in nodes/tables.py"


def test_an_older_database_is_refused_until_it_is_migrated(engine: sa.Engine, tmp_path: Path) -> None:
    prepare(engine, SCHEMA)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO meta (key, value) VALUES ('kept', 'yes')"))
    newer = later(SCHEMA, tmp_path, NEXT)
    for attempt in (prepare, check_revision):
        with pytest.raises(Refused, match="migration-needed") as caught:
            attempt(engine, newer)
        assert "tallystick migrate" in caught.value.hint
    sql = statements(engine, newer, "0001")
    assert "ALTER TABLE meta ADD COLUMN since_ms" in sql and revision_of(engine) == "0001", "a dry run only says"
    migrate(engine, newer)
    check_revision(engine, newer)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT value, since_ms FROM meta")).all() == [("yes", 0)]


def test_a_private_database_of_before_there_were_events_is_upgraded_and_keeps_its_rows(engine: sa.Engine) -> None:
    schema = private_schema()
    migrate(engine, schema, "0002")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO meta (key, value) VALUES ('kept', 'yes')"))
    with pytest.raises(Refused, match="migration-needed"):
        prepare(engine, schema)
    assert not {"events", "local_events", "webhooks"} & set(sa.inspect(engine).get_table_names())
    migrate(engine, schema)
    prepare(engine, schema)
    assert differences(engine, schema) == []
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT value FROM meta")).scalars().all() == ["yes"]


def test_a_newer_database_is_refused_for_good(engine: sa.Engine, tmp_path: Path) -> None:
    migrate(engine, later(SCHEMA, tmp_path, NEXT))
    with pytest.raises(VerificationFailed, match="database-too-new"):
        prepare(engine, SCHEMA)


def test_a_migration_that_fails_leaves_the_database_as_it_was(engine: sa.Engine, tmp_path: Path) -> None:
    prepare(engine, SCHEMA)
    with pytest.raises(sa.exc.DBAPIError):
        migrate(engine, later(SCHEMA, tmp_path, NEXT, FAULTY))
    assert revision_of(engine) == "0001"
    assert [column["name"] for column in sa.inspect(engine).get_columns("meta")] == ["key", "value"]
