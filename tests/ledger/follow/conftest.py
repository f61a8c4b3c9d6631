"""A solo ledger with a few blocks, followers of it, and a fork."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ledger.file_lock import FileLock
from ledger.follow import FollowEngine
from ledger.store import LedgerStore
from tests.ledger.follow.following import Follower, Open
from tests.ledger.small_ledger import (
    GENESIS,
    VOUCHER,
    Solo,
    StoreUpstream,
    solo_ledger,
    url_of,
)
from tests.ledger.small_rules import RULEBOOK


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def solo(tmp_path: Path) -> Iterator[Solo]:
    with solo_ledger(tmp_path / "solo.db") as running:
        yield running


@pytest.fixture
def follow(tmp_path: Path, solo: Solo) -> Iterator[Open]:
    """Opens followers of the solo ledger, or of another upstream; a name opens the same home again."""
    opened: list[Follower] = []

    def make(name: str = "follower", upstream: StoreUpstream | None = None, *, run: bool = False, genesis: Any = GENESIS) -> Follower:
        store = LedgerStore(url_of(tmp_path / f"{name}.db"))
        upstream = upstream or StoreUpstream(solo.store, solo.engine)
        engine = FollowEngine(store, genesis, RULEBOOK, VOUCHER, upstream, lock=FileLock(tmp_path / f"{name}.lock"))
        found = Follower(engine, store, upstream)
        opened.append(found)
        engine.start() if run else engine.open()
        return found

    yield make
    for each in opened:
        each.engine.stop()
        each.store.close()


@pytest.fixture
def told(solo: Solo) -> Solo:
    """The solo ledger with a few blocks on it."""
    solo.put("a", "b")
    solo.codes(solo.author.put("a"), solo.author.put("c"))
    solo.put("d")
    return solo


@pytest.fixture
def fork(tmp_path: Path, told: Solo) -> Iterator[Solo]:
    """Another history by the same operator: the same first block, and then something else."""
    with solo_ledger(tmp_path / "fork.db") as other:
        with told.store.reading() as reader:
            first = [record.record.raw for record in reader.records_of_block(1)]
        assert set(other.codes(*first)) == {"ok"}
        other.put("x")
        other.put("y")
        other.put("z")
        yield other
