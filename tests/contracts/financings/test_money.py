"""Disbursement, repayment and cancellation: what happened to money is recorded, whatever else happened."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts import queries
from contracts.ruleset import RULESET
from contracts.shares import WHOLE
from ledger.rules import Result
from tests.contracts.harness import AUTHORITY, DAY, A, B, World, name, one, signer, two


def approved(share: int = 100_000, ceiling_ppm: int = WHOLE, bank: str = A) -> tuple[World, str, str]:
    world = World()
    declaration = world.declaration(ceiling_ppm=ceiling_ppm)
    financing = world.applied((world.grant(declaration, bank), share))
    assert (world.intake(financing, bank=bank).code, world.approve(financing, bank=bank).code) == ("ok", "ok")
    return world, declaration, financing


def disbursed(share: int = 100_000, ceiling_ppm: int = WHOLE) -> tuple[World, str, str]:
    world, declaration, financing = approved(share, ceiling_ppm)
    assert world.disburse(financing, [share]).code == "ok"
    return world, declaration, financing


def flags(result: Result) -> tuple[str, Any]:
    return result.code, result.details.get("flags", [])


def test_money_that_left_needs_two_signatures_and_no_more() -> None:
    world, _, financing = approved()
    body = {"financing": financing, "shares": [100_000], "final": True}
    assert world.run("financing.disburse", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.disburse", body, (signer(A, "make", "li"), signer(A, "check", "li"))).code == "same-person"
    assert world.run("financing.disburse", body, two(A) + one(B)).code == "not-permitted"
    assert world.run("financing.disburse", body, two(A)).code == "ok"


def test_nothing_stops_the_disbursement_of_what_was_approved() -> None:
    world, declaration, financing = approved(600_000)
    assert world.amend(declaration, 100_000).code == "ok"
    assert flags(world.disburse(financing, [200_000], final=False)) == ("ok", ["OVERUSED"])
    world.freeze("declaration", declaration)
    world.freeze("financing", financing)
    assert flags(world.disburse(financing, [100_000], final=False)) == ("ok", ["FROZEN", "OVERUSED"])
    assert world.void(declaration).code == "ok"
    world.stop(A, "suspended")
    world.time += 900 * DAY
    assert flags(world.disburse(financing, [300_000])) == ("ok", ["FROZEN", "OVERUSED", "SUSPENDED", "VOID"])
    assert world.entry("declaration", declaration)["drawn"] == 600_000


def test_what_is_not_drawn_stays_committed_until_the_final_tranche() -> None:
    world, declaration, financing = approved(500_000)
    assert world.disburse(financing, [200_000], final=False).details["state"] == "APPROVED"
    assert queries.available(world.state, declaration, world.time) == 500_000
    assert world.disburse(financing, [301_000], final=False).code == "exceeds-hold"
    assert world.disburse(financing, [100_000], final=True).details["state"] == "DISBURSED"
    assert queries.available(world.state, declaration, world.time) == 700_000


@pytest.mark.parametrize(("shares", "final", "code"), [
    ([100_001], True, "exceeds-hold"),
    ([99_999], True, "not-in-steps"),
    ([0], False, "malformed"),
    ([0], True, "malformed"),
    ([50_000, 50_000], True, "malformed"),
    ([1_000], True, "ok"),
])  # fmt: skip
def test_what_is_drawn_fits_what_is_committed(shares: list[int], final: bool, code: str) -> None:
    world, _, financing = approved()
    assert world.disburse(financing, shares, final=final).code == code


def test_an_odd_rest_is_drawn_whole() -> None:
    world, declaration, financing = approved(777_777, 777_777)
    assert world.disburse(financing, [777_776]).code == "not-in-steps"
    assert world.disburse(financing, [777_777]).code == "ok"
    assert world.repay(financing, [777_776]).code == "not-in-steps"
    assert world.repay(financing, [777_000]).code == "ok"
    assert world.repay(financing, [777]).details["state"] == "PAID_OFF"
    assert queries.available(world.state, declaration, world.time) == 777_777


def test_a_disbursement_after_a_cancellation_needs_the_authority_and_is_late() -> None:
    world, declaration, financing = approved(600_000)
    assert world.cancel(financing).code == "ok"
    other = world.applied((world.grant(declaration, B), WHOLE))
    assert world.disburse(financing, [600_000]).code == "second-signature-missing"
    assert world.disburse(financing, [601_000], authority=True).code == "exceeds-hold"
    assert world.disburse(financing, [0], authority=True).code == "malformed"
    assert flags(world.disburse(financing, [600_000], final=False, authority=True)) == ("ok", ["LATE", "OVERUSED"])
    assert world.entry("financing", financing)["state"] == "DISBURSED"
    assert queries.status(world.state, declaration, world.time) == "OVERUSED"
    assert world.intake(other, bank=B).code == "exceeds-available"


def test_an_application_cancelled_before_its_approval_was_never_money() -> None:
    world = World()
    financing = world.applied((world.grant(world.declaration()), 100_000))
    world.cancel(financing)
    assert world.disburse(financing, [100_000], authority=True).code == "wrong-state"


def test_own_funds_free_the_share_again() -> None:
    world, declaration, financing = disbursed(600_000)
    assert world.repay(financing, [200_000]).details["state"] == "REPAYING"
    assert queries.available(world.state, declaration, world.time) == 600_000
    assert world.repay(financing, [401_000]).code == "exceeds-drawn"
    assert world.repay(financing, [400_000]).details["state"] == "PAID_OFF"
    assert queries.available(world.state, declaration, world.time) == WHOLE


def test_a_financing_is_paid_off_only_when_every_line_is() -> None:
    world = World()
    lines = [(world.grant(world.declaration(label)), 100_000) for label in ("d", "e")]
    financing = world.applied(*lines)
    for step in (world.intake(financing), world.approve(financing), world.disburse(financing, [100_000, 100_000])):
        assert step.code == "ok"
    assert world.repay(financing, [100_000, 0]).details["state"] == "REPAYING"
    assert world.repay(financing, [0, 100_000]).details["state"] == "PAID_OFF"


def test_a_collection_frees_nothing_a_second_time() -> None:
    world, declaration, financing = disbursed(600_000)
    assert world.collect(declaration, 600_000).code == "ok"
    collection = world.last
    assert queries.available(world.state, declaration, world.time) == 0
    assert world.repay(financing, [600_000], [(collection, 600_000)]).details["state"] == "PAID_OFF"
    assert queries.available(world.state, declaration, world.time) == 400_000
    assert world.entry("declaration", declaration)["collected"] == 600_000
    assert world.entry("collection", collection)["unused"] == 0


def test_a_collection_is_used_up_once_whoever_recorded_it() -> None:
    world, declaration, financing = disbursed(300_000)
    other = world.applied((world.grant(declaration, B), 300_000))
    for step in (world.intake(other, bank=B), world.approve(other, bank=B), world.disburse(other, [300_000], bank=B)):
        assert step.code == "ok"
    assert world.collect(declaration, 400_000, B).code == "ok"
    collection = world.last
    assert world.repay(financing, [300_000], [(collection, 300_000)]).code == "ok"
    assert world.repay(other, [200_000], [(collection, 200_000)], bank=B).code == "exceeds-collected"
    assert world.repay(other, [100_000], [(collection, 100_000)], bank=B).code == "ok"
    assert world.repay(other, [200_000], bank=B).code == "ok"


def test_cited_collections_cover_exactly_what_is_repaid_on_their_declaration() -> None:
    world, declaration, financing = disbursed(300_000)
    elsewhere = world.declaration("e")
    world.approved((world.grant(elsewhere), 1_000))
    assert world.collect(declaration, 100_000).code == "ok"
    first = world.last
    assert world.collect(declaration, 100_000).code == "ok"
    second = world.last
    assert world.collect(elsewhere, 100_000).code == "ok"
    wrong = world.last
    assert world.repay(financing, [1_000], [(name("none"), 1_000)]).code == "unknown-collection"
    assert world.repay(financing, [1_000], [(wrong, 1_000)]).code == "malformed"
    assert world.repay(financing, [150_000], [(first, 100_000)]).code == "malformed"
    assert world.repay(financing, [50_000], [(first, 100_000)]).code == "malformed"
    assert world.repay(financing, [150_000], [(first, 100_000), (second, 50_000)]).code == "ok"
    assert world.entry("collection", first)["unused"] == 0
    assert world.entry("collection", second)["unused"] == 50_000


@pytest.mark.parametrize("changes", [
    {"source": "collections"},
    {"collections": [{"collection": name("c"), "share": 1_000}]},
    {"source": "collections", "collections": [{"collection": name("c"), "share": 1_000}] * 2},
    {"source": "cash"},
    {"shares": []},
    {"shares": [-1_000]},
])  # fmt: skip
def test_a_repayment_that_does_not_fit_is_malformed(changes: dict[str, Any]) -> None:
    body = {"financing": name("f"), "shares": [1_000], "source": "own-funds", "collections": [], **changes}
    with pytest.raises(ValidationError):
        RULESET.types["financing.repay"].model.model_validate(body, strict=True)


def test_a_repayment_of_nothing_or_with_too_many_lines_is_malformed() -> None:
    world, _, financing = disbursed()
    assert world.repay(financing, [0]).code == "malformed"
    assert world.repay(financing, [1_000, 0]).code == "malformed"
    body = {"financing": financing, "shares": [1_000], "source": "own-funds", "collections": []}
    assert world.run("financing.repay", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.repay", body, two(A) + one(AUTHORITY)).code == "not-permitted"


def test_what_is_written_off_is_repaid_from_collections_only() -> None:
    world, declaration, financing = disbursed(100_000)
    lines = world.entry("financing", financing)["lines"]
    world.edit(f"financing/{financing}", state="WRITTEN_OFF", lines=[{**lines[0], "drawn": 0, "lost": 100_000}])
    world.edit(f"declaration/{declaration}", drawn=0, lost=100_000)
    assert queries.available(world.state, declaration, world.time) == 900_000
    assert world.collect(declaration, 100_000).code == "ok"
    collection = world.last
    assert world.repay(financing, [40_000]).code == "wrong-state"
    assert world.repay(financing, [40_000], [(collection, 40_000)]).details["state"] == "WRITTEN_OFF"
    assert world.repay(financing, [60_000], [(collection, 60_000)]).details["state"] == "PAID_OFF"


def test_a_suspended_lender_may_still_repay_and_cancel() -> None:
    world, declaration, financing = disbursed()
    open_one = world.applied((world.grant(declaration, B), 1_000))
    for bank in (A, B):
        world.stop(bank, "suspended")
    assert world.repay(financing, [100_000]).code == "ok"
    assert world.cancel(open_one, bank=B).code == "ok"


def test_a_cancellation_frees_at_once_and_takes_two_people_once_approved() -> None:
    world, declaration, financing = approved()
    body = {"financing": financing, "reason": "error"}
    assert world.run("financing.cancel", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.cancel", body, two(A)).code == "ok"
    assert queries.available(world.state, declaration, world.time) == WHOLE
    assert world.entry("financing", financing)["lines"][0]["was"] == 100_000


def test_before_the_approval_one_signature_cancels() -> None:
    world = World()
    financing = world.applied((world.grant(world.declaration()), 100_000))
    assert world.run("financing.cancel", {"financing": financing, "reason": "rejected"}, one(A)).code == "ok"
