from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.errors import NotFound
from ledger.keys import P256, X25519
from ledger.store import LedgerStore
from nodes.author import SigningKey
from nodes.directory import Directory
from nodes.founding import Founded, MemberPlan
from nodes.keys.keystore import NODE_OWNER
from nodes.node import Node
from nodes.private_files import read_node_secret
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, START_MS, Beside, found


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def founded(tmp_path: Path, clock: SettableClock) -> Founded:
    return found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)


@pytest.fixture
def node(founded: Founded, clock: SettableClock) -> Iterator[Node]:
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as node:
        yield node


def staff_keys(founded: Founded, node: Node) -> list[SigningKey]:
    """The maker's and the checker's keys of a node, each opened with its owner's secret."""
    keys = []
    for sign_in in founded.sign_ins:
        if sign_in.node == node.config.node.id:
            account = node.accounts.verify(sign_in.user, sign_in.secret)
            key = node.accounts.open_key(account, sign_in.secret)
            keys.append(SigningKey(next(info.id for info in node.keystore.list() if info.owner == account.id), key))
    return keys


def add_key(founded: Founded, node: Node, member: str, alg: str, public: bytes, purpose: str) -> None:
    body = {"member": member, "key": {"alg": alg, "public": public.hex(), "purpose": purpose, "person": None}}
    assert node.outbox.send(node.author.record("key.add", body, staff_keys(founded, node)).raw, "test").code == "ok"


def revoke(node: Node, key_id: str) -> None:
    raw = node.author.record("key.revoke", {"key": key_id, "reason": "rotated"}, [node.identity_key]).raw
    assert node.outbox.send(raw, "test").code == "ok"


def test_members_are_found_by_role_and_slug(node: Node) -> None:
    assert [member.slug for member in node.directory.members()] == ["authority", "bank-a"]
    assert [member.slug for member in node.directory.members("bank")] == ["bank-a"]
    assert node.directory.member("bank-a").name == BANK_A.name
    with pytest.raises(NotFound, match="unknown-member"):
        node.directory.member("bank-z")


def test_each_key_is_known_by_its_owner_and_purpose(founded: Founded, node: Node) -> None:
    maker, checker = staff_keys(founded, node)
    (make,) = node.directory.keys("authority", "make")
    (check,) = node.directory.keys("authority", "check")
    assert (make.id, check.id) == (maker.id, checker.id)
    assert make.person != check.person
    assert node.directory.author_of([maker.id, checker.id]) == "authority"
    assert node.directory.author_of(["0" * 64]) is None


def test_a_revoked_key_is_known_and_no_longer_in_force(node: Node) -> None:
    (key,) = node.directory.keys("bank-a", "service")
    revoke(node, key.id)
    assert node.directory.keys("bank-a", "service") == []
    known = node.directory.key(key.id)
    assert known is not None
    assert not known.alive


def test_the_newest_sealing_key_receives_and_the_old_one_still_opens(founded: Founded, node: Node) -> None:
    old = node.directory.recipient("authority").key_id
    secret = read_node_secret(node.home.secret_file)
    new = node.keystore.create(X25519, "seal", NODE_OWNER, secret)
    add_key(founded, node, "authority", X25519, new.public, "seal")
    node.forget_keys()
    assert node.directory.recipient("authority").key_id == new.id
    assert {old, new.id} == set(node.sealing_keys)


def test_a_member_whose_sealing_key_is_revoked_can_be_sealed_nothing(node: Node) -> None:
    revoke(node, node.directory.recipient("bank-a").key_id)
    with pytest.raises(NotFound, match="no-sealing-key"):
        node.directory.recipient("bank-a")


def test_a_node_acts_with_the_service_key_in_force_that_was_added_last(founded: Founded, node: Node, clock: SettableClock) -> None:
    home = founded.homes["bank-a"]
    with Node.open(home, clock, cost=CHEAP, upstream=Beside(node)) as bank:
        first = bank.identity_key.id
        new = bank.keystore.create(P256, "service", NODE_OWNER, read_node_secret(bank.home.secret_file))
        add_key(founded, bank, "bank-a", P256, new.public, "service")
        bank.forget_keys()
        assert bank.identity_key.id == new.id
    with Node.open(home, clock, cost=CHEAP, upstream=Beside(node)) as bank:
        assert bank.identity_key.id == new.id
        revoke(bank, new.id)
        bank.forget_keys()
        assert bank.identity_key.id == first


def test_the_ledger_is_not_read_for_each_look_up(node: Node) -> None:
    node.directory.members()
    statements: list[str] = []
    here = threading.get_ident()

    def note(connection: object, cursor: object, statement: str, *more: object) -> None:
        # The node's own reader reads whenever it is its turn.
        if threading.get_ident() == here:
            statements.append(statement)

    sa.event.listen(node.store.engine, "before_cursor_execute", note)
    node.directory.recipient("bank-a")
    node.directory.keys("authority", "make")
    assert statements == []
    revoke(node, node.directory.keys("bank-a", "service")[0].id)
    assert node.directory.keys("bank-a", "service") == []
    assert statements


def test_a_directory_beside_a_running_node_sees_what_the_node_writes(node: Node) -> None:
    """As a command does that opens the home of a running node: its store has no engine."""
    store = LedgerStore(f"sqlite:///{node.home.path / 'ledger.db'}", read_only=True)
    beside = Directory(store)
    (key,) = beside.keys("bank-a", "service")
    revoke(node, key.id)
    assert beside.keys("bank-a", "service") == []
    store.close()


def test_what_was_written_while_the_node_was_stopped_is_seen_after_it_starts_again(founded: Founded, clock: SettableClock) -> None:
    home = founded.homes["authority"]
    node = Node.open(home, clock, cost=CHEAP)
    with node:
        (key,) = node.directory.keys("bank-a", "service")
    directory = Directory(node.store)
    with Node.open(home, clock, cost=CHEAP) as other:
        assert directory.keys("bank-a", "service") == [key]
        revoke(other, key.id)
        assert directory.keys("bank-a", "service") == []


def test_a_registrar_that_governors_chose_is_known_from_its_time_on(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "net", AUTHORITY, MemberPlan("customs", "registrar", "Customs"), clock=clock)
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as node:

        def send(kind: str, body: dict[str, object]) -> Receipt:
            return node.outbox.send(node.author.record(kind, body, [node.identity_key]).raw, "test")

        due = send("governance.propose", {"change": {"kind": "registrar", "member": "authority"}}).result["effective_at"]
        assert node.directory.registrar() == "customs"
        clock.advance(due - clock.now_ms())
        assert send("key.revoke", {"key": "0" * 64, "reason": "left"}).code == "unknown-key"
        assert node.directory.registrar() == "authority"
