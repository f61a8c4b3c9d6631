"""A home in a file and back again: every file and every row, from one kind of database to the other, or nothing at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.clock import SettableClock
from ledger.errors import NotPermitted, Refused, TallystickError, VerificationFailed
from nodes.backups.making import back_up
from nodes.backups.restoring import restore
from nodes.enterprises import enrol
from nodes.founding import Addresses
from nodes.home import Home
from nodes.node import Node
from nodes.private import PrivateStore, private_schema
from tests.nodes.small_network import AUTHORITY, CHEAP, START_MS, custody, found
from tests.postgresql import drop_database, new_database

PASSPHRASE = b"three geese over the salt marsh"


def packed(home: Path) -> bytes:
    file = BytesIO()
    back_up(Home(home), file, PASSPHRASE, clock=SettableClock(START_MS), random=os.urandom, cost=CHEAP)
    return file.getvalue()


def rows(home: Path) -> dict[str, list[Any]]:
    """Every row of the private database, by table."""
    private = PrivateStore(Home(home).private_url(Home(home).read_config()))
    with private.reading() as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in private_schema().declared.sorted_tables
        }
    private.close()
    return found


def files(home: Path) -> dict[str, bytes]:
    kept = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith(("ledger.db", "private.db", "lock"))]
    return {str(path.relative_to(home)): path.read_bytes() for path in kept}


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The authority's home after some work, with its private database on either."""
    url = str(request.getfixturevalue("postgresql_url")) if request.param == "postgresql" else None
    home = found(tmp_path / "net", AUTHORITY, addresses=Addresses(private_url=url)).homes["authority"]
    with Node.open(home, SettableClock(START_MS), cost=CHEAP) as node:
        for number in range(2):
            receipt = enrol(custody(number), node.author, node.outbox, node.directory, node.identity_key)
            node.reader.wait_for(receipt.log_index, 30)
    (home / "attachments").mkdir(mode=0o700)
    (home / "attachments" / ("ab" * 32)).write_bytes(os.urandom(200_001))
    return home


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, postgresql_socket: str) -> Iterator[str]:
    if request.param == "sqlite":
        yield "home"
        return
    url = new_database(postgresql_socket)
    yield url
    drop_database(postgresql_socket, url)


def test_everything_comes_back_on_either_database(home: Path, elsewhere: str, tmp_path: Path) -> None:
    made = restore(BytesIO(packed(home)), PASSPHRASE, tmp_path / "new", private_url=elsewhere)
    before, after = rows(home), rows(tmp_path / "new")
    assert before == after and before["users"] and before["parts"] and before["enterprises"]
    assert made.rows == sum(len(found) for found in before.values())
    had, has = files(home), files(tmp_path / "new")
    assert {name for name in had if had[name] != has.get(name)} <= {"tallystick.toml"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")])


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_restored_operator_without_its_ledger_does_not_begin_another_one(home: Path, tmp_path: Path) -> None:
    restore(BytesIO(packed(home)), PASSPHRASE, tmp_path / "new", private_url="home")
    node = Node.open(tmp_path / "new", SettableClock(START_MS), cost=CHEAP)
    with pytest.raises(Refused, match="ledger-older"):
        node.start()
    node.close()
    for path in home.glob("ledger.db*"):
        (tmp_path / "new" / path.name).write_bytes(path.read_bytes())
        (tmp_path / "new" / path.name).chmod(0o600)
    with Node.open(tmp_path / "new", SettableClock(START_MS), cost=CHEAP) as node, node.store.reading() as reader:
        assert reader.head.height == 2


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_rows_that_are_numbered_go_on_after_those_that_came_back(home: Path, elsewhere: str, tmp_path: Path) -> None:
    assert [add_numbered(home), add_numbered(home)] == [1, 2]
    restore(BytesIO(packed(home)), PASSPHRASE, tmp_path / "new", private_url=elsewhere)
    assert add_numbered(tmp_path / "new") == 3


def add_numbered(home: Path) -> int:
    """Adds a row to a table whose rows the database numbers."""
    table = private_schema().declared.tables["exchange_rates"]
    private = PrivateStore(Home(home).private_url(Home(home).read_config()))
    with private.begin() as connection:
        values = {each.name: "1" if isinstance(each.type, sa.Text) else 1 for each in table.columns if not each.primary_key}
        key = connection.execute(sa.insert(table).values(**values)).inserted_primary_key
    private.close()
    assert key is not None
    return int(key[0])


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spoil", ["cut", "bit", "passphrase"])
def test_an_attempt_that_fails_leaves_nothing(home: Path, elsewhere: str, tmp_path: Path, spoil: str) -> None:
    data = bytearray(packed(home))
    if spoil == "bit":
        data[-1] ^= 1
    passphrase = b"something else" if spoil == "passphrase" else PASSPHRASE
    with pytest.raises((VerificationFailed, NotPermitted)):
        restore(BytesIO(data[:-20] if spoil == "cut" else data), passphrase, tmp_path / "new", private_url=elsewhere)
    assert not (tmp_path / "new").exists()
    restore(BytesIO(packed(home)), PASSPHRASE, tmp_path / "new", private_url=elsewhere)


def test_a_home_or_a_database_that_holds_something_is_not_overwritten(home: Path, postgresql_socket: str, tmp_path: Path) -> None:
    data = packed(home)
    with pytest.raises(Refused, match="home-not-empty"):
        restore(BytesIO(data), PASSPHRASE, home)
    if Home(home).read_config().storage.private_url is not None:
        with pytest.raises(TallystickError, match="database-not-empty"):
            restore(BytesIO(data), PASSPHRASE, tmp_path / "new")


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_backup_of_a_running_node_is_of_one_moment(home: Path, tmp_path: Path) -> None:
    with Node.open(home, SettableClock(START_MS), cost=CHEAP) as node:
        data = packed(home)
        node.accounts.add_user("li-na", "Li Na", "viewer", "geese over the salt marsh")
    restore(BytesIO(data), PASSPHRASE, tmp_path / "new", private_url="home")
    assert "li-na" not in {row[0] for row in rows(tmp_path / "new")["users"]}
