"""Seeded runs of whole networks: crashes at any step, wires that lose, double and delay, clocks set wrongly, a byzantine validator, an
operator that goes on from an old backup. `TALLYSTICK_DEEP=1` makes hundreds; `found.md` names what they found.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.simulation.running import WORLDS, run

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
SEEDS = range(1, 300 if DEEP else 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("world", WORLDS)
def test_nothing_told_is_lost_and_nothing_is_lent_twice(world: str, seed: int, record_property: Callable[[str, object], None]) -> None:
    counted, _ = run(world, seed)
    for what, number in counted.items():
        record_property(what, number)
    assert counted["crashes"] > 0
    assert counted["lost"] > 0
    assert counted["told ok"] > 0 or world == "restored"


@pytest.mark.parametrize("world", WORLDS)
def test_a_run_happens_again_with_its_seed(world: str) -> None:
    assert run(world, 0) == run(world, 0)
