"""Enquiries: asked, taken by spending a consent, answered once."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.commitments import consent_commitment
from contracts.ruleset import RULESET
from tests.contracts.harness import AUTHORITY, DAY, START, A, B, World, name, one


def taking(request: str, consent: str, salt: str = name("salt")) -> dict[str, Any]:
    return {"request": request, "consent": consent, "salt": salt}


def answering(request: str, take: str | None, *grants: str) -> dict[str, Any]:
    return {"request": request, "take": take, "grants": list(grants)}


def test_only_a_bank_asks_and_only_the_authority_takes_and_answers() -> None:
    world = World()
    assert world.run("enquiry.request", {"kind": "credit"}, one(AUTHORITY)).code == "not-permitted"
    request, consent = world.request(), world.consent()
    assert world.run("enquiry.take", taking(request, consent), one(A)).code == "not-permitted"
    assert world.run("enquiry.answer", answering(request, None), one(A)).code == "not-permitted"


@pytest.mark.parametrize("status", ["suspended", "frozen"])
def test_a_suspended_or_frozen_bank_asks_nothing_new(status: str) -> None:
    world = World()
    world.stop(A, status)
    assert world.run("enquiry.request", {"kind": "credit"}, one(A)).code == status


def test_a_take_spends_one_use_and_happens_once() -> None:
    world = World()
    consent = world.consent(uses=1)
    request, another = world.request(), world.request()
    take = world.take(request, consent)
    assert world.entry("take", take) == {"request": request, "consent": consent, "bank": A}
    assert world.run("enquiry.take", taking(request, consent), one(AUTHORITY)).code == "already-taken"
    assert world.run("enquiry.take", taking(another, consent), one(AUTHORITY)).code == "consent-used-up"
    assert world.entry("consent", consent)["used"] == 1


def test_a_take_is_refused_without_a_live_consent_to_that_bank() -> None:
    world = World()
    request = world.request()
    consent = world.consent(not_before=START + 10, not_after=START + DAY)

    def code(**changes: str) -> str:
        return world.run("enquiry.take", {**taking(request, consent), **changes}, one(AUTHORITY)).code

    assert code(request=name("none")) == "unknown-request"
    assert code(consent=name("none")) == "unknown-consent"
    assert code() == "consent-expired"
    world.time = START + DAY
    assert code() == "consent-expired"
    world.time = START + 10
    assert code(salt=name("pepper")) == "commitment-mismatch"
    assert code(consent=world.consent(B)) == "commitment-mismatch"
    revoked = world.consent()
    world.revoke(revoked)
    assert code(consent=revoked) == "consent-revoked"
    world.time = START + DAY - 1
    assert code() == "ok"


def test_an_enquiry_is_answered_once_with_grants_nobody_gave_before() -> None:
    world = World()
    request, other = world.request(), world.request()
    consent = world.consent()
    take, other_take = world.take(request, consent), world.take(other, consent)
    assert world.run("enquiry.answer", answering(name("none"), take), one(AUTHORITY)).code == "unknown-request"
    assert world.run("enquiry.answer", answering(request, other_take), one(AUTHORITY)).code == "unknown-take"
    assert world.run("enquiry.answer", answering(request, None), one(AUTHORITY)).code == "already-taken"
    world.ok("enquiry.answer", answering(request, take, name("g"), name("h")), one(AUTHORITY))
    assert world.run("enquiry.answer", answering(request, take), one(AUTHORITY)).code == "already-answered"
    assert world.run("enquiry.answer", answering(other, other_take, name("i"), name("g")), one(AUTHORITY)).code == "already-registered"
    assert world.state.get(f"grant/{name('i')}") is None
    assert world.entry("grant", name("g"))["consent"] == consent


def test_a_request_may_be_declined_and_then_not_taken() -> None:
    world = World()
    request, consent = world.request(), world.consent()
    world.ok("enquiry.answer", answering(request, None), one(AUTHORITY))
    assert world.run("enquiry.take", taking(request, consent), one(AUTHORITY)).code == "already-answered"
    assert world.run("enquiry.answer", answering(request, None), one(AUTHORITY)).code == "already-answered"
    assert world.entry("consent", consent)["used"] == 0


def test_an_enquiry_about_credit_gives_no_grants() -> None:
    world = World()
    request = world.request(kind="credit")
    take = world.take(request, world.consent())
    assert world.run("enquiry.answer", answering(request, take, name("g")), one(AUTHORITY)).code == "malformed"
    world.ok("enquiry.answer", answering(request, take), one(AUTHORITY))


@pytest.mark.parametrize("body", [
    answering(name("r"), None, name("g")),
    answering(name("r"), name("t"), name("g"), name("g")),
    answering(name("r"), name("t"), *(name(str(n)) for n in range(501))),
    {"request": name("r"), "grants": []},
])  # fmt: skip
def test_an_answer_that_does_not_fit_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULESET.types["enquiry.answer"].model.model_validate(body, strict=True)


def test_a_commitment_hides_the_bank_behind_a_salt() -> None:
    assert consent_commitment(A, name("salt")) != consent_commitment(B, name("salt"))
    assert consent_commitment(A, name("salt")) != consent_commitment(A, name("pepper"))
