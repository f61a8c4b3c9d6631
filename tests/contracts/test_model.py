"""Squeezed sequences of records, told to the handlers and to the model: little room, many banks, few declarations, short holds.

The same actions run twice: as rules of a state machine, which shrinks what it finds to a few steps, and as seeded walks, which are
long and many. Both are the same in every run; `TALLYSTICK_DEEP=1` makes them 10,000 walks, and lets Hypothesis search at random.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.pairing import Choose, Item, Pair
from tests.contracts.walks import WEIGHTS, fresh_pair, walk

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
PARTS, WALKS, STEPS = (100, 100, 100) if DEEP else (24, 8, 100)


def chooser(data: st.DataObject) -> Choose:
    def choose(options: Sequence[Item], /) -> Item:
        return data.draw(st.sampled_from(options))

    return choose


class Machine(RuleBasedStateMachine):
    """A network in which anything may happen. The invariant compares what the handlers and the model say of everything."""

    pair: Pair

    @initialize()
    def begin(self) -> None:
        self.pair = fresh_pair()

    @rule()
    def end_of_block(self) -> None:
        self.pair.close()

    @invariant()
    def no_money_is_lent_twice(self) -> None:
        self.pair.ghost.check_lines()


def as_rule(action: Callable[[Pair, Choose], None]) -> Callable[[Machine, st.DataObject], None]:
    def taken(machine: Machine, data: st.DataObject) -> None:
        action(machine.pair, chooser(data))

    taken.__name__ = action.__name__
    return taken


for each in WEIGHTS:
    setattr(Machine, each.__name__, rule(data=st.data())(as_rule(each)))
TestFinancing = Machine.TestCase
TestFinancing.settings = settings(max_examples=1_000 if DEEP else 60, stateful_step_count=60 if DEEP else 40)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_long_walk_keeps_handlers_and_model_together(part: int, record_property: Callable[[str, object], None]) -> None:
    records = 0
    for seed in range(part * WALKS, (part + 1) * WALKS):
        records += walk(fresh_pair(), seed, STEPS).codes.total()
    record_property("records", records)
    assert records > WALKS * STEPS
