"""A home from an archive: it goes on as the member that it was, on either database, or there is no home at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.ruleset import RULEBOOK
from ledger import canonical
from ledger.archive import export
from ledger.audit import audit
from ledger.clock import SettableClock
from ledger.database import connect
from ledger.engine import Receipt
from ledger.errors import InputError, Refused, TallystickError, Unreachable, VerificationFailed
from ledger.file_lock import FileLock
from ledger.follow import FollowEngine
from ledger.proof import state_proof
from ledger.schema import require_empty
from ledger.store import LedgerStore
from ledger.verify import verify
from ledger.vouching import voucher_of
from nodes.backups.making import back_up
from nodes.enterprises import Enrolment, enrol, enrolment
from nodes.home import Home
from nodes.node import Node
from nodes.private import PrivateStore, private_schema, set_meta
from nodes.reader import CURSOR
from nodes.restoring import MemberBackup, RestoredHome, Storage, copied, restore_home
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, START_MS, Beside, custody, found
from tests.postgresql import drop_database, new_database

THIRD = enrolment("91110000600037341L", "Third Exporter")
PASSPHRASE = b"three geese over the salt marsh"


@dataclass
class Net:
    """Homes of a network that rests after two enrolments, and archives up to each of its heights."""

    authority: Path
    bank: Path
    archives: dict[int, bytes]

    @property
    def newest(self) -> bytes:
        return self.archives[max(self.archives)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Net:
    homes = found(tmp_path_factory.mktemp("restoring") / "net", AUTHORITY, BANK_A).homes
    net = Net(homes["authority"], homes["bank-a"], {})
    with opened(net.authority) as authority, opened(net.bank, Beside(authority)) as bank:
        for number in range(2):
            enrolled(authority, custody(number))
            assert isinstance(bank.engine, FollowEngine) and bank.engine.heights.wait_for(number + 1, 30)
        for height in (1, 2):
            out = BytesIO()
            export(bank.store, out, height)
            net.archives[height] = out.getvalue()
    return net


@pytest.fixture
def net(made: Net, tmp_path: Path) -> Net:
    """Copies that a test may spoil."""
    homes = {path.name: Path(shutil.copytree(path, tmp_path / "net" / path.name)) for path in (made.authority, made.bank)}
    return Net(homes["authority"], homes["bank-a"], made.archives)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param == "sqlite":
        yield Storage("home", "home")
        return
    socket = str(request.getfixturevalue("postgresql_socket"))
    urls = new_database(socket), new_database(socket)
    yield Storage(*urls)
    for url in urls:
        drop_database(socket, url)


def opened(home: Path, upstream: Beside | None = None) -> Node:
    return Node.open(home, SettableClock(START_MS), upstream=upstream, cost=CHEAP)


def enrolled(authority: Node, what: Enrolment) -> Receipt:
    receipt = enrol(what, authority.author, authority.outbox, authority.directory, authority.identity_key)
    authority.reader.wait_for(receipt.log_index, 30)
    return receipt


def packed(home: Path) -> MemberBackup:
    file = BytesIO()
    back_up(Home(home), file, PASSPHRASE, clock=SettableClock(START_MS), random=os.urandom, cost=CHEAP)
    file.seek(0)
    return MemberBackup(file, PASSPHRASE)


def from_backup(archive: bytes, path: Path, member: Path, storage: Storage | None = None, **options: Any) -> RestoredHome:
    return restore_home(BytesIO(archive), path, packed(member), storage=storage or Storage(), **options)


def from_old_home(archive: bytes, path: Path, member: Path, storage: Storage | None = None) -> RestoredHome:
    file = BytesIO(archive)
    with copied(member, file, clock=SettableClock(START_MS), random=os.urandom) as backup:
        return restore_home(file, path, backup, storage=storage or Storage())


def exported(home: Path) -> bytes:
    out = BytesIO()
    with closing(LedgerStore(Home(home).ledger_url(Home(home).read_config()), read_only=True)) as store:
        export(store, out)
    return out.getvalue()


def audited(home: Path) -> int:
    """The height of a home's replica, once everything in it follows from genesis."""
    config = Home(home).read_config()
    with closing(LedgerStore(Home(home).ledger_url(config), read_only=True)) as store:
        genesis = Home(home).read_genesis(config.network.id)
        report = audit(store, genesis, RULEBOOK, voucher_of(genesis))
    assert report.ok, report.findings
    return report.height


def rows(home: Path) -> dict[str, list[Any]]:
    """Every row of the private database, by table."""
    with closing(PrivateStore(Home(home).private_url(Home(home).read_config()))) as private, private.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in private_schema().declared.sorted_tables
        }


