"""The back book: loans that were paid before their bank joined."""

from __future__ import annotations

from typing import Any

import pytest

from contracts import queries
from contracts.shares import WHOLE
from tests.contracts.harness import AUTHORITY, DAY, A, B, Grant, World, name, one, signer, two


def test_a_loan_is_disbursed_when_it_is_loaded() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    result = world.load((world.grant(d), 300_000), (world.grant(e), 400_000))
    assert result.code == "ok"
    assert result.details == {"state": "DISBURSED", "flags": ["LOADED"], "lines": [{"code": "ok"}, {"code": "ok"}]}
    loan = world.last
    assert [(line["was"], line["drawn"]) for line in world.entry("financing", loan)["lines"]] == [(300_000, 300_000), (400_000, 400_000)]
    assert world.entry("declaration", d)["drawers"] == [loan]
    assert queries.available(world.state, e, world.time) == 600_000
    assert world.collect(d, 100_000).code == "ok"
    assert world.repay(loan, [300_000, 400_000]).details["state"] == "PAID_OFF"


def test_guards_come_in_their_order() -> None:
    world = World(allocations_max=1, onboarding_days=1)
    grant, other = world.grant(world.declaration()), world.grant(world.declaration("e"))
    body = {"lines": [{"grant": given.opening, "share": 1} for given in (grant, other)]}
    world.time += DAY
    assert world.run("financing.load", body, one("auditor")).code == "not-permitted"
    assert world.run("financing.load", body, two(A) + one(AUTHORITY)).code == "not-permitted"
    assert world.run("financing.load", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.load", body, (signer(A, "make", "li"), signer(A, "check", "li"))).code == "same-person"
    assert world.load((grant, 1), (other, 1)).code == "too-late"
    world.time -= 1
    assert world.load((grant, 1), (other, 1)).code == "malformed"
    assert world.load((grant, 1)).code == "not-in-steps"
    world.stop(A, "suspended")
    assert world.run("financing.load", body, one(A)).code == "suspended"


def test_a_frozen_bank_loads_nothing() -> None:
    world = World()
    grant = world.grant(world.declaration())
    world.stop(A, "frozen")
    assert world.load((grant, 1_000)).code == "frozen"


def test_the_time_to_load_begins_with_the_admission() -> None:
    world = World()
    grant = world.grant(world.declaration())
    world.time += 90 * DAY
    assert world.load((grant, 1_000)).code == "too-late"
    world.time -= 1
    assert world.load((grant, 1_000)).code == "ok"


def test_one_declaration_stands_once_in_a_loan() -> None:
    world = World()
    declaration = world.declaration()
    assert world.load((world.grant(declaration), 1_000), (world.grant(declaration), 1_000)).code == "malformed"


@pytest.mark.parametrize(("terms", "share", "code"), [
    ({"end": 0}, 1_000, "grant-expired"),
    ({"maximum": 2_000}, 3_000, "exceeds-grant"),
    ({"maximum": 3_000}, 3_000, "ok"),
    ({}, 1_001, "not-in-steps"),
    ({}, 2 * WHOLE, "exceeds-grant"),
])  # fmt: skip
def test_a_line_fails_with_its_own_code(terms: dict[str, Any], share: int, code: str) -> None:
    world = World()
    grant = world.grant(world.declaration(), **terms)
    result = world.load((grant, share))
    assert (result.code, result.details["lines"]) == (code, [{"code": code}])


def test_what_a_line_names_must_exist_and_be_live() -> None:
    world = World()
    declaration = world.declaration()
    spent, revoked = world.grant(declaration, uses=1), world.grant(declaration)
    ending = world.grant(declaration, consent=world.consent(not_after=world.time + 10))
    assert world.load((spent, 1_000)).code == "ok"
    assert world.revoke(revoked.opening["consent"]).code == "ok"
    world.time += 10
    unknown = Grant(A, {**spent.opening, "declaration": name("none")})
    claimed = Grant(A, {**spent.opening, "maximum": 5})
    of_nothing = Grant(A, {**spent.opening, "consent": name("none")})
    codes = [world.load((grant, 1_000)).code for grant in (spent, revoked, ending, unknown, claimed, of_nothing)]
    assert codes == ["grant-used-up", "consent-revoked", "consent-expired", "unknown-declaration", "grant-unknown", "grant-unknown"]


def test_all_lines_or_none() -> None:
    world = World()
    good, bad = world.grant(world.declaration("d")), world.grant(world.declaration("e"), end=0)
    result = world.load((good, 1_000), (bad, 1_000))
    assert (result.code, result.details["lines"]) == ("grant-expired", [{"code": "ok"}, {"code": "grant-expired"}])
    assert world.entry("declaration", good.opening["declaration"])["drawn"] == 0
    assert world.load((good, 1_000)).code == "ok"


def test_money_that_left_is_loaded_whatever_the_declaration_says() -> None:
    world = World()
    frozen, gone, full = world.declaration("frozen"), world.declaration("gone"), world.declaration("full")
    lines = [(world.grant(declaration), 600_000) for declaration in (frozen, gone, full)]
    other = world.approved((world.grant(full, A), 500_000))
    assert world.disburse(other, [500_000]).code == "ok"
    world.freeze("declaration", frozen)
    assert world.void(gone).code == "ok"
    assert world.load(*lines).details["flags"] == ["FROZEN", "LOADED", "OVERUSED", "VOID"]
    assert queries.status(world.state, full, world.time) == "OVERUSED"


def test_an_old_declaration_takes_a_loan_too() -> None:
    world = World()
    grant = world.grant(world.declaration(until="2020-01"))
    assert world.load((grant, 1_000)).details["flags"] == ["LOADED"]


def test_exactly_what_is_left_may_be_loaded_though_it_is_odd() -> None:
    world = World()
    grant = world.grant(world.declaration(ceiling_ppm=777_777))
    assert world.load((grant, 777_776)).code == "not-in-steps"
    assert world.load((grant, 777_777)).code == "ok"


def test_a_loan_loaded_under_a_hold_of_another_bank_goes_before_it() -> None:
    world = World()
    declaration = world.declaration()
    hold = world.applied((world.grant(declaration, B), 600_000))
    assert world.intake(hold, bank=B).code == "ok"
    assert world.load((world.grant(declaration), 500_000)).details["flags"] == ["LOADED", "OVERUSED"]
    result = world.approve(hold, bank=B)
    assert (result.code, result.details["left"]) == ("exceeds-available", 500_000)
    assert world.approve(hold, [500_000], bank=B).code == "ok"


def test_a_loan_that_is_loaded_may_be_taken_over() -> None:
    world = World()
    declaration = world.declaration()
    assert world.load((world.grant(declaration), 500_000)).code == "ok"
    loan = world.last
    assert world.transfer(loan).code == "ok"
    assert world.take_over(loan, [world.grant(declaration, B)]).code == "ok"
