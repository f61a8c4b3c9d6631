"""The log of look-ups: only added to, and a removal or a change shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.clock import SettableClock
from nodes.look_ups import GENESIS, LookUps, look_ups
from nodes.private import PrivateStore


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateStore]:
    store = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    yield store
    store.close()


@pytest.fixture
def log(private: PrivateStore) -> LookUps:
    service = LookUps(private, SettableClock(1_793_000_000_000))
    for number in range(5):
        enterprises = ["e" * 64] if number % 2 else []
        service.add(who="5" * 16, role="checker", resource="GET /v1/x", subject=f"n={number}", purpose="", enterprises=enterprises)
    return service


def test_a_whole_chain_checks_and_ends_in_its_head(log: LookUps) -> None:
    check = log.check()
    assert (check.entries, check.first_bad) == (5, None)
    assert log.head() == (5, check.head)
    assert log.list(0, 1)[0].previous == GENESIS


def test_an_enterprise_reads_what_concerned_it(log: LookUps) -> None:
    assert [each.place for each in log.list(0, 10, enterprise="e" * 64)] == [2, 4]
    assert [each.place for each in log.list(2, 10, enterprise="e" * 64)] == [4]


@pytest.mark.parametrize("place", [1, 3])
def test_an_entry_that_is_taken_out_shows(log: LookUps, private: PrivateStore, place: int) -> None:
    with private.begin() as connection:
        connection.execute(sa.delete(look_ups).where(look_ups.c.place == place))
    assert log.check().first_bad == place


@pytest.mark.parametrize(("column", "value"), [("who", "6" * 16), ("enterprises", "[]"), ("purpose", "audit"), ("at_ms", 1)])
def test_an_entry_that_is_changed_shows(log: LookUps, private: PrivateStore, column: str, value: object) -> None:
    with private.begin() as connection:
        connection.execute(sa.update(look_ups).where(look_ups.c.place == 2).values(**{column: value}))
    assert log.check().first_bad == 2


def test_a_shortened_log_no_longer_ends_where_it_did(log: LookUps, private: PrivateStore) -> None:
    head = log.head()
    with private.begin() as connection:
        connection.execute(sa.delete(look_ups).where(look_ups.c.place == 5))
    assert log.check().first_bad is None
    assert log.head() != head
