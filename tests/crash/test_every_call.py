"""A sample of `running`: each story hindered in each manner at some of its system calls, and without its power after some."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.conftest import DEEP
from tests.crash.every_call import MANNERS, hindered, run
from tests.crash.lost_writes import power_lost
from tests.crash.stories import STORIES
from tests.crash.tracing import MISSING, hindrance

RUNS = 100_000 if DEEP else 4
MOMENT_STEP = 1 if DEEP else 97


@pytest.fixture(autouse=True)
def strace() -> None:
    """`CI=true` takes no excuse but that tracing is forbidden."""
    why = hindrance()
    assert why != MISSING or os.environ.get("CI") != "true", why
    if why:
        pytest.skip(why)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("story", STORIES)
def test_whatever_call_a_ledger_is_stopped_or_hindered_at_it_is_right_and_goes_on(story: str, manner: str) -> None:
    calls = hindered(story, manner)
    step = max(1, len(calls) // RUNS)
    counts = sum((run(story, manner, call) for call in calls[step // 2 :: step]), Counter[str]())
    assert counts["calls"] >= min(RUNS, len(calls))
    assert counts["ended: killed"] == (counts["calls"] if manner == "kill" else 0)


@pytest.mark.parametrize("story", STORIES)
def test_without_power_nothing_is_lost_that_was_acknowledged(story: str) -> None:
    counts = power_lost(story, 1, 2, one_by_one=DEEP, step=MOMENT_STEP)
    assert counts["moments"] > 2
    assert counts["records acknowledged"] > 20
