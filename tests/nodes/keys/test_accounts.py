"""Staff and programs sign in with their own secret, and only a person's own secret opens that person's key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import keys
from ledger.clock import SettableClock
from ledger.errors import InputError, NotFound, NotPermitted, Refused, VerificationFailed
from ledger.hashing import sha256
from nodes import private
from nodes.keys.account import Client, User
from nodes.keys.accounts import Accounts
from nodes.keys.keystore import Argon2Cost, KeyStore
from nodes.keys.lockout import FAILURES_FREE
from nodes.keys.passwords import check_password, password_bytes
from nodes.private import PrivateStore

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
SECRET, OTHER = "plum harvest in Yingkou", "eleven tonnes of plums"
START_MS = 1_795_000_000_000


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PrivateStore]:
    store = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    yield store
    store.close()


@pytest.fixture
def keystore(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", os.urandom, CHEAP)


@pytest.fixture
def accounts(store: PrivateStore, keystore: KeyStore, clock: SettableClock) -> Accounts:
    return Accounts(store, keystore, clock, os.urandom, CHEAP)


def fail(accounts: Accounts, account_id: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(NotPermitted, match="sign-in-failed"):
            accounts.verify(account_id, "not the secret at all")


@pytest.mark.parametrize(("role", "purpose"), [("maker", "make"), ("checker", "check")])
def test_a_maker_or_checker_signs_with_a_key_that_only_the_own_secret_opens(
    accounts: Accounts, keystore: KeyStore, role: str, purpose: str
) -> None:
    user = accounts.add_user("li-wei", "李伟", role, SECRET)
    assert user.key_id is not None and keystore.info(user.key_id).purpose == purpose and keystore.info(user.key_id).owner == "li-wei"
    digest = sha256(b"a record")
    private_key = accounts.open_key(accounts.verify("li-wei", SECRET), SECRET)
    assert keys.verify(keystore.info(user.key_id).public, keys.sign(private_key, digest), digest)
    with pytest.raises(NotPermitted, match="secret-wrong"):
        accounts.open_key(user, OTHER)


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_a_viewer_or_admin_has_no_key_to_sign_with(accounts: Accounts, keystore: KeyStore, role: str) -> None:
    user = accounts.add_user("wang-fang", "王芳", role, SECRET)
    assert user.key_id is None and keystore.list() == []
    with pytest.raises(NotPermitted, match="no-staff-key"):
        accounts.open_key(user, SECRET)


def test_a_checkers_key_file_slipped_to_a_maker_does_not_open(accounts: Accounts, store: PrivateStore) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    checker = accounts.add_user("wang-fang", "Wang Fang", "checker", SECRET)
    with store.begin() as connection:
        connection.execute(sa.update(private.users).where(private.users.c.id == "wang-fang").values(key_id=None))
        connection.execute(sa.update(private.users).where(private.users.c.id == "li-wei").values(key_id=checker.key_id))
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        accounts.open_key(accounts.account("li-wei"), SECRET)


def test_the_ledger_sees_a_pseudonym_of_sixteen_hex_digits_different_for_each_person(accounts: Accounts) -> None:
    people = [accounts.add_user(f"user-{i}", f"User {i}", "viewer", SECRET).person for i in range(3)]
    assert all(len(person) == 16 and int(person, 16) >= 0 for person in people) and len(set(people)) == 3


def test_users_and_clients_are_listed_by_id_disabled_ones_too(accounts: Accounts) -> None:
    second = accounts.add_user("wang-fang", "Wang Fang", "viewer", SECRET)
    first = accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    client, _ = accounts.add_client("core-banking", "Core banking", "service", ["financing", "enquiry", "enquiry"])
    disabled = accounts.disable("wang-fang")
    assert accounts.list_users() == [first, disabled] and isinstance(disabled, User) and disabled.disabled and not second.disabled
    assert accounts.list_clients() == [client] and client.scopes == ("enquiry", "financing") and client.created_ms == START_MS


def test_no_secret_is_in_the_database(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    _, secret = accounts.add_client("core-banking", "Core banking", "service", [])
    data = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"$argon2id$" in data and SECRET.encode() not in data and secret.encode() not in data


def test_a_client_signs_in_with_the_secret_it_was_given_until_that_is_rotated(accounts: Accounts) -> None:
    client, secret = accounts.add_client("core-banking", "Core banking", "service", ["enquiry"])
    assert accounts.verify("core-banking", secret) == client and isinstance(client, Client)
    rotated = accounts.rotate_client("core-banking")
    assert accounts.verify("core-banking", rotated) == client
    with pytest.raises(NotPermitted, match="sign-in-failed"):
        accounts.verify("core-banking", secret)
    with pytest.raises(NotFound, match="unknown-account"):
        accounts.rotate_client("nobody")


@pytest.mark.parametrize("account_id", ["nobody", "", "LI-WEI", "li-wei\n", "x" * 100, "\udcff"])
def test_an_unknown_id_fails_like_a_wrong_secret(accounts: Accounts, account_id: str) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    with pytest.raises(NotPermitted) as unknown:
        accounts.verify(account_id, SECRET)
    with pytest.raises(NotPermitted) as wrong:
        accounts.verify("li-wei", OTHER)
    assert (unknown.value.code, unknown.value.message) == (wrong.value.code, wrong.value.message)


def test_a_disabled_account_signs_in_no_more(accounts: Accounts) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    accounts.disable("li-wei")
    with pytest.raises(NotPermitted, match="sign-in-failed"):
        accounts.verify("li-wei", SECRET)
    with pytest.raises(NotFound, match="unknown-account"):
        accounts.disable("nobody")


def test_guesses_in_parallel_do_not_outrun_the_count(accounts: Accounts) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", SECRET)

    def guess(_: int) -> str:
        with pytest.raises(NotPermitted) as caught:
            accounts.verify("li-wei", "not the secret at all")
        return caught.value.code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(guess, range(24)))
    assert codes.count("sign-in-failed") == FAILURES_FREE and codes.count("account-locked") == 24 - FAILURES_FREE


def test_an_id_belongs_to_one_account_for_ever(accounts: Accounts, keystore: KeyStore) -> None:
    accounts.add_user("li-wei", "Li Wei", "viewer", SECRET)
    accounts.disable("li-wei")
    with pytest.raises(Refused, match="account-exists"):
        accounts.add_user("li-wei", "Another", "maker", SECRET)
    with pytest.raises(Refused, match="account-exists"):
        accounts.add_client("li-wei", "Another", "service", [])
    assert keystore.list() == []


@pytest.mark.parametrize(
    ("account_id", "name", "role"),
    [
        ("node", "Node", "maker"),
        ("Li", "Li", "maker"),
        ("l", "Li", "maker"),
        ("li wei", "Li", "maker"),
        ("li-wei", "", "maker"),
        ("li-wei", " Li", "maker"),
        ("li-wei", "L\ni", "maker"),
        ("li-wei", "Li", "service"),
        ("li-wei", "Li", ""),
        ("li-wei", "L" * 129, "maker"),
    ],
)
def test_an_account_that_is_not_well_formed_is_refused(accounts: Accounts, account_id: str, name: str, role: str) -> None:
    with pytest.raises(InputError, match="bad-account"):
        accounts.add_user(account_id, name, role, SECRET)


def test_a_client_is_given_no_role_that_signs_and_no_odd_scope(accounts: Accounts) -> None:
    for role, scopes in (("maker", ["a"]), ("checker", ["a"]), ("admin", ["a"]), ("service", ["two words"]), ("service", [""])):
        with pytest.raises(InputError, match="bad-account"):
            accounts.add_client("core-banking", "Core banking", role, scopes)


def test_a_changed_secret_signs_in_and_opens_every_key_of_that_user_and_no_other(accounts: Accounts, keystore: KeyStore) -> None:
    before = accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    other = accounts.add_user("wang-fang", "Wang Fang", "checker", SECRET)
    after = accounts.rotate_key("li-wei", SECRET)
    accounts.change_secret("li-wei", SECRET, OTHER)
    assert before.key_id is not None and after.key_id is not None and before.key_id != after.key_id
    assert accounts.account("li-wei") == after == accounts.verify("li-wei", OTHER)
    keystore.open(before.key_id, password_bytes(OTHER))
    accounts.open_key(after, OTHER)
    accounts.open_key(other, SECRET)
    fail(accounts, "li-wei")
    with pytest.raises(NotPermitted, match="sign-in-failed"):
        accounts.verify("li-wei", SECRET)


def test_a_change_of_secret_that_was_cut_short_is_completed_by_the_same_call(accounts: Accounts, keystore: KeyStore) -> None:
    user = accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    assert user.key_id is not None
    keystore.change_secret(user.key_id, password_bytes(SECRET), password_bytes(OTHER))
    with pytest.raises(NotPermitted, match="secret-wrong"):
        accounts.change_secret("li-wei", SECRET, "a third secret of mine")
    accounts.change_secret("li-wei", SECRET, OTHER)
    assert keys.public_of(accounts.open_key(accounts.verify("li-wei", OTHER), OTHER)).id == user.key_id


def test_a_secret_is_changed_only_by_who_knows_it_and_to_a_strong_one(accounts: Accounts) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", SECRET)
    with pytest.raises(NotPermitted, match="sign-in-failed"):
        accounts.change_secret("li-wei", OTHER, OTHER)
    with pytest.raises(InputError, match="weak-secret"):
        accounts.change_secret("li-wei", SECRET, "short")
    _, secret = accounts.add_client("core-banking", "Core banking", "service", [])
    with pytest.raises(NotFound, match="unknown-account"):
        accounts.change_secret("core-banking", secret, OTHER)


@pytest.mark.parametrize(
    "password",
    ["", "elevenchars", "password1234", "Password 1234", "PASSWORDPASSWORD", "aaaaaaaaaaaaaa", "121212121212", "administrator-li",
     "Administrator Li", "１２３４５６７８９０１２", "x1y2z3" * 22],
)  # fmt: skip
def test_a_weak_secret_is_refused(password: str) -> None:
    with pytest.raises(InputError, match="weak-secret"):
        check_password(password, "administrator-li", "Administrator Li")


def test_a_weak_secret_makes_no_account_and_no_key(accounts: Accounts, keystore: KeyStore) -> None:
    with pytest.raises(InputError, match="weak-secret"):
        accounts.add_user("li-wei", "Li Wei", "maker", "password1234")
    assert accounts.list_users() == [] and keystore.list() == []


def test_the_same_secret_typed_with_combining_marks_is_the_same(accounts: Accounts) -> None:
    accounts.add_user("li-wei", "Li Wei", "maker", "caf\u00e9 au lait, deux")
    account = accounts.verify("li-wei", "cafe\u0301 au lait, deux")
    assert isinstance(account, User)
    assert keys.public_of(accounts.open_key(account, "cafe\u0301 au lait, deux")).id == account.key_id


def test_a_secret_that_is_no_text_is_refused(accounts: Accounts) -> None:
    with pytest.raises(InputError, match="bad-secret"):
        accounts.add_user("li-wei", "Li Wei", "maker", "plum harvest \udcff in Yingkou")
