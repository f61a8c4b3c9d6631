"""Squeezed sequences of records, told to the handlers and to the model: little room, many banks, few declarations, short holds.

The same actions run twice: as rules of a state machine, which shrinks what it finds to a few steps, and as seeded walks, which are
long and many.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.pair import Choose, Item, Pair

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
WALKS, STEPS = (2_000, 200) if DEEP else (60, 120)


def chooser(data: st.DataObject) -> Choose:
    def choose(options: Sequence[Item], /) -> Item:
        return data.draw(st.sampled_from(options))

    return choose


class Financing(RuleBasedStateMachine):
    """One rule for each record; the invariant compares what the handlers and the model say of everything."""

    @initialize()
    def begin(self) -> None:
        self.pair = Pair()

    @rule(data=st.data())
    def another_grant(self, data: st.DataObject) -> None:
        self.pair.another_grant(chooser(data))

    @rule(data=st.data())
    def apply(self, data: st.DataObject) -> None:
        self.pair.apply(chooser(data))

    @rule(data=st.data())
    def apply_and_go_on(self, data: st.DataObject) -> None:
        self.pair.apply(chooser(data))
        self.pair.onward(chooser(data))

    @rule(data=st.data())
    def race(self, data: st.DataObject) -> None:
        self.pair.race(chooser(data))

    @rule(data=st.data())
    def intake(self, data: st.DataObject) -> None:
        self.pair.intake(chooser(data))

    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        self.pair.approve(chooser(data))

    @rule(data=st.data())
    def disburse(self, data: st.DataObject) -> None:
        self.pair.disburse(chooser(data))

    @rule(data=st.data())
    def repay(self, data: st.DataObject) -> None:
        self.pair.repay(chooser(data))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.pair.cancel(chooser(data))

    @rule(data=st.data())
    def collect(self, data: st.DataObject) -> None:
        self.pair.collect(chooser(data))

    @rule(data=st.data())
    def amend_or_void(self, data: st.DataObject) -> None:
        self.pair.amend(chooser(data))
        self.pair.void(chooser(data))

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        self.pair.revoke(chooser(data))

    @rule(data=st.data())
    def wait(self, data: st.DataObject) -> None:
        self.pair.wait(chooser(data))

    @invariant()
    def agree(self) -> None:
        self.pair.agree()


TestFinancing = Financing.TestCase
TestFinancing.settings = settings(max_examples=1_000 if DEEP else 40, stateful_step_count=80 if DEEP else 40)


@pytest.mark.parametrize("seed", range(WALKS))
def test_a_long_walk_keeps_handlers_and_model_together(seed: int) -> None:
    source = random.Random(seed)
    pair = Pair()
    weights = {
        pair.apply: 6,
        pair.race: 3,
        pair.intake: 4,
        pair.approve: 4,
        pair.onward: 3,
        pair.disburse: 5,
        pair.repay: 4,
        pair.cancel: 2,
        pair.collect: 2,
        pair.amend: 3,
        pair.void: 1,
        pair.revoke: 2,
        pair.wait: 3,
        pair.another_grant: 2,
    }
    for action in source.choices(list(weights), list(weights.values()), k=STEPS):
        action(source.choice)
        pair.agree()
