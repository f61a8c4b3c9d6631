"""Applications: who may, the order in which a line is judged, and all or some of the lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from contracts import queries
from contracts.ruleset import RULESET
from contracts.shares import WHOLE
from tests.contracts.harness import AUTHORITY, DAY, FAR, START, A, B, C, Grant, World, name, one


def body(*lines: tuple[Grant, int], **changes: Any) -> dict[str, Any]:
    given = [{"grant": grant.opening, "share": share} for grant, share in lines]
    return {"lines": given, "hold_until": START + DAY, "mode": "all", **changes}


def test_a_hold_counts_at_once_and_the_entry_says_who_holds_what() -> None:
    world = World()
    declaration = world.declaration()
    grant = world.grant(declaration)
    result = world.apply((grant, 300_000))
    assert (result.code, result.details) == ("ok", {"lines": [{"code": "ok"}], "state": "APPLIED"})
    assert queries.available(world.state, declaration, world.time) == 700_000
    entry = world.entry("declaration", declaration)
    hold = {"financing": world.last, "line": 0, "bank": A, "share": 300_000, "until": world.time + DAY, "at": [world.height, 0]}
    assert (entry["holds"], entry["lenders"]) == ([hold], [])


def test_only_a_bank_applies_and_under_its_own_grant() -> None:
    world = World()
    grant = world.grant(world.declaration())
    assert world.run("financing.apply", body((grant, 1_000)), one(AUTHORITY)).code == "not-permitted"
    assert world.run("financing.apply", body((grant, 1_000)), one(A) + one(AUTHORITY)).code == "not-permitted"
    assert world.run("financing.apply", body((grant, 1_000)), one(B)).code == "grant-unknown"


@pytest.mark.parametrize("status", ["suspended", "frozen"])
def test_a_suspended_or_frozen_bank_starts_nothing(status: str) -> None:
    world = World()
    grant = world.grant(world.declaration())
    world.stop(A, status)
    assert world.apply((grant, 1_000)).code == status


def test_a_hold_ends_in_the_future_and_within_the_policy() -> None:
    world = World(hold_days_max=2)
    grant = world.grant(world.declaration())
    assert world.apply((grant, 1_000), hold_ms=0).code == "hold-expired"
    assert world.apply((grant, 1_000), hold_ms=2 * DAY + 1).code == "malformed"
    assert world.apply((grant, 1_000), hold_ms=2 * DAY).code == "ok"


def test_an_application_has_no_more_lines_than_the_policy_allows() -> None:
    world = World(allocations_max=2)
    lines = [(world.grant(world.declaration(str(number))), 1_000) for number in range(3)]
    assert world.apply(*lines).code == "malformed"
    assert world.apply(*lines[:2]).code == "ok"


def overuse(world: World, grant: Grant) -> None:
    other_uses(world, grant, 500_000)
    world.amend(grant.opening["declaration"], 400_000)


HEIR = {"declaration": name("heir"), "ratio": 10**9}
FAULTS: dict[str, Callable[[World, Grant], object]] = {
    "unknown-declaration": lambda world, grant: grant.opening.update(declaration=name("none")),
    "grant-unknown": lambda world, grant: grant.opening.update(maximum=grant.opening["maximum"] + 1),
    "consent-revoked": lambda world, grant: world.revoke(grant.opening["consent"]),
    "grant-expired": lambda world, grant: setattr(world, "time", grant.opening["end"]),
    "grant-used-up": lambda world, grant: [world.cancel(world.applied((grant, 1_000))) for _ in range(2)],
    "consent-expired": lambda world, grant: world.edit(f"consent/{grant.opening['consent']}", not_after=world.time),
    "frozen": lambda world, grant: world.freeze("declaration", grant.opening["declaration"]),
    "replaced": lambda world, grant: world.edit(f"declaration/{grant.opening['declaration']}", replaced_by=HEIR),
    "void": lambda world, grant: world.void(grant.opening["declaration"]),
    "too-old": lambda world, grant: world.edit(f"declaration/{grant.opening['declaration']}", until=world.time),
    "too-many-holds": lambda world, grant: world.applied((world.grant(grant.opening["declaration"]), 50_000)),
    "overused": overuse,
    "exhausted": lambda world, grant: world.collect(grant.opening["declaration"], WHOLE, AUTHORITY),
    "exceeds-available": lambda world, grant: other_uses(world, grant, 901_000),
    "exceeds-grant": lambda world, grant: None,
}
# `exceeds-grant` comes last: without another fault the share asked for below is above the grant's maximum.
SHARE, MAXIMUM = 100_000, 90_000


def other_uses(world: World, grant: Grant, share: int) -> None:
    world.applied((world.grant(grant.opening["declaration"], B), share))


def ready() -> tuple[World, Grant]:
    world = World()
    grant = world.grant(world.declaration(), maximum=MAXIMUM, uses=2, end=START + DAY)
    return world, grant


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_a_line_fails_with_its_own_code(code: str) -> None:
    world, grant = ready()
    FAULTS[code](world, grant)
    result = world.apply((grant, SHARE))
    assert result.code == code
    assert result.details["lines"][0]["code"] == code
    assert world.state.get(f"financing/{world.last}") is None


STATE_FAULTS = ["consent-revoked", "grant-expired", "consent-expired", "frozen", "replaced", "void", "too-old", "overused"]


@pytest.mark.parametrize("later", range(1, len(STATE_FAULTS)))
def test_the_first_failing_condition_gives_the_code(later: int) -> None:
    world, grant = ready()
    for code in reversed(STATE_FAULTS[later - 1 :]):
        if code == "void":
            world.edit(f"declaration/{grant.opening['declaration']}", void="error")
        elif code == "frozen":
            world.edit(f"declaration/{grant.opening['declaration']}", frozen=[name("order")])
        elif code == "consent-revoked":
            world.edit(f"consent/{grant.opening['consent']}", revoked=True)
        else:
            FAULTS[code](world, grant)
    assert world.apply((grant, SHARE)).code == STATE_FAULTS[later - 1]


def test_what_is_left_is_told_and_can_be_taken_exactly() -> None:
    world = World()
    declaration = world.declaration(ceiling_ppm=777_777)
    grant = world.grant(declaration)
    result = world.apply((grant, 778_000))
    assert result.details["lines"] == [{"code": "exceeds-available", "left": 777_777}]
    assert world.apply((grant, 777_776)).code == "not-in-steps"
    assert world.apply((grant, 777_777)).code == "ok"


def test_a_declaration_carries_at_most_the_policys_holds() -> None:
    world = World(holds_max=2)
    declaration = world.declaration()
    grants = {bank: world.grant(declaration, bank) for bank in (A, B, C)}
    world.applied((grants[A], 1_000), hold_ms=10)
    second = world.applied((grants[B], 1_000))
    assert world.apply((grants[C], 1_000)).code == "too-many-holds"
    world.time += 10
    assert world.apply((grants[C], 1_000)).code == "ok"
    assert world.intake(second, bank=B).code == "ok"
    assert world.approve(second, bank=B).code == "ok"
    assert world.apply((grants[A], 1_000)).code == "ok"


def test_a_declaration_twice_in_one_application_gets_one_hold() -> None:
    world = World()
    grant = world.grant(world.declaration())
    result = world.apply((grant, 1_000), (grant, 1_000), mode="partial")
    assert [line["code"] for line in result.details["lines"]] == ["ok", "too-many-holds"]


def test_all_is_all_or_nothing_and_partial_takes_what_passes() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    good, bad = world.grant(d), world.grant(e)
    world.void(e)
    lines = ((bad, 1_000), (good, 1_000))
    result = world.apply(*lines)
    assert (result.code, [line["code"] for line in result.details["lines"]]) == ("void", ["void", "ok"])
    assert queries.available(world.state, d, world.time) == WHOLE
    result = world.apply(*lines, mode="partial")
    assert (result.code, [line["code"] for line in result.details["lines"]]) == ("ok", ["void", "ok"])
    assert [line["held"] for line in world.entry("financing", world.last)["lines"]] == [0, 1_000]
    assert world.apply((bad, 1_000), mode="partial").code == "void"


def test_a_use_of_a_grant_is_spent_for_good_and_a_refusal_spends_none() -> None:
    world = World()
    grant = world.grant(world.declaration(), uses=1)
    assert world.apply((grant, WHOLE + 1_000)).code == "exceeds-available"
    financing = world.applied((grant, 1_000))
    world.cancel(financing)
    assert world.apply((grant, 1_000)).code == "grant-used-up"


def test_a_grant_covers_what_is_held_and_drawn_at_once() -> None:
    world = World()
    grant = world.grant(world.declaration(), maximum=100_000)
    first = world.applied((grant, 60_000))
    assert (world.intake(first).code, world.approve(first).code, world.disburse(first, [60_000]).code) == ("ok",) * 3
    assert world.apply((grant, 41_000)).code == "exceeds-grant"
    world.applied((grant, 40_000), hold_ms=10)
    world.time += 10
    world.applied((grant, 40_000), hold_ms=10)
    world.time += 10
    assert world.repay(first, [60_000]).code == "ok"
    assert world.apply((grant, 100_000)).code == "ok"


def test_a_grant_says_which_consent_it_came_from() -> None:
    """An opening that names another consent than the one whose take gave it opens nothing."""
    world = World()
    declaration, other = world.declaration(), world.consent()
    grant = world.grant(declaration)
    kept = dict(grant.opening)
    grant.opening["consent"] = other
    assert world.apply((grant, 1_000)).code == "grant-unknown"
    grant.opening.update(kept)
    assert world.apply((grant, 1_000)).code == "ok"


def test_two_banks_in_one_block_cannot_hold_the_same_share() -> None:
    world = World()
    declaration = world.declaration()
    mine, theirs = world.grant(declaration, A), world.grant(declaration, B)
    assert world.apply((mine, WHOLE), position=1).code == "ok"
    assert world.apply((theirs, WHOLE), position=2).code == "exhausted"


@pytest.mark.parametrize("changes", [{"lines": []}, {"mode": "some"}, {"hold_until": "1"}, {"hold_until": 1.0}, {"bank": A}])
def test_an_application_that_does_not_fit_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULESET.types["financing.apply"].model.model_validate(body(**changes), strict=True)


@pytest.mark.parametrize("share", [0, -1_000, True, "1000", 10 * WHOLE + 1])
def test_a_share_that_is_no_share_is_malformed(share: Any) -> None:
    world = World()
    grant = world.grant(world.declaration(), end=FAR)
    with pytest.raises(ValidationError):
        world.apply((grant, share))
