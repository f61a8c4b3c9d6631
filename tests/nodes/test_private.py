"""The private database: durable, one writer at a time, and never opened by a program that does not know its schema."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.exc import IntegrityError

from ledger.clock import SettableClock
from ledger.database import connect
from ledger.errors import NotPermitted, Refused, Unreachable, VerificationFailed
from ledger.migrating import migrate
from nodes import private
from nodes.keys.accounts import Accounts
from nodes.keys.keystore import Argon2Cost, KeyStore
from nodes.keys.sign_ins import SignInLog
from nodes.private import PrivateStore, get_meta, set_meta


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite:///{tmp_path / 'private.db'}"


@pytest.fixture
def store(url: str) -> Iterator[PrivateStore]:
    store = PrivateStore(url)
    yield store
    store.close()


DIE = """
import os, sys
from nodes.private import PrivateStore, set_meta
with PrivateStore(sys.argv[1]).begin() as connection:
    set_meta(connection, "cursor", "7")
    os._exit(9)
"""
OUTBOX_ROW = {"record_id": "ab" * 32, "raw": b"{}", "purpose": "test", "state": "pending", "created_ms": 1}


def test_what_was_written_is_there_after_reopening(store: PrivateStore, url: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.insert(private.outbox), [OUTBOX_ROW])
    again = PrivateStore(url)
    with again.reading() as connection:
        row = connection.execute(sa.select(private.outbox)).one()
    again.close()
    assert (row.record_id, row.raw, row.result, row.reference) == ("ab" * 32, b"{}", None, None)


def test_a_failed_transaction_leaves_nothing(store: PrivateStore) -> None:
    def half_way(connection: sa.Connection) -> None:
        set_meta(connection, "cursor", "7")
        raise Refused("stop", "half-way")

    with pytest.raises(Refused, match="stop"), store.begin() as connection:
        half_way(connection)
    with store.reading() as connection:
        assert get_meta(connection, "cursor") is None


def test_a_process_killed_inside_a_transaction_leaves_nothing_and_no_lock(store: PrivateStore, url: str) -> None:
    died = subprocess.run([sys.executable, "-c", DIE, url], check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert died.returncode == 9
    with store.begin() as connection:
        assert get_meta(connection, "cursor") is None
        set_meta(connection, "cursor", "8")
    with store.reading() as connection:
        assert get_meta(connection, "cursor") == "8"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_sqlite_is_set_to_keep_what_it_acknowledged(store: PrivateStore) -> None:
    with store.reading() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert settings == ["wal", 2, 1]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_files_of_the_database_are_the_owners_alone(store: PrivateStore, tmp_path: Path) -> None:
    with store.begin() as connection:
        set_meta(connection, "cursor", "1")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("private.db*")}
    assert modes == {"private.db": 0o600, "private.db-wal": 0o600, "private.db-shm": 0o600}


def test_nobody_loses_a_count_when_many_write_at_once(url: str) -> None:
    stores = [PrivateStore(url) for _ in range(2)]
    with stores[0].begin() as connection:
        set_meta(connection, "count", "0")

    def count(store: PrivateStore) -> None:
        for _ in range(10):
            with store.begin() as connection:
                set_meta(connection, "count", str(int(get_meta(connection, "count") or 0) + 1))

    threads = [threading.Thread(target=count, args=(stores[i % 2],)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with stores[0].reading() as connection:
        assert get_meta(connection, "count") == "60"
    for store in stores:
        store.close()


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_it(store: PrivateStore) -> None:
    with store.begin() as writing:
        set_meta(writing, "cursor", "7")
        with store.reading() as reading:
            assert get_meta(reading, "cursor") is None


def test_a_transaction_inside_another_is_refused_instead_of_waiting_for_itself(store: PrivateStore) -> None:
    with pytest.raises(Refused, match="transaction-nested"), store.begin(), store.begin():
        pass
    with store.begin() as connection:
        set_meta(connection, "cursor", "7")


@pytest.mark.parametrize(("version", "code"), [("9999", "database-too-new"), ("", "schema-unknown"), ("one", "schema-unknown")])
def test_a_database_of_another_schema_is_not_opened(store: PrivateStore, url: str, version: str, code: str) -> None:
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        connection.execute(sa.text("DROP TABLE tasks"))
    with pytest.raises(VerificationFailed) as caught:
        PrivateStore(url)
    assert caught.value.code == code and caught.value.hint
    assert "tasks" not in sa.inspect(store.engine).get_table_names(), "nothing was changed in it"


def test_a_database_of_something_else_is_left_alone(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE minutes (day TEXT)"))
    with pytest.raises(VerificationFailed, match="schema-unknown"):
        PrivateStore(url)
    assert sa.inspect(engine).get_table_names() == ["minutes"]
    engine.dispose()


def test_two_programs_may_make_the_database_at_once(url: str) -> None:
    barrier, errors, stores = threading.Barrier(4), list[BaseException](), list[PrivateStore]()

    def make() -> None:
        barrier.wait()
        try:
            stores.append(PrivateStore(url))
        except Exception as error:  # noqa: BLE001  # whatever it is, the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert errors == [] and len(stores) == 4


def test_a_database_that_cannot_be_opened_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="database-unreachable"):
        PrivateStore(f"sqlite:///{tmp_path / 'nowhere' / 'private.db'}")


def test_a_file_that_is_no_database_is_unreachable_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "private.db").write_bytes(b"minutes of the credit committee" * 40)
    with pytest.raises(Unreachable, match="database-unreachable"):
        PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    assert (tmp_path / "private.db").read_bytes() == b"minutes of the credit committee" * 40


def test_a_reference_has_one_record_for_ever(store: PrivateStore) -> None:
    with store.begin() as connection:
        connection.execute(sa.insert(private.outbox), [OUTBOX_ROW | {"reference": "answer:1"}])
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.execute(sa.insert(private.outbox), [OUTBOX_ROW | {"record_id": "cd" * 32, "reference": "answer:1"}])


def test_a_state_outside_its_list_is_refused_by_the_database(store: PrivateStore) -> None:
    with pytest.raises(IntegrityError), store.begin() as connection:
        connection.execute(sa.insert(private.outbox), [OUTBOX_ROW | {"state": "lost"}])


def test_text_is_sorted_by_its_bytes_and_integers_are_as_long_as_they_like(store: PrivateStore) -> None:
    ids = ["B", "a", "Ä", "aa", "b", "_"]
    rows = [{"client": "c", "key": key, "request_hash": "", "status": 2**53 - 1, "body": "", "created_ms": 2**53 - 1} for key in ids]
    with store.begin() as connection:
        connection.execute(sa.insert(private.idempotency), rows)
    table = private.idempotency
    with store.reading() as connection:
        found = connection.execute(sa.select(table.c.key).order_by(table.c.key)).scalars().all()
        between = connection.execute(sa.select(table.c.key).where(table.c.key >= "a", table.c.key < "b")).scalars().all()
    assert found == sorted(ids) == ["B", "_", "a", "aa", "b", "Ä"]
    assert sorted(between) == ["a", "aa"]


def test_every_integer_of_the_tables_is_a_long_one() -> None:
    short = [
        str(column)
        for table in private.private_schema().declared.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.Integer) and not isinstance(column.type, sa.BigInteger)
    ]
    assert short == [], "SQLite would take any number there, PostgreSQL refuses what is over 2**31"


def test_an_error_of_the_database_holds_none_of_the_values_that_were_written(store: PrivateStore) -> None:
    row = {"record_id": "ab" * 32, "part": "loan", "content": '{"amount_minor":3625000}', "content_key": "5e" * 32, "height": 1}
    with store.begin() as connection:
        connection.execute(sa.insert(private.parts), [row])
    with pytest.raises(IntegrityError) as caught, store.begin() as connection:
        connection.execute(sa.insert(private.parts), [row])
    assert "3625000" not in str(caught.value)
    assert "5e" * 32 not in str(caught.value)


def test_a_database_from_before_sessions_keeps_its_people_and_gets_their_log(url: str, tmp_path: Path) -> None:
    engine = connect(url)
    migrate(engine, private.private_schema(), "0003")
    keystore, cost = KeyStore(tmp_path / "keys", os.urandom), Argon2Cost(passes=1, memory_kib=8, lanes=1)
    row = {"id": "li-wei", "name": "Li Wei", "role": "viewer", "person": "00" * 8, "key_id": None, "disabled": False, "created_ms": 1}
    row |= {"secret_hash": PasswordHasher(1, 8, 1).hash("plum harvest in Yingkou"), "failures": 4, "locked_until_ms": 0}
    with engine.begin() as connection:
        connection.execute(sa.insert(private.users), [row])
    with pytest.raises(Refused, match="migration-needed"):
        PrivateStore(url)
    migrate(engine, private.private_schema())
    engine.dispose()
    store, clock = PrivateStore(url), SettableClock(1_795_000_000_000)
    accounts, log = Accounts(store, keystore, clock, os.urandom, cost), SignInLog(store, clock)
    with pytest.raises(NotPermitted, match="sign-in-failed"):
        accounts.verify("li-wei", "not the secret at all", "192.0.2.7")
    with pytest.raises(NotPermitted, match="account-locked"):
        accounts.verify("li-wei", "plum harvest in Yingkou", "192.0.2.7")
    clock.advance(1_000)
    assert accounts.verify("li-wei", "plum harvest in Yingkou", "192.0.2.7").id == "li-wei"
    log.add("password", "ok", "192.0.2.7", "li-wei")
    assert [each.account for each in log.page(None, 10)] == ["li-wei"]
    store.close()
