"""A sample of the floods that `python -m tests.attacks.running` counts, on a node in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.limits import EVENT_STREAMS_MAX
from tests.attacks import flooding
from tests.conftest import DEEP

MANY = 10 if DEEP else 1


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[flooding.Target]:
    with flooding.target(tmp_path_factory.mktemp("flooded") / "net") as served:
        yield served


def test_one_caller_takes_its_rate_and_nobody_elses(target: flooding.Target) -> None:
    counted = flooding.requests_of_one_caller(target, 400 * MANY)
    assert counted["requests of one caller: answered 429 with Retry-After"] >= 50


def test_who_guesses_is_slowed_down_by_whichever_door(target: flooding.Target) -> None:
    counted = flooding.sign_ins(target, 100 * MANY)
    assert counted["attempts to sign in from one address: answered 429 with Retry-After"] >= 50


def test_no_body_beyond_its_limit_is_taken(target: flooding.Target) -> None:
    counted = flooding.bodies(target, MANY)
    assert counted["bodies beyond the limit: refused"] == counted["bodies beyond the limit: sent"]


def test_streams_are_bounded(target: flooding.Target) -> None:
    counted = flooding.streams(target)
    assert counted["streams of events: open at once"] == EVENT_STREAMS_MAX
    assert counted["streams of events: refused"] == 20


def test_who_dawdles_is_cut_off(target: flooding.Target) -> None:
    counted = flooding.dawdlers(target, 300 * MANY, 20)
    assert counted["connections that dawdle: ended by the node"] == counted["connections that dawdle: made"]


def test_what_is_no_http_is_answered_and_leaves_no_line_in_the_log(target: flooding.Target) -> None:
    counted = flooding.nonsense(target, 50 * MANY)
    assert counted["requests that are none: answered 400 and closed"] == counted["requests that are none: sent"]
    assert target.process.poll() is None
    target.process.terminate()
    _, said = target.process.communicate(timeout=120)
    assert said == ""
