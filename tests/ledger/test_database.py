from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.database import connect
from ledger.errors import Unreachable, VerificationFailed
from ledger.store import LedgerStore


def test_a_new_database_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        engine = connect(f"sqlite:///{tmp_path / 'new.db'}")
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE t (x INTEGER)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        engine.dispose()
    finally:
        os.umask(before)
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}


def test_reading_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="database-unreachable"):
        connect(f"sqlite:///{tmp_path / 'none.db'}", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_damaged_where_it_says_its_version_is_refused_by_a_code(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    LedgerStore(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(VerificationFailed, match="database-damaged"):
        LedgerStore(f"sqlite:///{path}", read_only=True)


def test_a_place_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="database-unreachable") as raised:
        connect(f"sqlite:///{tmp_path / 'no' / 'where.db'}")
    assert raised.value.hint
