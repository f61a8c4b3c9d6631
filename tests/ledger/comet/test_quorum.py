"""Validators that are down or stand still: with more than two thirds of them the chain goes on, with fewer it waits, and says so."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.ledger.comet.fleet import fleet
from tests.ledger.comet.ring import wait_until

STALLED_MS = 5_000


def test_without_two_thirds_nothing_is_decided_and_what_was_sent_is_kept_once_when_they_are_back(tmp_path: Path) -> None:
    with fleet(tmp_path, 4, stalled_ms=STALLED_MS) as made:
        put = made.ring.author.put
        assert made.code(0, put("before")) == "ok"
        made.agree(0, 1, 2, 3)
        made.kill(2, 3)
        waiting = {place: put(f"meanwhile-{place}") for place in (0, 1)}
        heads = [made.state(place)["head"] for place in (0, 1)]
        answers = [made.sent(place, raw) for place, raw in waiting.items()]
        assert [each.result() for each in answers] == ["no-quorum", "no-quorum"]
        assert [made.state(place)["head"] for place in (0, 1)] == heads
        made.start(2, 3)
        for place, raw in waiting.items():
            made.until_kept(place, raw)
        assert made.code(2, put("after")) == "ok"
        made.agree(0, 1, 2, 3)
        assert made.never_forked() == {key: ["ok"] for key in ("before", "meanwhile-0", "meanwhile-1", "after")}


def test_a_node_that_stands_still_holds_nobody_up_and_catches_up(tmp_path: Path) -> None:
    with fleet(tmp_path, 4) as made:
        # A seat answers before its CometBFT runs.
        wait_until(lambda: made.comet(3) is not None)
        for comet in (True, False):
            running = made.comet(3)
            made.signal(3, signal.SIGSTOP, comet=comet)
            assert [made.code(place, made.ring.author.put(f"{comet}-{place}")) for place in (0, 1, 2)] == ["ok"] * 3
            made.signal(3, signal.SIGCONT, comet=comet)
            made.agree(0, 1, 2, 3)
            assert made.comet(3) == running
        assert len(made.never_forked()) == 6
