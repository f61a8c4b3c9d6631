"""Consents and their revocation."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts import queries
from contracts.ruleset import RULESET
from contracts.shares import WHOLE
from tests.contracts.harness import AUTHORITY, DAY, START, A, B, World, name, once, one, public, signer


def giving(**changes: Any) -> dict[str, Any]:
    made = {"alg": "p256", "public": public(5_000)}
    return {"commitment": name("c"), "not_before": START, "not_after": START + DAY, "uses": 1, "key": made, **changes}


def test_a_one_time_key_gives_a_consent_and_can_sign_for_it_alone() -> None:
    world = World()
    consent = world.ok("consent.give", giving(), once("", A))
    entry = world.entry("consent", consent)
    key = world.entry("key", entry["key"])
    assert (key["purpose"], key["object"], key["member"]) == ("once", consent, None)


def test_a_consent_needs_a_one_time_key_and_a_member_that_introduces_it() -> None:
    world = World()
    assert world.run("consent.give", giving(), one(A)).code == "not-permitted"
    assert world.run("consent.give", giving(), (signer(None, "once"),)).code == "not-permitted"
    assert world.run("consent.give", giving(), once("", "stranger")).code == "not-permitted"


@pytest.mark.parametrize("status", ["suspended", "frozen"])
def test_a_suspended_or_frozen_member_introduces_nothing_new(status: str) -> None:
    world = World()
    consent = world.consent()
    world.stop(A, status)
    assert world.run("consent.give", giving(), once("", A)).code == status
    assert world.run("consent.revoke", {"consent": consent}, once(consent, A)).code == "ok"


def test_a_consent_that_is_over_already_is_refused() -> None:
    world = World()
    world.time = START + DAY - 1
    world.ok("consent.give", giving(), once(""))
    world.time += 1
    assert world.run("consent.give", giving(), once("")).code == "consent-expired"


@pytest.mark.parametrize(
    "changes", [{"not_before": START + DAY}, {"uses": 0}, {"uses": "1"}, {"key": {"alg": "p256", "public": "00" * 33}}]
)
def test_a_consent_that_does_not_fit_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULESET.types["consent.give"].model.model_validate(giving(**changes), strict=True)


def test_its_own_key_or_the_authority_revokes_a_consent_once() -> None:
    world = World()
    mine, other = world.consent(), world.consent()
    body = {"consent": mine}
    assert world.run("consent.revoke", {"consent": name("none")}, once(mine)).code == "unknown-consent"
    assert world.run("consent.revoke", body, once(other)).code == "not-permitted"
    assert world.run("consent.revoke", body, one(A)).code == "not-permitted"
    assert world.run("consent.revoke", body, (signer(None, "once", None, mine),)).code == "not-permitted"
    world.ok("consent.revoke", body, once(mine))
    assert world.run("consent.revoke", body, one(AUTHORITY)).code == "consent-revoked"
    world.ok("consent.revoke", {"consent": other}, one(AUTHORITY))


def test_a_revocation_ends_grants_and_lets_go_what_is_not_approved() -> None:
    world = World()
    d, e, f = world.declaration("d"), world.declaration("e"), world.declaration("f")
    consent = world.consent()
    grant = world.grant(d, consent=consent)
    applied = world.applied((grant, 100_000))
    reviewed = world.applied((world.grant(e, consent=consent), 100_000))
    assert world.intake(reviewed).code == "ok"
    approved = world.applied((world.grant(f, consent=consent), 100_000))
    assert (world.intake(approved).code, world.approve(approved).code) == ("ok", "ok")

    assert world.revoke(consent).code == "ok"
    states = [world.entry("financing", it)["state"] for it in (applied, reviewed, approved)]
    assert states == ["CANCELLED", "CANCELLED", "APPROVED"]
    assert [queries.available(world.state, it, world.time) for it in (d, e, f)] == [WHOLE, WHOLE, 900_000]
    result = world.apply((grant, 100_000))
    assert (result.code, result.details["lines"]) == ("consent-revoked", [{"code": "consent-revoked"}])
    assert world.disburse(approved, [100_000]).code == "ok"


def test_a_financing_keeps_the_lines_that_stand_under_another_consent() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    first, second = world.consent(), world.consent()
    financing = world.applied((world.grant(d, consent=first), 100_000), (world.grant(e, consent=second), 200_000))
    assert world.revoke(first).code == "ok"
    assert [line["held"] for line in world.entry("financing", financing)["lines"]] == [0, 200_000]
    assert world.intake(financing, [100_000, 200_000]).code == "exceeds-hold"
    assert world.intake(financing).code == "ok"
    assert world.revoke(second).code == "ok"
    assert world.entry("financing", financing)["state"] == "CANCELLED"
    assert world.disburse(financing, [0, 200_000], authority=True).code == "wrong-state"


def test_a_revocation_writes_down_what_has_lapsed_as_expired() -> None:
    world = World()
    d = world.declaration()
    consent = world.consent()
    financing = world.applied((world.grant(d, consent=consent), 100_000), hold_ms=10)
    world.time += 10
    assert world.revoke(consent).code == "ok"
    assert world.entry("financing", financing)["state"] == "EXPIRED"
    assert world.intake(financing).code == "hold-expired"


def test_a_consent_of_one_bank_says_nothing_about_anothers_holds() -> None:
    world = World()
    d = world.declaration()
    mine, theirs = world.consent(A), world.consent(B)
    world.applied((world.grant(d, A, consent=mine), 100_000))
    world.applied((world.grant(d, B, consent=theirs), 200_000))
    assert world.revoke(mine).code == "ok"
    assert queries.available(world.state, d, world.time) == 800_000
