from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from api.cli import migrate
from ledger import store
from ledger.file_lock import FileLock
from ledger.tables import SCHEMA
from tests.api.cli.conftest import Tallystick
from tests.ledger.later_schema import NEXT, later


@pytest.fixture
def upgraded(founded: Path, tallystick: Tallystick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a program whose ledger has one revision more than the home's."""
    home = founded / "authority"
    assert tallystick("migrate", "--home", home).status == 0
    (tmp_path / "later").mkdir()
    newer = later(SCHEMA, tmp_path / "later", NEXT)
    monkeypatch.setattr(migrate, "SCHEMA", newer)
    monkeypatch.setattr(store, "SCHEMA", newer)
    return home


def columns(home: Path) -> list[str]:
    engine = sa.create_engine(f"sqlite:///{home / 'ledger.db'}")
    try:
        return [column["name"] for column in sa.inspect(engine).get_columns("meta")]
    finally:
        engine.dispose()


def test_an_older_home_is_refused_by_other_commands_and_migrated_by_this_one(upgraded: Path, tallystick: Tallystick) -> None:
    refused = tallystick("audit", "--home", upgraded)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("tallystick: migration-needed: ") and "tallystick migrate" in refused.err
    done = tallystick("migrate", "--home", upgraded, "--json")
    assert done.status == 0, done.err
    assert [(each["database"], each["from"], each["to"]) for each in done.json["databases"]] == [
        ("ledger", "0001", "0002"),
        ("private", "0005", "0005"),
    ]
    assert columns(upgraded) == ["key", "value", "since_ms"]
    assert tallystick("migrate", "--home", upgraded).out == "ledger: at 0002\nprivate: at 0005\n"


def test_a_dry_run_prints_the_statements_and_changes_nothing(upgraded: Path, tallystick: Tallystick) -> None:
    before = (upgraded / "ledger.db").read_bytes()
    said = tallystick("migrate", "--home", upgraded, "--dry-run")
    assert said.status == 0, said.err
    assert said.out.startswith("ledger: from 0001 to 0002\n") and "ADD COLUMN since_ms" in said.out
    assert columns(upgraded) == ["key", "value"] and (upgraded / "ledger.db").read_bytes() == before


def test_a_home_at_work_is_not_migrated(upgraded: Path, tallystick: Tallystick) -> None:
    lock = FileLock(upgraded / "lock")
    lock.acquire()
    refused = tallystick("migrate", "--home", upgraded)
    lock.release()
    assert refused.status == 3 and refused.err.startswith("tallystick: home-in-use: ")
    assert columns(upgraded) == ["key", "value"]
