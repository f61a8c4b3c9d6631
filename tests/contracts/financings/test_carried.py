"""Financings whose declarations were replaced: two lines on one declaration, and lines that stayed behind until somebody touched them."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import queries
from contracts.shares import RATIO_ONE, WHOLE
from tests.contracts.harness import AUTHORITY, A, B, Grant, World, name

HALF, DOUBLE, THIRD = RATIO_ONE // 2, 2 * RATIO_ONE, 333_333_334


def two_lines(*, disbursed: bool = True, share: int = 300_000) -> tuple[World, str, str]:
    """A financing whose two declarations have become one, so that both of its lines are on that."""
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    lines = ((world.grant(d), share), (world.grant(e), share))
    financing = world.approved(*lines) if disbursed else world.applied(*lines)
    if disbursed:
        assert world.disburse(financing, [share, share]).code == "ok"
    assert world.replace("merged", (d, RATIO_ONE), (e, RATIO_ONE)).code == "ok"
    return world, financing, name("merged")


def lines_of(world: World, financing: str, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(line[key] for key in keys) for line in world.entry("financing", financing)["lines"]]


def test_two_lines_on_one_declaration_are_reviewed_one_after_the_other() -> None:
    world, financing, merged = two_lines(disbursed=False)
    assert world.amend(merged, 500_000).code == "ok"
    result = world.intake(financing)
    assert (result.code, result.details["left"]) == ("exceeds-available", 200_000)
    assert world.intake(financing, [300_000, 200_000]).code == "ok"
    assert world.approve(financing).code == "ok"
    assert world.entry("declaration", merged)["committed"][1]["share"] == 200_000
    assert queries.available(world.state, merged, world.time) == 0


def test_of_two_lines_what_the_first_lets_go_is_room_for_the_second() -> None:
    world, financing, merged = two_lines(disbursed=False)
    assert world.amend(merged, 400_000).code == "ok"
    assert world.intake(financing, [101_000, 300_000]).code == "exceeds-available"
    assert world.intake(financing, [100_000, 300_000]).code == "ok"
    assert world.approve(financing, [100_000, 300_000]).code == "ok"


def test_each_of_two_lines_is_drawn_and_let_go_by_itself() -> None:
    world, financing, merged = two_lines(disbursed=False)
    assert world.intake(financing).code == "ok"
    assert world.approve(financing).code == "ok"
    assert world.disburse(financing, [100_000, 0], final=False).code == "ok"
    assert [item["share"] for item in world.entry("declaration", merged)["committed"]] == [200_000, 300_000]
    assert world.disburse(financing, [0, 300_000], final=False).code == "ok"
    assert world.disburse(financing, [0, 0], final=True).details["state"] == "DISBURSED"
    assert lines_of(world, financing, "held", "drawn") == [(0, 100_000), (0, 300_000)]


def test_a_declaration_forgets_a_drawer_only_with_its_last_line() -> None:
    world, financing, merged = two_lines()
    assert world.repay(financing, [300_000, 0]).code == "ok"
    assert world.entry("declaration", merged)["drawers"] == [financing]
    assert world.repay(financing, [0, 300_000]).code == "ok"
    assert world.entry("declaration", merged)["drawers"] == []


def test_one_collection_repays_two_lines_of_one_declaration() -> None:
    world, financing, merged = two_lines()
    assert world.collect(merged, 600_000).code == "ok"
    collection = world.last
    assert world.repay(financing, [300_000, 300_000], [(collection, 500_000)]).code == "malformed"
    assert world.repay(financing, [300_000, 300_000], [(collection, 600_000)]).details["state"] == "PAID_OFF"


def test_what_two_lines_are_corrected_by_is_weighed_together() -> None:
    world, financing, merged = two_lines(disbursed=False, share=400_000)
    for step in (world.intake(financing), world.approve(financing), world.disburse(financing, [100_000, 100_000])):
        assert step.code == "ok"
    world.applied((world.grant(merged, B), 400_000))
    assert world.correct(financing, [200_000, 201_000]).code == "second-signature-missing"
    assert world.correct(financing, [200_000, 200_000]).code == "ok"


def test_taking_over_two_lines_of_one_declaration_takes_an_opening_for_each() -> None:
    world, financing, merged = two_lines()
    assert world.transfer(financing).code == "ok"
    small, once = world.grant(merged, B, maximum=599_000), world.grant(merged, B, uses=1)
    assert world.take_over(financing, [small, None]).code == "malformed"
    assert world.take_over(financing, [small, small]).code == "exceeds-grant"
    assert world.take_over(financing, [once, once]).code == "grant-used-up"
    before = world.entry("declaration", merged)["drawn"]
    assert world.take_over(financing, [once, small]).code == "ok"
    assert world.entry("declaration", merged)["drawn"] == before == 600_000
    assert world.repay(world.last, [300_000, 0], bank=B).code == "ok"


def test_one_grant_with_two_uses_covers_two_lines_as_far_as_its_maximum_goes() -> None:
    world, financing, merged = two_lines()
    assert world.transfer(financing).code == "ok"
    grant = world.grant(merged, B, maximum=600_000, uses=3)
    assert world.take_over(financing, [grant, grant]).code == "ok"
    assert world.apply((grant, 1_000)).code == "exceeds-grant"


def test_a_line_is_taken_over_under_a_grant_for_the_declaration_that_it_is_on_now() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 300_000))
    assert world.disburse(financing, [300_000]).code == "ok"
    former = world.grant(declaration, B)
    assert world.transfer(financing).code == "ok"
    assert world.replace("next", (declaration, THIRD)).code == "ok"
    assert lines_of(world, financing, "declaration", "drawn") == [(name("next"), 100_001)]
    assert world.take_over(financing, [former]).code == "malformed"
    assert world.take_over(financing, [world.grant(name("next"), B)]).code == "ok"
    loan = world.last
    assert world.replace("last", (name("next"), DOUBLE)).code == "ok"
    assert lines_of(world, loan, "declaration", "drawn") == [(name("last"), 200_002)]
    assert lines_of(world, financing, "drawn") == [(0,)]
    assert world.repay(loan, [200_002], bank=B).details["state"] == "PAID_OFF"


def cancelled(ratio: int = DOUBLE) -> tuple[World, str, str]:
    """An approval cancelled before its declaration was replaced: nothing of it is used, so it stayed behind."""
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 100_000))
    assert world.cancel(financing).code == "ok"
    assert world.replace("next", (declaration, ratio)).code == "ok"
    assert lines_of(world, financing, "declaration", "was") == [(declaration, 100_000)]
    return world, financing, name("next")


@pytest.mark.parametrize(("share", "code"), [(200_000, "ok"), (201_000, "exceeds-hold"), (199_999, "not-in-steps"), (1_000, "ok")])
def test_a_late_disbursement_is_drawn_on_the_successor_up_to_what_was_let_go(share: int, code: str) -> None:
    world, financing, successor = cancelled()
    assert world.disburse(financing, [share], authority=True).code == code
    if code == "ok":
        assert world.entry("declaration", successor)["drawn"] == share
        assert world.entry("declaration", successor)["drawers"] == [financing]
        assert world.entry("financing", financing)["flags"] == ["LATE", "MOVED"]


def test_a_late_disbursement_follows_to_the_last_successor() -> None:
    world, financing, successor = cancelled(THIRD)
    other = world.declaration("other")
    assert world.void(successor, other, THIRD).code == "ok"
    assert world.disburse(financing, [11_112], authority=True).code == "ok"
    assert lines_of(world, financing, "declaration", "was", "drawn") == [(other, 11_112, 11_112)]


def test_however_large_a_successor_makes_it_what_was_let_go_can_be_written_down() -> None:
    world, financing, successor = cancelled(10**12)
    for number in range(5):
        label = f"larger {number}"
        assert world.replace(label, (successor, 10**12)).code == "ok"
        successor = name(label)
    assert world.disburse(financing, [10**13], authority=True).code == "ok"
    assert world.entry("declaration", successor)["drawn"] == 10**13


def test_corrections_beyond_all_reason_are_refused_before_they_break_anything() -> None:
    world, financing, _ = cancelled(10**12)
    assert world.disburse(financing, [1_000], authority=True).code == "ok"
    codes = [world.correct(financing, [10**13], authority=True).code for _ in range(902)]
    assert codes == ["ok"] * codes.index("malformed") + ["malformed"] * (902 - codes.index("malformed"))


def test_a_line_that_got_no_hold_names_no_declaration_to_follow() -> None:
    world = World()
    declaration = world.declaration()
    grant = world.grant(declaration)
    unknown = Grant(A, {**grant.opening, "declaration": name("none")})
    financing = world.applied((grant, 100_000), (unknown, 100_000), mode="partial")
    for step in (world.intake(financing), world.approve(financing), world.cancel(financing)):
        assert step.code == "ok"
    assert world.disburse(financing, [0, 1_000], authority=True).code == "exceeds-hold"
    assert world.disburse(financing, [100_000, 0], authority=True).code == "ok"
    assert world.correct(financing, [0, 1_000], authority=True).code == "malformed"


def test_what_was_paid_off_before_a_replacement_is_corrected_on_the_successor() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 400_000))
    assert world.disburse(financing, [400_000]).code == "ok"
    assert world.repay(financing, [400_000]).details["state"] == "PAID_OFF"
    assert world.replace("next", (declaration, HALF)).code == "ok"
    full = world.approved((world.grant(name("next")), 900_000))
    assert world.disburse(full, [900_000]).code == "ok"
    assert world.correct(financing, [101_000]).code == "second-signature-missing"
    result = world.correct(financing, [100_000])
    assert (result.details["state"], result.details["flags"]) == ("REPAYING", ["CORRECTED", "MOVED"])
    assert lines_of(world, financing, "declaration", "was", "drawn") == [(name("next"), 200_000, 100_000)]


def test_one_line_that_stayed_behind_joins_the_other_on_the_same_declaration() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    financing = world.approved((world.grant(d), 200_000), (world.grant(e), 200_000))
    assert world.disburse(financing, [200_000, 200_000]).code == "ok"
    assert world.repay(financing, [200_000, 0]).code == "ok"
    assert world.void(d, e).code == "ok"
    assert lines_of(world, financing, "declaration") == [(d,), (e,)]
    assert world.correct(financing, [50_000, 0]).details["flags"] == ["CORRECTED", "MOVED"]
    assert lines_of(world, financing, "declaration", "drawn") == [(e, 50_000), (e, 200_000)]
    assert world.repay(financing, [0, 200_000]).code == "ok"
    assert world.entry("declaration", e)["drawers"] == [financing]


def test_what_was_lost_moves_too_and_stays_used() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 300_000))
    assert world.disburse(financing, [300_000]).code == "ok"
    assert world.write_off(financing, [300_000]).code == "ok"
    assert world.replace("next", (declaration, THIRD)).code == "ok"
    assert queries.available(world.state, name("next"), world.time) == WHOLE - 100_001
    assert world.write_off(financing, [-100_000]).code == "ok"
    assert world.write_off(financing, [-1]).code == "ok"
    assert lines_of(world, financing, "drawn", "lost") == [(100_001, 0)]


def test_a_replaced_declaration_takes_no_loan() -> None:
    world = World()
    declaration = world.declaration()
    grant = world.grant(declaration)
    assert world.replace("next", (declaration, RATIO_ONE)).code == "ok"
    assert world.load((grant, 1_000)).code == "replaced"


def test_a_carried_hold_of_the_same_bank_stops_another_application() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    first, second = world.applied((world.grant(d), 300_000)), world.applied((world.grant(e), 300_000))
    assert world.void(d, e).code == "ok"
    assert world.apply((world.grant(e), 1_000)).code == "too-many-holds"
    assert world.cancel(first).code == "ok"
    assert world.apply((world.grant(e), 1_000)).code == "too-many-holds"
    assert world.intake(second).code == "ok"


def test_a_revoked_consent_lets_go_only_its_own_of_two_lines_on_one_declaration() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    mine = world.grant(d)
    financing = world.applied((mine, 300_000), (world.grant(e), 200_000))
    assert world.void(d, e).code == "ok"
    assert world.revoke(mine.opening["consent"]).code == "ok"
    assert [hold["share"] for hold in world.entry("declaration", e)["holds"]] == [200_000]
    assert world.intake(financing).code == "ok"


def test_an_order_on_the_old_declaration_stops_a_take_over_on_the_new_one() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 300_000))
    assert world.disburse(financing, [300_000]).code == "ok"
    assert world.transfer(financing).code == "ok"
    order = world.freeze("declaration", declaration)
    assert world.replace("next", (declaration, RATIO_ONE)).code == "ok"
    grant = world.grant(name("next"), B)
    assert world.take_over(financing, [grant]).code == "frozen"
    assert world.lift(order, AUTHORITY).code == "ok"
    assert world.take_over(financing, [grant]).code == "ok"
