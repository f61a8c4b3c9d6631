"""Enquiries: a bank asks, the authority takes the request by spending a use of a consent, and answers with grants.

What is asked and answered is sealed. A grant is a commitment, so nobody sees which declarations it is about until its bank uses it.
"""

from __future__ import annotations

from contracts import consents, entries
from contracts.commitments import consent_commitment
from contracts.guards import AUTHORITY, BANK, author_of, known, may_start, require, rule
from contracts.models import EnquiryAnswer, EnquiryRequest, EnquiryTake
from ledger.rules import OK, Context, Result, State


@rule
def request(state: State, context: Context, body: EnquiryRequest) -> Result:
    """`enquiry.request`, by a bank."""
    author = author_of(state, context)
    require(author.role == BANK, "not-permitted")
    may_start(author)
    entries.put_enquiry(state, context.record_id, {"bank": author.member, "kind": body.kind, "take": None, "answer": None})
    return OK


@rule
def take(state: State, context: Context, body: EnquiryTake) -> Result:
    """`enquiry.take`, by the authority: spends one use of a live consent whose commitment the salt opens to the request's bank."""
    enquiry = known(entries.enquiry(state, body.request), "unknown-request")
    require(author_of(state, context).role == AUTHORITY, "not-permitted")
    require(enquiry["take"] is None, "already-taken")
    require(enquiry["answer"] is None, "already-answered")
    consent = known(entries.consent(state, body.consent), "unknown-consent")
    consents.in_force(consent, context.time_ms)
    require(consent["used"] < consent["uses"], "consent-used-up")
    require(consent_commitment(enquiry["bank"], body.salt) == consent["commitment"], "commitment-mismatch")
    consent["used"] += 1
    entries.put_consent(state, body.consent, consent)
    enquiry["take"] = context.record_id
    entries.put_enquiry(state, body.request, enquiry)
    entries.put_take(state, context.record_id, {"request": body.request, "consent": body.consent, "bank": enquiry["bank"]})
    return OK


@rule
def answer(state: State, context: Context, body: EnquiryAnswer) -> Result:
    """`enquiry.answer`, by the authority, once: with the grants that the take allows, or a refusal of a request never taken."""
    enquiry = known(entries.enquiry(state, body.request), "unknown-request")
    require(author_of(state, context).role == AUTHORITY, "not-permitted")
    require(enquiry["answer"] is None, "already-answered")
    if body.take is None:
        require(enquiry["take"] is None, "already-taken")
    else:
        require(enquiry["take"] == body.take, "unknown-take")
        _put_grants(state, body.take, body.grants, enquiry["kind"])
    enquiry["answer"] = context.record_id
    entries.put_enquiry(state, body.request, enquiry)
    return OK


def _put_grants(state: State, take_id: str, grants: list[str], kind: str) -> None:
    require(kind == "declarations" or not grants, "malformed")
    taken = entries.take(state, take_id)
    assert taken is not None, "an enquiry names only a take that exists"
    for commitment in grants:
        require(entries.grant(state, commitment) is None, "already-registered")
        grant: entries.Grant = {"consent": taken["consent"], "take": take_id, "maximum": None, "uses": None, "used": 0, "lines": []}
        entries.put_grant(state, commitment, grant)
