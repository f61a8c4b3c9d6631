"""A bank that was succeeded: its heir acts on what it left, and is the same bank to every rule."""

from __future__ import annotations

from tests.contracts.harness import DAY, A, B, C, World


def left_behind() -> tuple[World, str, str]:
    """A world with a loan of bank A, which B succeeded."""
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 300_000))
    assert world.disburse(financing, [300_000]).code == "ok"
    assert world.succeed(A, B).code == "ok"
    return world, declaration, financing


def test_the_heir_does_all_that_the_lender_could() -> None:
    world = World()
    declaration = world.declaration()
    first = world.approved((world.grant(declaration), 100_000))
    second = world.approved((world.grant(declaration), 100_000))
    third = world.applied((world.grant(declaration), 100_000))
    assert world.succeed(A, B).code == "ok"
    for step in (
        world.disburse(first, [100_000], bank=B),
        world.repay(first, [10_000], bank=B),
        world.write_off(first, [10_000], bank=B),
        world.correct(first, [-10_000], bank=B, authority=True),
        world.transfer(first, C, bank=B),
        world.cancel(second, bank=B),
        world.disburse(second, [100_000], bank=B, authority=True),
        world.intake(third, bank=B),
        world.approve(third, bank=B),
    ):
        assert step.code == "ok"
    assert world.entry("financing", first)["bank"] == A


def test_the_predecessor_does_none_of_it() -> None:
    world, _, financing = left_behind()
    codes = [
        world.repay(financing, [1_000]).code,
        world.write_off(financing, [1_000]).code,
        world.correct(financing, [1_000]).code,
        world.transfer(financing).code,
        world.cancel(financing).code,
        world.disburse(financing, [1_000]).code,
        world.intake(financing).code,
    ]
    assert codes == ["not-permitted"] * 7


def test_neither_takes_over_from_itself() -> None:
    world, declaration, financing = left_behind()
    assert world.transfer(financing, B, bank=B).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, B)], bank=B).code == "not-permitted"
    assert world.take_over(financing, [None], bank=A).code == "not-permitted"
    assert world.transfer(financing, C, bank=B).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, C)], bank=C).code == "ok"


def test_a_predecessor_takes_nothing_over() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(financing, [100_000]).code == "ok"
    grant = world.grant(declaration, B)
    assert world.transfer(financing, B).code == "ok"
    assert world.succeed(B, C).code == "ok"
    assert world.take_over(financing, [grant]).code == "suspended"


def test_an_offer_to_a_bank_that_was_succeeded_is_not_one_to_its_heir() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(financing, [100_000]).code == "ok"
    assert world.transfer(financing, B).code == "ok"
    assert world.succeed(B, C).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, C)], bank=C).code == "commitment-mismatch"
    assert world.transfer(financing, C).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, C)], bank=C).code == "ok"


def test_an_offer_outlives_its_lender_and_may_be_withdrawn_by_the_heir() -> None:
    world = World()
    declaration = world.declaration()
    loans = []
    for _ in range(2):
        loan = world.approved((world.grant(declaration), 100_000))
        assert world.disburse(loan, [100_000]).code == "ok"
        assert world.transfer(loan, C).code == "ok"
        loans.append(loan)
    assert world.succeed(A, B).code == "ok"
    assert world.transfer(loans[0], None, bank=B).code == "ok"
    codes = [world.take_over(loan, [world.grant(declaration, C)], bank=C).code for loan in loans]
    assert codes == ["no-offer", "ok"]


def test_an_heir_keeps_its_own_hold_and_the_one_that_it_inherits_and_gets_no_third() -> None:
    world = World()
    declaration = world.declaration()
    inherited = world.applied((world.grant(declaration, A), 400_000))
    own = world.applied((world.grant(declaration, B), 400_000))
    assert world.succeed(A, B).code == "ok"
    grant = world.grant(declaration, B)
    assert world.apply((grant, 1_000)).code == "too-many-holds"
    assert world.amend(declaration, 700_000).code == "ok"
    assert world.intake(own, bank=B).code == "exceeds-available"
    assert world.intake(inherited, bank=B).code == "ok"
    assert world.cancel(own, bank=B).code == "ok"
    assert world.apply((grant, 1_000)).code == "too-many-holds"
    assert world.approve(inherited, bank=B).code == "ok"
    assert world.apply((grant, 1_000)).code == "ok"


def test_an_inherited_hold_that_has_lapsed_stops_nothing() -> None:
    world = World()
    declaration = world.declaration()
    world.applied((world.grant(declaration), 400_000))
    assert world.succeed(A, B).code == "ok"
    world.time += DAY
    assert world.apply((world.grant(declaration, B), 1_000_000)).code == "ok"


def test_heirs_of_heirs_are_the_same_bank_too() -> None:
    world, declaration, financing = left_behind()
    assert world.succeed(B, C).code == "ok"
    assert world.repay(financing, [1_000], bank=B).code == "not-permitted"
    assert world.repay(financing, [1_000], bank=C).code == "ok"
    assert world.transfer(financing, C, bank=C).code == "ok"
    assert world.take_over(financing, [world.grant(declaration, C)], bank=C).code == "not-permitted"