def test_an_operators_home_goes_on_and_its_members_follow_it(net: Net, storage: Storage, tmp_path: Path) -> None:
    restored = from_backup(net.newest, tmp_path / "new", net.authority, storage)
    assert (restored.node, restored.engine, restored.height, restored.read) == ("authority", "solo", 2, restored.records)
    assert rows(tmp_path / "new") == rows(net.authority)
    with opened(tmp_path / "new") as authority, opened(net.bank, Beside(authority)) as bank:
        authority.accounts.add_user("li-na", "Li Na", "viewer", "geese over the salt marsh")
        receipt = enrolled(authority, THIRD)
        assert (receipt.height, receipt.code) == (3, "ok")
        assert isinstance(bank.engine, FollowEngine) and bank.engine.heights.wait_for(3, 30)
    assert audited(tmp_path / "new") == audited(net.bank) == 3


@pytest.mark.parametrize("height", [1, 2])
def test_a_followers_home_goes_on_from_any_height(net: Net, storage: Storage, tmp_path: Path, height: int) -> None:
    restored = from_backup(net.archives[height], tmp_path / "new", net.bank, storage)
    assert (restored.node, restored.engine, restored.height) == ("bank-a", "follow", height)
    with opened(net.authority) as authority, opened(tmp_path / "new", Beside(authority)) as bank:
        enrolled(authority, THIRD)
        assert isinstance(bank.engine, FollowEngine) and bank.engine.heights.wait_for(3, 30)
        assert authority.directory.key(bank.identity_key.id) is not None
    assert audited(tmp_path / "new") == 3


def test_an_old_home_gives_what_a_backup_gives(net: Net, tmp_path: Path) -> None:
    from_backup(net.newest, tmp_path / "one", net.bank)
    from_old_home(net.newest, tmp_path / "two", net.bank)
    assert rows(tmp_path / "one") == rows(tmp_path / "two") == rows(net.bank)
    for name in ("tallystick.toml", "genesis.json", "trust.json", "node.secret"):
        assert (tmp_path / "two" / name).read_bytes() == (net.bank / name).read_bytes()
    assert {path.name for path in (tmp_path / "two" / "keys").iterdir()} >= {path.name for path in (net.bank / "keys").glob("[!.]*.json")}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [tmp_path / "two", *(tmp_path / "two").rglob("*")])


@pytest.mark.parametrize("storage", ["postgresql"], indirect=True)
def test_a_node_moves_to_a_server_and_back(net: Net, storage: Storage, tmp_path: Path) -> None:
    there = from_old_home(net.newest, tmp_path / "there", net.authority, storage)
    assert there.engine == "solo"
    with opened(tmp_path / "there") as authority:
        enrolled(authority, THIRD)
    archive = exported(tmp_path / "there")
    back = from_old_home(archive, tmp_path / "back", tmp_path / "there", Storage("home", "home"))
    assert (back.height, exported(tmp_path / "back")) == (3, archive)
    assert rows(tmp_path / "back") == rows(tmp_path / "there")
    assert (tmp_path / "back" / "ledger.db").exists() and audited(tmp_path / "back") == 3


def test_an_old_home_whose_databases_are_lost_is_made_whole_from_its_keys(net: Net, tmp_path: Path) -> None:
    before = rows(net.authority)["enterprises"]
    for path in [*net.authority.glob("*.db"), *net.authority.glob("*.db-*")]:
        path.unlink()
    restored = from_old_home(net.newest, tmp_path / "new", net.authority)
    assert restored.read == restored.records
    after = rows(tmp_path / "new")
    assert after["enterprises"] == before and len(before) == 2
    assert after["users"] == []


@pytest.mark.parametrize("source", [from_backup, from_old_home])
def test_an_operator_never_goes_on_from_an_older_ledger(net: Net, tmp_path: Path, source: Any) -> None:
    with pytest.raises(Refused, match="ledger-older"):
        source(net.archives[1], tmp_path / "new", net.authority)
    assert not (tmp_path / "new").exists()


def test_what_an_operator_sent_counts_where_it_reads_everything_anew(net: Net, tmp_path: Path) -> None:
    with (
        closing(PrivateStore(Home(net.authority).private_url(Home(net.authority).read_config()))) as private,
        private.begin() as connection,
    ):
        set_meta(connection, CURSOR, "1")
    with pytest.raises(Refused, match="ledger-older"):
        from_backup(net.archives[1], tmp_path / "new", net.authority)
    assert from_backup(net.newest, tmp_path / "new", net.authority).height == 2


def test_an_old_operators_ledger_counts_where_its_private_database_is_lost(net: Net, tmp_path: Path) -> None:
    for path in net.authority.glob("private.db*"):
        path.unlink()
    with pytest.raises(Refused, match="ledger-older"):
        from_old_home(net.archives[1], tmp_path / "new", net.authority)


