"""A new version of the rules starts at its time; every block replays under its own; a node without the code stops, and goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ledger.audit import audit
from ledger.errors import Refused
from ledger.follow import FollowEngine
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from tests.ledger.later_rules import BOTH, OLD
from tests.ledger.small_ledger import ANNE, GENESIS, VOUCHER, Solo, StoreUpstream, solo_ledger, url_of

MINUTE = 60_000


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def switch(solo: Solo) -> None:
    """A block under the first version that names the second one, a minute later."""
    at = solo.clock.now_ms() + MINUTE
    assert solo.codes(solo.author.put("old"), solo.author.record("rules.next", {"version": 2, "at": at}, [ANNE])) == ["ok", "ok"]


def told(solo: Solo) -> None:
    """Two blocks under the first version and one under the second."""
    switch(solo)
    solo.clock.advance(MINUTE - 1)
    solo.put("still old")
    solo.clock.advance(1)
    solo.put("new")


def counted(solo: Solo, key: str) -> Any:
    with solo.store.reading() as reader:
        return (reader.state.get(f"note/{key}") or {}).get("count")


def followed(solo: Solo, path: Path, rulebook: Rulebook) -> tuple[FollowEngine, LedgerStore]:
    store = LedgerStore(url_of(path))
    engine = FollowEngine(store, GENESIS, rulebook, VOUCHER, StoreUpstream(solo.store, solo.engine))
    engine.open()
    return engine, store


def test_a_version_starts_at_its_time_and_headers_name_it(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "solo.db", rulebook=BOTH) as solo:
        told(solo)
        assert [counted(solo, key) for key in ("old", "still old", "new")] == [1, 1, 2]
        with solo.store.reading() as reader:
            headers = [reader.header(height) for height in range(4)]
        assert [header.rules for header in headers if header is not None] == [1, 1, 1, 2]


def test_both_versions_replay(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "solo.db", rulebook=BOTH) as solo:
        told(solo)
        engine, store = followed(solo, tmp_path / "follower.db", BOTH)
        assert engine.advance(0) == 3
        with store.reading() as theirs, solo.store.reading() as ours:
            assert theirs.head == ours.head
        engine.stop()
        store.close()
        assert audit(solo.store, GENESIS, BOTH, VOUCHER).ok
        report = audit(solo.store, GENESIS, OLD, VOUCHER)
        assert [(finding.height, finding.code) for finding in report.findings] == [(3, "rules-missing")]


def test_a_solo_node_without_the_version_stops_there_and_goes_on_when_it_has_it(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "solo.db", rulebook=OLD) as solo:
        switch(solo)
        solo.put("still old")
        solo.clock.advance(MINUTE)
        assert solo.codes(solo.author.put("new")) == ["rules-missing"]
        with solo.store.reading() as reader:
            assert reader.head.height == 2
    with solo_ledger(tmp_path / "solo.db", rulebook=BOTH) as solo:
        solo.clock.advance(MINUTE)
        solo.author.made = 100
        solo.put("new")
        assert counted(solo, "new") == 2


def test_a_follower_without_the_version_stops_there_accuses_nobody_and_goes_on_when_it_has_it(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "solo.db", rulebook=BOTH) as solo:
        told(solo)
        engine, store = followed(solo, tmp_path / "follower.db", OLD)
        with pytest.raises(Refused, match="rules-missing: rules version 2 is in force, and this program has only 1") as raised:
            engine.advance(0)
        assert "upgrade" in raised.value.hint
        with store.reading() as reader:
            assert reader.head.height == 2
        assert store.halted() is None
        engine.stop()
        store.close()
        engine, store = followed(solo, tmp_path / "follower.db", BOTH)
        assert engine.advance(0) == 1
        engine.stop()
        store.close()
