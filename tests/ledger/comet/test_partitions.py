"""Networks that fall apart: the part with more than two thirds of the validators goes on, any other waits, and all agree in the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ledger.comet.fleet import Fleet, fleet
from tests.ledger.comet.namespaces import Network, network
from tests.ledger.comet.ring import make_seat

ALL = (0, 1, 2, 3)
LONG_S = 480
STALLED_MS = 5_000


@contextmanager
def joined(path: Path) -> Iterator[tuple[Fleet, Network]]:
    with network(len(ALL)) as net:
        seats = [make_seat(path / f"seat-{place}", place, net.host(place), net.names[place]) for place in ALL]
        with fleet(path, len(ALL), seats=seats, stalled_ms=STALLED_MS) as made:
            yield made, net


def test_three_go_on_without_the_fourth_and_two_and_two_wait(tmp_path: Path) -> None:
    with joined(tmp_path) as (made, net):
        put = made.ring.author.put
        assert made.code(0, put("together")) == "ok"
        made.agree(*ALL)

        net.cut_off(3)
        alone = put("alone")
        late = made.sent(3, alone)
        assert made.code(0, put("of-three")) == "ok"
        assert late.result() == "no-quorum"
        made.agree(0, 1, 2)

        net.cut_off(2, 3)
        halves = {0: put("half-0"), 2: put("half-2")}
        answers = [made.sent(place, raw) for place, raw in halves.items()]
        assert [each.result() for each in answers] == ["no-quorum", "no-quorum"]

        net.cut_off()
        for place, raw in {3: alone, **halves}.items():
            made.until_kept(place, raw)
        made.agree(*ALL)
        assert made.never_forked() == {key: ["ok"] for key in ("together", "of-three", "alone", "half-0", "half-2")}


@pytest.mark.deep
def test_a_network_that_was_apart_for_long_is_joined_soon_after_it_can_be(tmp_path: Path) -> None:
    """By then CometBFT itself would try once in many minutes."""
    with joined(tmp_path) as (made, net):
        assert made.code(0, made.ring.author.put("before")) == "ok"
        net.cut_off(2, 3)
        threading.Event().wait(LONG_S)
        assert all(made.peers(place) == {made.ring.seats[place ^ 1].identity} for place in ALL)
        net.cut_off()
        made.until_kept(0, made.ring.author.put("after"))
        made.agree(*ALL)
