"""The formulas over shares."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from contracts import shares
from contracts.shares import STEP, WHOLE

AMOUNTS = st.integers(1, 10**15)


@given(st.integers(0, 10 * WHOLE))
def test_steps_enclose_a_share(share: int) -> None:
    low, high = shares.floor_to_step(share), shares.ceil_to_step(share)
    assert low <= share <= high
    assert high - low == (0 if share % STEP == 0 else STEP)


@given(AMOUNTS, AMOUNTS)
def test_a_use_is_rounded_up_and_what_frees_is_rounded_down(amount: int, registered: int) -> None:
    exact = Fraction(amount * WHOLE, registered)
    use, free = shares.share_of_amount(amount, registered), shares.freed_by_amount(amount, registered)
    assert free <= exact <= use
    assert use % STEP == free % STEP == 0
    assert use - exact < STEP
    assert exact - free < STEP


def test_the_whole_amount_takes_the_whole() -> None:
    assert shares.share_of_amount(3_625_000, 3_625_000) == WHOLE
    assert shares.share_of_amount(1, 3_625_000) == STEP


def test_a_ceiling_is_rounded_down_and_never_negative() -> None:
    assert shares.ceiling(333_333, WHOLE, 1) == 333_332
    assert shares.ceiling(WHOLE, 500_000, 600_000) == 0
    assert shares.ceiling(800_000, 1_234_567, 0) == 987_653


def test_what_is_available_is_never_negative() -> None:
    assert shares.available(100, shares.used(drawn=50, lost=10, committed=30, held=20)) == 0
    assert shares.available(100, shares.used(drawn=50, lost=10, committed=30, held=5)) == 5


def test_room_leaves_younger_holds_out() -> None:
    assert shares.room(WHOLE, drawn=100_000, lost=50_000, committed=200_000, older_held=300_000) == 350_000
    assert shares.room(WHOLE, drawn=WHOLE, lost=1, committed=0, older_held=0) == 0


def test_in_steps_is_a_multiple_or_exactly_the_whole() -> None:
    assert shares.in_steps(5_000, 777_777)
    assert shares.in_steps(777_777, 777_777)
    assert not shares.in_steps(777_776, 777_777)
