"""Offering a financing to another bank, and taking it over: in one step, with nothing lent twice and nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts import queries
from contracts.ruleset import RULESET
from tests.contracts.harness import AUTHORITY, DAY, A, B, C, Grant, World, name, one, signer, two

SALT = {"salt": name("salt")}


def drawn(*labels: str, share: int = 100_000) -> tuple[World, str, list[str]]:
    """A world with a financing of bank A, and its declarations."""
    world = World()
    declarations = [world.declaration(label) for label in labels or ("d",)]
    financing = world.approved(*[(world.grant(declaration), share) for declaration in declarations])
    assert world.disburse(financing, [share] * len(declarations)).code == "ok"
    return world, financing, declarations


def offered(*labels: str) -> tuple[World, str, list[str], list[Grant | None]]:
    """The same, offered to bank B, which has its grants."""
    world, financing, declarations = drawn(*labels)
    grants: list[Grant | None] = [world.grant(declaration, B) for declaration in declarations]
    assert world.transfer(financing).code == "ok"
    return world, financing, declarations, grants


def sums(world: World) -> dict[str, tuple[int, int, int, int]]:
    """What each declaration carries and has left."""
    return {
        key: (entry["drawn"], entry["lost"], entry["collected"], queries.available(world.state, key.partition("/")[2], world.time))
        for key, entry in world.state.scan("declaration/")
    }


def test_an_offer_has_its_guards_in_their_order() -> None:
    world, financing, _ = drawn()
    body = {"financing": financing, "offer": name("offer"), "until": world.time}
    assert world.run("financing.transfer", {**body, "financing": name("none")}, one(B)).code == "unknown-financing"
    assert world.run("financing.transfer", body, one(B)).code == "not-permitted"
    assert world.run("financing.transfer", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.transfer", body, (signer(A, "make", "li"), signer(A, "check", "li"))).code == "same-person"
    world.freeze("financing", financing)
    assert world.transfer(financing).code == "frozen"
    applied = world.applied((world.grant(world.declaration("e")), 1_000))
    world.freeze("financing", applied)
    assert world.transfer(applied).code == "wrong-state"


@pytest.mark.parametrize("how", ["suspended", "frozen"])
def test_a_stopped_lender_offers_nothing(how: str) -> None:
    world, financing, _ = drawn()
    world.stop(A, how)
    body = {"financing": financing, "offer": name("offer"), "until": world.time + 1}
    assert world.run("financing.transfer", body, one(A)).code == how


@pytest.mark.parametrize(("for_ms", "code"), [(0, "malformed"), (1, "ok"), (60 * DAY, "ok"), (60 * DAY + 1, "malformed")])
def test_an_offer_lasts_at_most_sixty_days(for_ms: int, code: str) -> None:
    world, financing, _ = drawn()
    assert world.transfer(financing, for_ms=for_ms).code == code


def test_an_offer_has_an_end_and_a_withdrawal_neither() -> None:
    model = RULESET.types["financing.transfer"].model
    for offer, until in ((name("offer"), None), (None, 1)):
        with pytest.raises(ValidationError):
            model.model_validate({"financing": name("f"), "offer": offer, "until": until}, strict=True)


def test_an_offer_on_a_frozen_declaration_is_frozen_unless_nothing_is_drawn_there() -> None:
    world, financing, (d, e) = drawn("d", "e")
    assert world.repay(financing, [0, 100_000]).code == "ok"
    world.freeze("declaration", e)
    assert world.transfer(financing).code == "ok"
    world.freeze("declaration", d)
    assert world.transfer(financing).code == "frozen"


def test_taking_over_has_its_guards_in_their_order() -> None:
    world, financing, _ = drawn()
    body = {"financing": financing, **SALT, "grants": [None, None]}
    assert world.run("financing.take-over", {**body, "financing": name("none")}, one("auditor")).code == "unknown-financing"
    assert world.run("financing.take-over", body, one("auditor")).code == "not-permitted"
    assert world.run("financing.take-over", body, one(A)).code == "not-permitted"
    assert world.run("financing.take-over", body, one(B) + one(AUTHORITY)).code == "not-permitted"
    assert world.run("financing.take-over", body, one(B)).code == "second-signature-missing"
    applied = world.applied((world.grant(world.declaration("e")), 1_000))
    assert world.run("financing.take-over", {**body, "financing": applied}, two(B)).code == "wrong-state"
    assert world.run("financing.take-over", body, two(B)).code == "no-offer"
    assert world.transfer(financing, C).code == "ok"
    assert world.run("financing.take-over", body, two(B)).code == "commitment-mismatch"
    assert world.run("financing.take-over", {**body, "salt": name("other")}, two(C)).code == "commitment-mismatch"
    assert world.transfer(financing).code == "ok"
    assert world.run("financing.take-over", body, two(B)).code == "malformed"
    world.time += DAY
    assert world.run("financing.take-over", body, two(B)).code == "offer-expired"
    world.freeze("financing", financing)
    assert world.run("financing.take-over", body, two(B)).code == "frozen"
    world.stop(B, "suspended")
    assert world.run("financing.take-over", body, one(B)).code == "suspended"


def test_an_offer_ends_exactly_at_its_time() -> None:
    world, financing, _, grants = offered()
    world.time += DAY - 1
    assert world.take_over(financing, grants).code == "ok"
    world, financing, _, grants = offered()
    world.time += DAY
    assert world.take_over(financing, grants).code == "offer-expired"


def test_a_withdrawn_offer_is_none_and_a_second_one_replaces_the_first() -> None:
    world, financing, _, grants = offered()
    assert world.transfer(financing, None).code == "ok"
    assert world.take_over(financing, grants).code == "no-offer"
    assert world.transfer(financing, C).code == "ok"
    assert world.transfer(financing, B).code == "ok"
    assert world.take_over(financing, grants).code == "ok"


def test_an_offer_of_one_financing_does_not_open_another() -> None:
    world, financing, _, grants = offered()
    other = world.approved((world.grant(world.declaration("e")), 100_000))
    assert world.disburse(other, [100_000]).code == "ok"
    offer = world.entry("financing", financing)["offer"]
    body = {"financing": other, "offer": offer["commitment"], "until": offer["until"]}
    assert world.run("financing.transfer", body, two(A)).code == "ok"
    assert world.take_over(other, grants).code == "commitment-mismatch"


def test_all_that_is_drawn_moves_in_one_step_and_no_sum_changes() -> None:
    world, financing, (d, e), grants = offered("d", "e")
    assert world.repay(financing, [40_000, 0]).code == "ok"
    before = sums(world)
    result = world.take_over(financing, grants)
    new = world.last
    assert (result.details["state"], result.details["flags"]) == ("DISBURSED", ["TAKEN-OVER"])
    assert sums(world) == before
    old, entry = world.entry("financing", financing), world.entry("financing", new)
    assert (old["state"], old["heir"], old["offer"], [line["drawn"] for line in old["lines"]]) == ("TRANSFERRED", new, None, [0, 0])
    assert (entry["bank"], entry["origin"], entry["was_approved"], entry["repaid"]) == (B, financing, True, False)
    assert [(line["held"], line["was"], line["drawn"]) for line in entry["lines"]] == [(0, 60_000, 60_000), (0, 100_000, 100_000)]
    for declaration in (d, e):
        assert world.entry("declaration", declaration)["drawers"] == [new]
        assert world.entry("declaration", declaration)["lenders"] == [A, B]


def test_the_old_lender_may_do_nothing_more_and_the_new_one_everything() -> None:
    world, financing, (declaration,), grants = offered()
    assert world.take_over(financing, grants).code == "ok"
    new = world.last
    assert world.repay(financing, [1_000]).code == "wrong-state"
    assert world.write_off(financing, [1_000]).code == "wrong-state"
    assert world.correct(financing, [1_000], authority=True).code == "wrong-state"
    assert world.transfer(financing).code == "wrong-state"
    assert world.take_over(financing, grants).code == "wrong-state"
    assert world.disburse(financing, [1_000], authority=True).code == "wrong-state"
    assert world.repay(new, [1_000]).code == "not-permitted"
    assert world.collect(declaration, 20_000, B).code == "ok"
    assert world.repay(new, [20_000], [(world.last, 20_000)], bank=B).code == "ok"
    assert world.write_off(new, [30_000], bank=B).code == "ok"
    assert world.correct(new, [1_000], bank=B, authority=True).code == "ok"
    assert world.repay(new, [51_000], bank=B).details["state"] == "WRITTEN_OFF"


def test_what_was_lost_stays_with_the_lender_that_lost_it() -> None:
    world, financing, (declaration,), grants = offered()
    assert world.write_off(financing, [30_000]).code == "ok"
    before = sums(world)
    assert world.take_over(financing, grants).code == "ok"
    new = world.last
    assert sums(world) == before
    assert world.entry("financing", financing)["state"] == "WRITTEN_OFF"
    assert world.entry("financing", new)["lines"][0]["drawn"] == 70_000
    assert world.entry("declaration", declaration)["drawers"] == sorted([financing, new])
    assert world.write_off(financing, [-30_000]).details["state"] == "DISBURSED"
    assert world.take_over(financing, grants).code == "no-offer"
    assert world.transfer(financing).code == "ok"
    assert world.take_over(financing, grants).code == "ok"
    assert world.entry("financing", financing)["heir"] == world.last
    assert world.entry("declaration", declaration)["drawn"] == 100_000


def test_lines_with_nothing_drawn_stay_behind() -> None:
    world, financing, (_, e), grants = offered("d", "e")
    assert world.repay(financing, [100_000, 0]).code == "ok"
    assert world.take_over(financing, grants).code == "malformed"
    assert world.take_over(financing, [None, None]).code == "malformed"
    assert world.take_over(financing, [grants[1], None]).code == "malformed"
    assert world.take_over(financing, [None, grants[1]]).code == "ok"
    assert [line["declaration"] for line in world.entry("financing", world.last)["lines"]] == [e]


def test_a_grant_for_another_declaration_takes_nothing_over() -> None:
    world, financing, _, _ = offered()
    assert world.take_over(financing, [world.grant(world.declaration("e"), B)]).code == "malformed"


@pytest.mark.parametrize(("terms", "code"), [
    ({"maximum": 99_000}, "exceeds-grant"),
    ({"maximum": 100_000}, "ok"),
    ({"end": 0}, "grant-expired"),
    ({"bank": C}, "grant-unknown"),
])  # fmt: skip
def test_the_next_bank_needs_live_grants_of_its_own_that_suffice(terms: dict[str, Any], code: str) -> None:
    world, financing, (declaration,), _ = offered()
    terms = {"bank": B, **terms}
    grant = world.grant(declaration, **{**terms, "end": terms.get("end", world.time + 1)})
    assert world.take_over(financing, [grant]).code == code


def test_grant_and_consent_are_live_as_for_an_application() -> None:
    world, financing, (declaration,), _ = offered()
    consent = world.consent(B, not_after=world.time + 10)
    spent = world.grant(declaration, B, uses=1)
    assert world.cancel(world.applied((spent, 1_000)), bank=B).code == "ok"
    ending = world.grant(declaration, B, consent=consent)
    revoked = world.grant(declaration, B)
    assert world.revoke(revoked.opening["consent"]).code == "ok"
    claimed = Grant(B, {**spent.opening, "consent": name("none")})
    world.time += 10
    codes = [world.take_over(financing, [grant]).code for grant in (spent, ending, revoked, claimed)]
    assert codes == ["grant-used-up", "consent-expired", "consent-revoked", "grant-unknown"]


def test_a_consent_revoked_between_offer_and_take_over_stops_it_and_the_old_lenders_does_not() -> None:
    world, financing, _, grants = offered()
    old = world.entry("financing", financing)["lines"][0]["consent"]
    assert world.revoke(old).code == "ok"
    assert grants[0] is not None
    assert world.revoke(grants[0].opening["consent"]).code == "ok"
    assert world.take_over(financing, grants).code == "consent-revoked"
    assert world.take_over(financing, [world.grant(world.entry("financing", financing)["lines"][0]["declaration"], B)]).code == "ok"


def test_taking_over_spends_a_use_and_what_is_taken_over_counts_under_the_grant() -> None:
    world, financing, (declaration,), _ = offered()
    grant = world.grant(declaration, B, maximum=150_000, uses=3)
    assert world.take_over(financing, [grant]).code == "ok"
    assert world.apply((grant, 51_000)).code == "exceeds-grant"
    assert world.apply((grant, 50_000)).code == "ok"
    assert world.apply((grant, 1_000)).code == "too-many-holds"
    used = next(entry["used"] for _, entry in world.state.scan("grant/") if entry["maximum"] == 150_000)
    assert used == 2


def test_neither_a_void_nor_an_over_use_nor_its_age_stops_a_take_over() -> None:
    world, financing, (declaration,), grants = offered()
    assert world.amend(declaration, 0).code == "ok"
    assert world.void(declaration).code == "ok"
    world.time = world.entry("declaration", declaration)["until"]
    assert world.transfer(financing).code == "ok"
    assert world.take_over(financing, grants).code == "ok"


def test_a_frozen_declaration_stops_it() -> None:
    world, financing, (declaration,), grants = offered()
    world.freeze("declaration", declaration)
    assert world.take_over(financing, grants).code == "frozen"


@pytest.mark.parametrize("how", ["suspended", "frozen", "succeeded"])
def test_an_offer_stands_though_its_lender_may_start_nothing_any_more(how: str) -> None:
    world, financing, (declaration,), grants = offered()
    before = sums(world)
    if how == "succeeded":
        assert world.succeed(A, C).code == "ok"
    else:
        world.stop(A, how)
    assert world.take_over(financing, grants).code == "ok"
    assert sums(world) == before
    assert world.entry("financing", world.last)["flags"] == ["TAKEN-OVER"]
    assert world.entry("declaration", declaration)["drawers"] == [world.last]


@pytest.mark.parametrize("how", ["suspended", "frozen", "succeeded"])
def test_a_stopped_lender_or_its_heir_withdraws_the_offer_and_the_authority_stops_it_by_an_order(how: str) -> None:
    for stop in ("withdrawn", "ordered"):
        world, financing, _, grants = offered()
        if how == "succeeded":
            assert world.succeed(A, C).code == "ok"
        else:
            world.stop(A, how)
        if stop == "withdrawn":
            assert world.transfer(financing, None, bank=C if how == "succeeded" else A).code == "ok"
            assert world.take_over(financing, grants).code == "no-offer"
        else:
            world.freeze("financing", financing)
            assert world.take_over(financing, grants).code == "frozen"


def test_a_hold_of_the_next_bank_on_the_same_declaration_does_not_matter() -> None:
    world, financing, (declaration,), grants = offered()
    hold = world.applied((world.grant(declaration, B), 900_000))
    assert world.take_over(financing, grants).code == "ok"
    for step in (world.intake(hold, bank=B), world.approve(hold, bank=B)):
        assert step.code == "ok"


def test_it_goes_on_from_bank_to_bank() -> None:
    world, financing, (declaration,), grants = offered()
    before = sums(world)
    assert world.take_over(financing, grants).code == "ok"
    second = world.last
    assert world.transfer(second, C, bank=B).code == "ok"
    assert world.take_over(second, [world.grant(declaration, C)], bank=C).code == "ok"
    third = world.last
    assert world.transfer(third, A, bank=C).code == "ok"
    assert world.take_over(third, [world.grant(declaration, A)], bank=A).code == "ok"
    assert sums(world) == before
    assert world.entry("declaration", declaration)["drawers"] == [world.last]
