"""Intake and approval: everything is checked again, just before money moves."""

from __future__ import annotations

import pytest

from contracts import queries
from contracts.shares import WHOLE
from tests.contracts.harness import DAY, A, B, World, name, one, signer, two


def applied(share: int = 100_000) -> tuple[World, str, str]:
    world = World()
    declaration = world.declaration()
    return world, declaration, world.applied((world.grant(declaration), share))


def test_an_unknown_financing_is_named_before_anything_else() -> None:
    world = World()
    for code in (
        world.intake(name("none"), bank="stranger").code,
        world.approve(name("none")).code,
        world.disburse(name("none"), [1]).code,
        world.repay(name("none"), [1]).code,
        world.cancel(name("none")).code,
    ):
        assert code == "unknown-financing"


def test_an_approval_needs_two_people() -> None:
    world, _, financing = applied()
    world.intake(financing)
    body = {"financing": financing, "shares": None}
    assert world.run("financing.approve", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.approve", body, (signer(A, "make", "li"), signer(A, "make", "wang"))).code == "second-signature-missing"
    assert world.run("financing.approve", body, (signer(A, "make", "li"), signer(A, "check", "li"))).code == "same-person"
    assert world.run("financing.approve", body, (signer(A, "make", "li"), signer(B, "check", "wang"))).code == "not-permitted"
    assert world.run("financing.approve", body, tuple(reversed(two(A)))).code == "ok"


@pytest.mark.parametrize("status", ["suspended", "frozen"])
def test_a_suspended_or_frozen_lender_takes_in_and_approves_nothing(status: str) -> None:
    world, _, financing = applied()
    world.stop(A, status)
    assert world.intake(financing).code == status
    assert world.approve(financing).code == status
    assert world.cancel(financing).code == "ok"


def test_guards_come_before_state_and_state_before_frozen() -> None:
    world, _, financing = applied()
    world.freeze("financing", financing)
    assert world.run("financing.approve", {"financing": financing, "shares": None}, one(A)).code == "second-signature-missing"
    assert world.approve(financing).code == "wrong-state"
    assert world.intake(financing).code == "frozen"


@pytest.mark.parametrize(("field", "value", "code"), [
    ("frozen", [name("order")], "frozen"),
    ("replaced_by", {"declaration": name("heir"), "ratio": 10**9}, "replaced"),
    ("void", "error", "void"),
    ("until", 0, "too-old"),
])  # fmt: skip
@pytest.mark.parametrize("approves", [False, True])
def test_a_kept_line_is_checked_again(field: str, value: object, code: str, approves: bool) -> None:
    world, declaration, financing = applied()
    if approves:
        assert world.intake(financing).code == "ok"
    world.edit(f"declaration/{declaration}", **{field: value})
    assert (world.approve(financing) if approves else world.intake(financing)).code == code


def test_a_consent_that_is_revoked_stops_a_review_even_where_a_hold_stood_on() -> None:
    world, _, financing = applied()
    consent = world.entry("financing", financing)["lines"][0]["consent"]
    world.edit(f"consent/{consent}", revoked=True)
    assert world.intake(financing).code == "consent-revoked"


def test_the_end_of_grant_and_consent_does_not_stop_an_application_that_spent_its_use() -> None:
    world = World()
    declaration = world.declaration()
    consent = world.consent(not_after=world.time + 10)
    financing = world.applied((world.grant(declaration, uses=1, end=world.time + 10, consent=consent), 100_000))
    world.time += 10
    assert world.intake(financing).code == "ok"
    assert world.approve(financing).code == "ok"


def test_the_older_of_two_holders_wins_after_an_amendment() -> None:
    world = World()
    declaration = world.declaration()
    older = world.applied((world.grant(declaration, A), 600_000))
    younger = world.applied((world.grant(declaration, B), 400_000))
    assert world.amend(declaration, 700_000).code == "ok"
    result = world.intake(younger, bank=B)
    assert (result.code, result.details["left"]) == ("exceeds-available", 100_000)
    assert world.intake(older).code == "ok"
    assert world.approve(older).code == "ok"
    assert world.intake(younger, [100_000], bank=B).code == "ok"
    assert world.approve(younger, bank=B).code == "ok"


def test_of_two_in_one_block_the_first_is_older() -> None:
    world = World()
    declaration = world.declaration()
    mine, theirs = world.grant(declaration, A), world.grant(declaration, B)
    assert world.apply((mine, 500_000), position=7).code == "ok"
    first = world.last
    assert world.apply((theirs, 500_000), position=8).code == "ok"
    second = world.last
    world.amend(declaration, 500_000)
    assert world.intake(second, bank=B).code == "exceeds-available"
    assert world.intake(first).code == "ok"


def test_a_younger_approval_counts_against_an_older_hold() -> None:
    world = World()
    declaration = world.declaration()
    older = world.applied((world.grant(declaration, A), 500_000))
    younger = world.applied((world.grant(declaration, B), 500_000))
    assert (world.intake(younger, bank=B).code, world.approve(younger, bank=B).code) == ("ok", "ok")
    world.amend(declaration, 800_000)
    assert world.intake(older).code == "exceeds-available"
    assert world.intake(older, [300_000]).code == "ok"


def test_a_lapsed_older_hold_counts_no_more() -> None:
    world = World()
    declaration = world.declaration()
    world.applied((world.grant(declaration, A), 500_000), hold_ms=10)
    younger = world.applied((world.grant(declaration, B), 500_000))
    world.amend(declaration, 500_000)
    assert world.intake(younger, bank=B).code == "exceeds-available"
    world.time += 10
    assert world.intake(younger, bank=B).code == "ok"


def test_lines_are_kept_in_part_or_let_go_and_the_rest_is_free_at_once() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    financing = world.applied((world.grant(d), 100_000), (world.grant(e), 200_000))
    assert world.intake(financing, [0, 150_000]).details["state"] == "IN_REVIEW"
    assert queries.available(world.state, d, world.time) == WHOLE
    assert queries.available(world.state, e, world.time) == 850_000
    assert world.approve(financing, [0, 50_000]).code == "ok"
    assert queries.available(world.state, e, world.time) == 950_000
    assert [(line["held"], line["was"]) for line in world.entry("financing", financing)["lines"]] == [(0, 0), (50_000, 50_000)]


@pytest.mark.parametrize(("kept", "code"), [
    ([101_000], "exceeds-hold"),
    ([99_999], "not-in-steps"),
    ([0], "malformed"),
    ([100_000, 0], "malformed"),
    ([100_000], "ok"),
    ([1_000], "ok"),
])  # fmt: skip
def test_what_is_kept_fits_what_is_held(kept: list[int], code: str) -> None:
    world, _, financing = applied()
    assert world.intake(financing, kept).code == code


def test_a_line_that_got_no_hold_keeps_nothing() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    lines = ((world.grant(d), 100_000), (world.grant(e), 100_000))
    world.void(e)
    financing = world.applied(*lines, mode="partial")
    assert world.intake(financing, [100_000, 1_000]).code == "exceeds-hold"
    assert world.intake(financing, [100_000, 0]).code == "ok"


def test_a_bad_line_may_be_let_go_so_that_the_rest_goes_on() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    financing = world.applied((world.grant(d), 100_000), (world.grant(e), 100_000))
    world.void(e)
    assert world.intake(financing).code == "void"
    assert world.intake(financing, [100_000, 0]).code == "ok"
    assert world.approve(financing).code == "ok"


def test_an_approval_lapses_no_more() -> None:
    world, declaration, financing = applied()
    assert (world.intake(financing).code, world.approve(financing).code) == ("ok", "ok")
    world.time += 20 * DAY
    assert queries.available(world.state, declaration, world.time) == 900_000
    assert world.entry("financing", financing)["hold_until"] is None
