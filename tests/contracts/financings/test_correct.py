"""Correcting what was recorded as drawn: downwards, or beyond what was committed or is available, only with the authority."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import queries
from contracts.shares import RATIO_ONE, WHOLE
from tests.contracts.harness import AUTHORITY, A, B, World, name, one, two


def disbursed(share: int = 100_000, ceiling_ppm: int = WHOLE, committed: int | None = None) -> tuple[World, str, str]:
    """A share drawn, of one of the same size that was committed, or of a larger one."""
    world = World()
    declaration = world.declaration(ceiling_ppm=ceiling_ppm)
    financing = world.approved((world.grant(declaration), committed or share))
    assert world.disburse(financing, [share]).code == "ok"
    return world, declaration, financing


def line_of(world: World, financing: str, index: int = 0) -> tuple[int, int, int]:
    line = world.entry("financing", financing)["lines"][index]
    return line["was"], line["drawn"], line["lost"]


def test_guards_come_in_their_order() -> None:
    world, _, financing = disbursed()
    body = {"financing": financing, "shares": [-1, -1]}
    assert world.run("financing.correct", {**body, "financing": name("none")}, one(B)).code == "unknown-financing"
    assert world.run("financing.correct", body, one(B)).code == "not-permitted"
    assert world.run("financing.correct", body, two(A) + one(B)).code == "not-permitted"
    assert world.run("financing.correct", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.correct", body, one(A) + one(AUTHORITY)).code == "second-signature-missing"
    assert world.correct(financing, [-1, -1]).code == "second-signature-missing"
    other = world.applied((world.grant(world.declaration("e")), 1_000))
    assert world.correct(other, [-1, -1]).code == "second-signature-missing"
    assert world.correct(other, [-1, -1], authority=True).code == "wrong-state"
    assert world.correct(financing, [-1, -1], authority=True).code == "malformed"
    assert world.correct(financing, [0], authority=True).code == "malformed"


@pytest.mark.parametrize(("delta", "authority", "code"), [
    (-1_000, False, "second-signature-missing"),
    (-1_000, True, "ok"),
    (-100_000, True, "ok"),
    (-100_001, True, "exceeds-drawn"),
    (-999, True, "not-in-steps"),
    (1_000, False, "ok"),
    (999, False, "not-in-steps"),
    (400_000, False, "ok"),
    (401_000, False, "second-signature-missing"),
    (401_000, True, "ok"),
    (901_000, False, "second-signature-missing"),
    (901_000, True, "ok"),
    (901_001, True, "not-in-steps"),
])  # fmt: skip
def test_the_authority_signs_what_frees_and_what_exceeds(delta: int, authority: bool, code: str) -> None:
    world, declaration, financing = disbursed(committed=500_000)
    assert world.correct(financing, [delta], authority=authority).code == code
    assert world.entry("declaration", declaration)["drawn"] == 100_000 + (delta if code == "ok" else 0)


def test_a_lender_alone_brings_a_line_to_what_was_committed_for_it_and_no_further() -> None:
    world, _, financing = disbursed(100_000, committed=150_000)
    assert world.repay(financing, [30_000]).code == "ok"
    assert world.write_off(financing, [20_000]).code == "ok"
    assert line_of(world, financing) == (150_000, 50_000, 20_000)
    assert world.correct(financing, [81_000]).code == "second-signature-missing"
    assert world.correct(financing, [80_000]).code == "ok"
    assert world.correct(financing, [1_000]).code == "second-signature-missing"
    assert line_of(world, financing) == (150_000, 130_000, 20_000)


def test_what_the_authority_signed_for_counts_as_committed_from_then_on() -> None:
    world, _, financing = disbursed()
    assert world.correct(financing, [200_000], authority=True).code == "ok"
    assert line_of(world, financing) == (300_000, 300_000, 0)
    assert world.correct(financing, [-50_000], authority=True).code == "ok"
    assert world.correct(financing, [51_000]).code == "second-signature-missing"
    assert world.correct(financing, [50_000]).code == "ok"


def test_what_was_committed_for_a_line_is_carried_with_it() -> None:
    world, declaration, financing = disbursed(100_000, committed=200_000)
    assert world.replace("new", (declaration, 2 * RATIO_ONE)).code == "ok"
    assert line_of(world, financing) == (400_000, 200_000, 0)
    assert world.correct(financing, [201_000]).code == "second-signature-missing"
    assert world.correct(financing, [200_000]).code == "ok"


def test_what_was_taken_over_is_what_is_committed_with_the_next_lender() -> None:
    world, declaration, financing = disbursed(100_000, committed=200_000)
    assert world.transfer(financing, B).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, B)]).code == "ok"
    assert world.correct(world.last, [1_000], bank=B).code == "second-signature-missing"


def test_what_was_committed_went_to_the_next_lender_and_the_one_before_corrects_nothing_upwards_alone() -> None:
    world, declaration, financing = disbursed(100_000)
    assert world.write_off(financing, [20_000]).code == "ok"
    assert world.transfer(financing, B).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, B)]).code == "ok"
    assert line_of(world, financing) == (100_000, 0, 20_000)
    assert world.correct(financing, [1_000]).code == "second-signature-missing"
    assert world.correct(financing, [1_000], authority=True).details["state"] == "REPAYING"


def test_a_lender_that_may_start_nothing_corrects_nothing_upwards_by_itself() -> None:
    world, _, financing = disbursed(committed=200_000)

    def alone_and_with_the_authority() -> list[str]:
        return [world.correct(financing, [1_000], authority=authority).code for authority in (False, True)]

    world.stop(A, "suspended")
    assert alone_and_with_the_authority() == ["second-signature-missing", "ok"]
    assert world.reinstate(A).code == "ok"
    for kind, thing in (("member", A), ("financing", financing)):
        order = world.freeze(kind, thing)
        assert alone_and_with_the_authority() == ["second-signature-missing", "ok"]
        assert world.lift(order).code == "ok"
    assert alone_and_with_the_authority() == ["ok", "ok"]


def test_a_correction_both_ways_needs_the_authority_whatever_it_comes_out_at() -> None:
    world = World()
    financing = world.approved(*[(world.grant(world.declaration(label)), 100_000) for label in ("d", "e")])
    assert world.disburse(financing, [100_000, 100_000]).code == "ok"
    assert world.correct(financing, [50_000, -50_000]).code == "second-signature-missing"
    assert world.correct(financing, [50_000, -50_000], authority=True).code == "ok"
    assert (line_of(world, financing, 0)[1], line_of(world, financing, 1)[1]) == (150_000, 50_000)


def test_exactly_what_is_left_may_be_added_though_it_is_odd() -> None:
    world, _, financing = disbursed(100_000, 777_777, committed=777_777)
    assert world.correct(financing, [677_776]).code == "not-in-steps"
    assert world.correct(financing, [677_777]).code == "ok"
    assert line_of(world, financing) == (777_777, 777_777, 0)


@pytest.mark.parametrize("closed", ["void", "frozen", "too old"])
def test_nothing_is_available_of_what_is_closed_so_the_authority_signs(closed: str) -> None:
    world, declaration, financing = disbursed(committed=200_000)
    if closed == "void":
        assert world.void(declaration).code == "ok"
    elif closed == "frozen":
        world.freeze("declaration", declaration)
    else:
        world.time = world.entry("declaration", declaration)["until"]
    assert world.correct(financing, [1_000]).code == "second-signature-missing"
    assert world.correct(financing, [1_000], authority=True).code == "ok"


def test_a_correction_leaves_the_holds_of_others_their_room_unless_the_authority_signs() -> None:
    world, declaration, financing = disbursed(committed=300_000)
    hold = world.applied((world.grant(declaration, B), 850_000))
    assert world.correct(financing, [51_000]).code == "second-signature-missing"
    assert world.correct(financing, [50_000]).code == "ok"
    assert world.intake(hold, bank=B).code == "ok"
    assert world.correct(financing, [1_000], authority=True).code == "ok"
    assert world.approve(hold, bank=B).code == "exceeds-available"


def test_a_loan_that_never_was_is_cancelled_for_good() -> None:
    world, declaration, financing = disbursed()
    result = world.correct(financing, [-100_000], authority=True)
    assert (result.details["state"], result.details["flags"]) == ("CANCELLED", ["CORRECTED"])
    assert queries.available(world.state, declaration, world.time) == WHOLE
    assert world.disburse(financing, [1_000], authority=True).code == "exceeds-hold"
    assert world.correct(financing, [1_000], authority=True).code == "wrong-state"


def test_what_was_repaid_in_part_and_is_corrected_to_nothing_is_paid_off_and_may_be_corrected_back() -> None:
    world, _, financing = disbursed()
    assert world.repay(financing, [40_000]).code == "ok"
    assert world.correct(financing, [-60_000], authority=True).details["state"] == "PAID_OFF"
    assert world.correct(financing, [60_000]).details["state"] == "REPAYING"
    assert world.correct(financing, [-1_000], authority=True).details["state"] == "REPAYING"


def test_with_nothing_drawn_and_something_lost_it_is_written_off() -> None:
    world, _, financing = disbursed()
    assert world.write_off(financing, [60_000]).code == "ok"
    assert world.correct(financing, [-39_000], authority=True).details["state"] == "DISBURSED"
    assert world.correct(financing, [-1_000], authority=True).details["state"] == "WRITTEN_OFF"
    assert line_of(world, financing) == (100_000, 0, 60_000)
    assert world.correct(financing, [-1_000], authority=True).code == "exceeds-drawn"
    assert world.correct(financing, [40_000]).details["state"] == "REPAYING"
    assert line_of(world, financing) == (100_000, 40_000, 60_000)


def test_a_line_that_got_no_hold_is_not_corrected_into_a_loan() -> None:
    world = World()
    good, bad = world.grant(world.declaration("d")), world.grant(world.declaration("e"), maximum=1_000)
    financing = world.applied((good, 100_000), (bad, 2_000), mode="partial")
    for step in (world.intake(financing), world.approve(financing), world.disburse(financing, [100_000, 0])):
        assert step.code == "ok"
    assert world.correct(financing, [0, 1_000], authority=True).code == "malformed"
    assert world.correct(financing, [1_000, 0], authority=True).code == "ok"


def test_lines_are_judged_one_after_the_other() -> None:
    world = World()
    good, bad = world.grant(world.declaration("d")), world.grant(world.declaration("e"), maximum=1_000)
    financing = world.applied((good, 100_000), (bad, 2_000), mode="partial")
    for step in (world.intake(financing), world.approve(financing), world.disburse(financing, [100_000, 0])):
        assert step.code == "ok"
    assert world.correct(financing, [999, 1_000], authority=True).code == "not-in-steps"
    assert world.correct(financing, [-100_001, 1_000], authority=True).code == "exceeds-drawn"
    assert world.correct(financing, [-100_000, 1_000], authority=True).code == "malformed"


def test_a_line_that_a_review_let_go_may_turn_out_to_be_drawn() -> None:
    world = World()
    lines = [(world.grant(world.declaration(label)), 100_000) for label in ("d", "e")]
    financing = world.applied(*lines)
    for step in (world.intake(financing, [100_000, 0]), world.approve(financing), world.disburse(financing, [100_000, 0])):
        assert step.code == "ok"
    assert world.correct(financing, [-100_000, 100_000], authority=True).details["state"] == "DISBURSED"
    assert line_of(world, financing, 1) == (100_000, 100_000, 0)
    assert world.entry("declaration", lines[1][0].opening["declaration"])["drawers"] == [financing]


def test_a_correction_may_exceed_its_grant_because_the_money_has_left() -> None:
    world = World()
    grant = world.grant(world.declaration(), maximum=100_000)
    financing = world.approved((grant, 100_000))
    assert world.disburse(financing, [100_000]).code == "ok"
    assert world.correct(financing, [1_000], authority=True).code == "ok"
    assert world.apply((grant, 1_000)).code == "exceeds-grant"


def test_neither_a_suspension_nor_an_order_stops_it() -> None:
    world, _, financing = disbursed()
    world.freeze("financing", financing)
    world.stop(A, "frozen")
    assert world.correct(financing, [-1_000], authority=True).code == "ok"


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_without_the_authority_nothing_becomes_available_and_nothing_is_overused(deltas: list[int]) -> None:
    world, declaration, financing = disbursed(400_000, committed=900_000)
    left = queries.available(world.state, declaration, world.time)
    for delta in deltas:
        world.correct(financing, [delta * 150_000])
        now = queries.available(world.state, declaration, world.time)
        assert now <= left
        assert queries.status(world.state, declaration, world.time) == "REGISTERED"
        left = now
    assert line_of(world, financing)[0] == 900_000
