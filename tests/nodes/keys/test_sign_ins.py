"""The log of sign-ins names accounts that there are, and no flood pushes a success out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.limits import SIGN_IN_DAYS_KEPT
from nodes.keys import sign_ins
from nodes.keys.accounts import Accounts
from nodes.keys.keystore import Argon2Cost, KeyStore
from nodes.keys.sign_ins import SignInLog
from nodes.private import PrivateStore

DAY_MS = 86_400_000


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(1_795_000_000_000)


@pytest.fixture
def store(tmp_path: Path, clock: SettableClock) -> Iterator[PrivateStore]:
    store = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    cost = Argon2Cost(passes=1, memory_kib=8, lanes=1)
    accounts = Accounts(store, KeyStore(tmp_path / "keys", os.urandom, cost), clock, os.urandom, cost)
    accounts.add_user("li-wei", "Li Wei", "viewer", "plum harvest in Yingkou")
    accounts.add_client("core", "Core", "service", [])
    yield store
    store.close()


def test_what_was_typed_is_written_down_only_where_it_is_an_account(store: PrivateStore, clock: SettableClock) -> None:
    log = SignInLog(store, clock)
    for typed in ("li-wei", "core", "plum harvest in Yingkou", "Nobody!", "\x00", "\udcff", "李伟"):
        log.add("password", "sign-in-failed", "192.0.2.7", typed)
    assert [each.account for each in reversed(log.page(None, 100))] == ["li-wei", "core", None, None, None, None, None]


def test_it_is_read_from_the_newest_on_in_pages_and_outlasts_the_process(store: PrivateStore, clock: SettableClock) -> None:
    log = SignInLog(store, clock)
    for outcome in ("ok", "sign-in-failed", "ok"):
        log.add("password", outcome, "192.0.2.7", "li-wei")
        clock.advance(1_000)
    assert log.counts == {"ok": 2, "sign-in-failed": 1}
    again = SignInLog(store, clock)
    assert again.counts == {}
    first = again.page(None, 2)
    assert [(each.number, each.outcome) for each in first] == [(3, "ok"), (2, "sign-in-failed")]
    assert [each.number for each in again.page(first[-1].number, 2)] == [1]
    assert first[0].time_ms - first[1].time_ms == 1_000


def test_a_flood_of_failures_pushes_out_failures_only(store: PrivateStore, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "SIGN_IN_FAILURES_KEPT", 3)
    monkeypatch.setattr(sign_ins, "_TIDY_EVERY", 1)
    log = SignInLog(store, clock)
    log.add("password", "ok", "192.0.2.7", "li-wei")
    for _ in range(9):
        log.add("password", "sign-in-failed", "203.0.113.9", None)
    assert [each.number for each in log.page(None, 100)] == [10, 9, 8, 1]


def test_what_is_old_is_forgotten(store: PrivateStore, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "_TIDY_EVERY", 1)
    log = SignInLog(store, clock)
    log.add("password", "ok", "192.0.2.7", "li-wei")
    clock.advance(SIGN_IN_DAYS_KEPT * DAY_MS)
    log.add("password", "ok", "192.0.2.7", "li-wei")
    assert [each.number for each in log.page(None, 100)] == [2, 1]
    clock.advance(1)
    log.add("password", "ok", "192.0.2.7", "li-wei")
    assert [each.number for each in log.page(None, 100)] == [3, 2]
