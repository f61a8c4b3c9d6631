"""Whatever dies, at whatever moment: no acknowledged record is lost, no two replicas differ, and who died catches up."""

from __future__ import annotations

import random
import signal
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from ledger.audit import audit
from ledger.vouching import voucher_of
from tests.conftest import DEEP
from tests.ledger.comet.fleet import Fleet, fleet
from tests.ledger.comet.ring import WAIT_S, ring, wait_until
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import code_of

KILLS = 50 if DEEP else 6
SEATS = 4
# Where CometBFT can be told to exit in each block: when it has written its prevote and its precommit, when a block is decided, stored, and
# ended in its log; four steps from the application's answer to the state that is saved; and twice on its way to the next height.
STEPS = 11


@dataclass
class Load:
    """One note after the other at every seat until `ended`: each is sent again, as a node does, until its outcome is known."""

    made: Fleet
    kept: dict[str, str] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[Future[None]]:
        return [self.made.pool.submit(self._again, place) for place in range(SEATS)]

    def _again(self, place: int) -> None:
        author = self.made.ring.author
        for number in count():
            if self.ended.is_set():
                return
            key = f"{place}-{number}"
            raw = author.put(key)
            self.kept[key] = self.made.until_kept(place, raw)

    def wait_for_more(self, wanted: int) -> None:
        wanted += len(self.kept)
        wait_until(lambda: len(self.kept) >= wanted, 2 * WAIT_S)


def check(made: Fleet, acknowledged: dict[str, str]) -> None:
    """Everything is stopped, and each replica is audited from its genesis on."""
    notes = made.never_forked()
    for key, outcome in acknowledged.items():
        assert outcome in ("ok", "repeat"), (key, outcome)
        assert notes.get(key) == ["ok"], f"acknowledged as {outcome}, and on the ledger: {notes.get(key)}"
    for place in range(len(made.ring.seats)):
        store = made.ring.plan(place).store()
        report = audit(store, made.ring.genesis, RINGBOOK, voucher_of(made.ring.genesis))
        store.close()
        assert report.ok, (place, report.findings)


def test_kills_at_random_moments_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(6)
    with fleet(tmp_path, SEATS) as made:
        load = Load(made)
        running = load.run()
        for turn in range(KILLS):
            load.wait_for_more(rng.randrange(1, 8))
            load.ended.wait(rng.uniform(0, 0.3))
            place = rng.randrange(SEATS)
            # In turn the application, CometBFT, and both at once.
            if turn % 3 != 0:
                made.kill_comet(place)
            if turn % 3 != 1:
                made.kill(place)
                made.start(place)
        load.wait_for_more(8)
        load.ended.set()
        for thread in running:
            thread.result(3 * WAIT_S)
        height, _ = made.agree(*range(SEATS))
        assert height > 0
        check(made, load.kept)


def test_a_cometbft_that_is_paused_when_its_application_dies_is_not_left_behind(tmp_path: Path) -> None:
    with fleet(tmp_path, 1) as made:
        assert made.code(0, made.ring.author.put("before")) == "ok"
        made.signal(0, signal.SIGSTOP, comet=True)
        made.kill(0)
        made.start(0)
        assert made.code(0, made.ring.author.put("after")) == "ok"


@pytest.mark.parametrize("fault", ["dies-after-finalize", "dies-after-commit"])
def test_an_application_that_dies_in_the_middle_of_a_block_has_it_after_its_next_start(fault: str, tmp_path: Path) -> None:
    with fleet(tmp_path, SEATS, start=[0, 1, 2]) as made:
        made.start(3, fault=fault)
        assert made.code(0, made.ring.author.put("before")) == "ok"
        died = made.processes[3]
        wait_until(lambda: not died.alive.is_set())
        made.kill(3)
        height = made.ring.plan(3).head()[0]
        assert height == (0 if fault == "dies-after-finalize" else 1)
        made.start(3)
        made.agree(0, 3)
        assert made.code(3, made.ring.author.put("after")) == "ok"
        made.agree(*range(SEATS))
        check(made, {"before": "ok", "after": "ok"})


@pytest.mark.parametrize("seats", [1, pytest.param(SEATS, marks=pytest.mark.deep)])
def test_cometbft_exits_at_each_of_its_steps_and_goes_on(seats: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = seats - 1
    with ring(tmp_path, seats) as made:
        log, exits = made.seats[place].path / "comet.log", list[str]()
        for step in range(STEPS):
            made.stop(place)
            monkeypatch.setenv("FAIL_TEST_INDEX", str(step))
            made.start(place)
            wait_until(lambda: made.engines[place]._process.pid is not None)
            # The engine starts it again without.
            monkeypatch.delenv("FAIL_TEST_INDEX")
            assert code_of(made.send(0, made.author.put(f"step-{step}"))[0]) == "ok"
            exits.append(f"*** fail-test {step} ***")
            wait_until(lambda: exits[-1] in log.read_text(encoding="utf-8"))
            made.agree(*range(seats))
        with made.stores[place].reading() as reader:
            kept = [stored.record.body["key"] for stored in reader.records(0, 1_000)]
        assert kept == [f"step-{step}" for step in range(STEPS)]
