"""Guessing makes the guesser wait, and nobody else for good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.errors import NotPermitted
from nodes.keys.accounts import Accounts
from nodes.keys.keystore import Argon2Cost, KeyStore
from nodes.keys.lockout import FAILURES_FREE, LOCKED_MS_MAX, SOURCE_DAYS, source_of, wait_ms
from nodes.private import PrivateStore

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
GUESS = "not the secret at all"
SECRET = "plum harvest in Yingkou"
OFFICE, ELSEWHERE = "192.0.2.7", "203.0.113.9"
DAY_MS = 86_400_000


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(1_795_000_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PrivateStore]:
    store = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    yield store
    store.close()


def opened(store: PrivateStore, tmp_path: Path, clock: SettableClock) -> Accounts:
    return Accounts(store, KeyStore(tmp_path / "keys", os.urandom, CHEAP), clock, os.urandom, CHEAP)


@pytest.fixture
def accounts(store: PrivateStore, tmp_path: Path, clock: SettableClock) -> Accounts:
    made = opened(store, tmp_path, clock)
    made.add_user("li-wei", "Li Wei", "viewer", SECRET)
    made.add_user("wang-fang", "Wang Fang", "viewer", SECRET)
    return made


def code(accounts: Accounts, secret: str = GUESS, source: str = ELSEWHERE, user: str = "li-wei") -> str:
    try:
        accounts.verify(user, secret, source)
    except NotPermitted as error:
        return error.code
    return "ok"


def lock(accounts: Accounts, source: str = ELSEWHERE, user: str = "li-wei") -> None:
    assert [code(accounts, source=source, user=user) for _ in range(FAILURES_FREE)] == ["sign-in-failed"] * FAILURES_FREE
    assert code(accounts, SECRET, source, user) == "account-locked"


def test_a_waiting_doubles_with_each_failure_and_ends_at_a_quarter_of_an_hour() -> None:
    assert [wait_ms(failures) for failures in range(FAILURES_FREE)] == [0] * FAILURES_FREE
    waits = [wait_ms(FAILURES_FREE + more) for more in range(12)]
    assert waits[:4] == [1_000, 2_000, 4_000, 8_000] and waits[-1] == wait_ms(10**6) == LOCKED_MS_MAX == 900_000


def test_failures_in_a_row_close_an_account_until_the_waiting_is_over(accounts: Accounts, clock: SettableClock) -> None:
    lock(accounts)
    clock.advance(wait_ms(FAILURES_FREE) - 1)
    assert code(accounts, SECRET) == "account-locked"
    clock.advance(1)
    assert code(accounts) == "sign-in-failed"
    clock.advance(wait_ms(FAILURES_FREE))
    assert code(accounts, SECRET) == "account-locked", "one more failure, twice the waiting"
    clock.advance(wait_ms(FAILURES_FREE))
    assert code(accounts, SECRET) == "ok"
    assert [code(accounts) for _ in range(FAILURES_FREE)] == ["sign-in-failed"] * FAILURES_FREE, "a success forgets what was before"


def test_a_waiting_outlasts_the_process(accounts: Accounts, store: PrivateStore, tmp_path: Path, clock: SettableClock) -> None:
    lock(accounts)
    assert code(opened(store, tmp_path, clock), SECRET) == "account-locked"


def test_a_stranger_keeps_nobody_out_where_that_person_usually_is(accounts: Accounts, clock: SettableClock) -> None:
    assert code(accounts, SECRET, OFFICE) == "ok"
    for _ in range(3):
        for _ in range(FAILURES_FREE + 20):
            code(accounts)
            clock.advance(1)
        assert code(accounts, SECRET) == "account-locked"
        assert code(accounts, SECRET, OFFICE) == "ok"
        assert code(accounts, SECRET) == "account-locked", "who is known in one place does not open another to a stranger"
        clock.advance(LOCKED_MS_MAX)


def test_guesses_from_a_known_place_are_counted_there(accounts: Accounts) -> None:
    assert code(accounts, SECRET, OFFICE) == "ok"
    lock(accounts, OFFICE)
    assert code(accounts, SECRET, ELSEWHERE) == "ok"
    assert code(accounts, SECRET, OFFICE) == "account-locked"


def test_a_place_is_forgotten_after_a_while(accounts: Accounts, clock: SettableClock) -> None:
    assert code(accounts, SECRET, OFFICE) == "ok"
    clock.advance(SOURCE_DAYS * DAY_MS + 1)
    lock(accounts)
    assert code(accounts, SECRET, OFFICE) == "account-locked"
    clock.advance(LOCKED_MS_MAX)
    assert code(accounts, SECRET, OFFICE) == "ok"
    lock(accounts)
    assert code(accounts, SECRET, OFFICE) == "ok"


def test_one_account_that_is_closed_closes_no_other(accounts: Accounts) -> None:
    lock(accounts)
    assert code(accounts, SECRET, user="wang-fang") == "ok"


def test_a_disabled_account_waits_like_any_other(accounts: Accounts) -> None:
    accounts.disable("li-wei")
    assert [code(accounts, SECRET) for _ in range(FAILURES_FREE + 1)] == ["sign-in-failed"] * FAILURES_FREE + ["account-locked"]


def test_a_program_is_never_locked_out(accounts: Accounts) -> None:
    _, secret = accounts.add_client("core", "Core", "service", [])
    assert [code(accounts, user="core") for _ in range(40)] == ["sign-in-failed"] * 40
    assert code(accounts, secret, user="core") == "ok"


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_what_counts_as_one_place(address: str, source: str) -> None:
    assert source_of(address) == source