def test_without_keys_there_is_a_ledger_at_rest(net: Net, storage: Storage, tmp_path: Path) -> None:
    restored = restore_home(BytesIO(net.newest), tmp_path / "new", None, storage=Storage(storage.ledger_url))
    assert (restored.engine, restored.height, restored.read) == ("none", 2, 0)
    assert audited(tmp_path / "new") == 2
    home = Home(tmp_path / "new")
    config = home.read_config()
    assert exported(home.path) == net.newest
    with closing(LedgerStore(home.ledger_url(config), read_only=True)) as store, store.reading() as reader:
        assert verify(state_proof(reader, "policy"), home.trust_file.read_bytes()).ok
    with pytest.raises(Refused, match="ledger-at-rest"):
        Node.open(home.path)


def test_an_attempt_that_fails_leaves_every_place_as_it_was(net: Net, storage: Storage, tmp_path: Path) -> None:
    for broken in (net.newest[:-1], net.newest[:200] + bytes([net.newest[200] ^ 1]) + net.newest[201:], b"not gzip"):
        with pytest.raises(TallystickError):
            from_backup(broken, tmp_path / "new", net.bank, storage)
        assert not (tmp_path / "new").exists()
    for url in (storage.ledger_url, storage.private_url):
        if url is not None and url != "home":
            engine = connect(url)
            require_empty(engine)
            engine.dispose()
    assert from_backup(net.newest, tmp_path / "new", net.bank, storage).height == 2


def test_an_attempt_that_is_broken_off_can_be_made_again(net: Net, storage: Storage, tmp_path: Path) -> None:
    def breaks_off(_done: int, _last: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from_backup(net.newest, tmp_path / "new", net.bank, storage, on_progress=breaks_off)
    assert not (tmp_path / "new").exists()
    assert from_backup(net.newest, tmp_path / "new", net.bank, storage).height == 2


def test_what_stands_in_the_way_is_never_overwritten(net: Net, storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="home-not-empty"):
        from_backup(net.newest, net.bank, net.bank, storage)
    assert audited(net.bank) == 2
    from_backup(net.newest, tmp_path / "new", net.bank, storage)
    if storage.ledger_url != "home":
        with pytest.raises(Refused, match="database-not-empty"):
            from_backup(net.newest, tmp_path / "other", net.bank, storage)
        with pytest.raises(Refused, match="database-not-empty"):
            from_backup(net.newest, tmp_path / "other", net.bank, Storage(storage.ledger_url, "home"))
        assert not (tmp_path / "other").exists()
    assert audited(tmp_path / "new") == 2
    assert rows(tmp_path / "new") == rows(net.bank)


def test_one_database_cannot_hold_both(net: Net, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'both.db'}"
    with pytest.raises(InputError, match="database-shared"):
        from_backup(net.newest, tmp_path / "new", net.bank, Storage(url, url))


def test_keys_of_another_network_are_refused(net: Net, tmp_path: Path) -> None:
    other = found(tmp_path / "other", AUTHORITY).homes["authority"]
    with pytest.raises(Refused, match="other-network"):
        from_backup(net.newest, tmp_path / "new", other)
    assert not (tmp_path / "new").exists()


def test_a_trust_file_that_does_not_hold_ends_it_before_anything_is_written(net: Net, tmp_path: Path) -> None:
    trust = canonical.decode((net.bank / "trust.json").read_bytes())
    witness = {"name": "auditor", "public": "ab" * 32}
    demanding = canonical.encode({**trust, "witnesses": [witness], "witnesses_required": 1})
    with pytest.raises(VerificationFailed, match="witnesses-missing"):
        from_backup(net.newest, tmp_path / "new", net.bank, trust=demanding)
    assert not (tmp_path / "new").exists()
    listing = canonical.encode({**trust, "witnesses": [witness]})
    from_backup(net.newest, tmp_path / "new", net.bank, trust=listing)
    assert (tmp_path / "new" / "trust.json").read_bytes() == listing


def test_an_old_home_that_runs_or_that_has_halted_is_refused(net: Net, tmp_path: Path) -> None:
    lock = FileLock(Home(net.bank).lock_file)
    lock.acquire()
    with pytest.raises(Unreachable, match="home-in-use"):
        from_old_home(net.newest, tmp_path / "new", net.bank)
    lock.release()
    with closing(LedgerStore(Home(net.bank).ledger_url(Home(net.bank).read_config()))) as store:
        store.halt({"code": "fork-seen", "height": 1})
    with pytest.raises(VerificationFailed, match="fork-seen"):
        from_old_home(net.newest, tmp_path / "new", net.bank)
    assert not (tmp_path / "new").exists()
