"""The rulebook: every version of the rules that any block was ever made under. A version, once in force, is never changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from contracts import consents, declarations, enquiries, members, models
from contracts.financings.apply import apply
from contracts.financings.cancel import cancel
from contracts.financings.disburse import disburse
from contracts.financings.repay import repay
from contracts.financings.review import approve, intake
from contracts.genesis import write_genesis
from ledger.keys import PublicKey
from ledger.rules import Handler, RecordType, Rulebook, Ruleset


def _type(
    name: str,
    model: type[BaseModel],
    handle: Handler,
    *parts: str,
    optional: tuple[str, ...] = (),
    one_time_key: Callable[[Any], PublicKey] | None = None,
) -> RecordType:
    """`parts` must be there, because the authority supervises by what they say; `optional` ones may."""
    return RecordType(name, model, handle, frozenset((*parts, *optional)), frozenset(parts), one_time_key)


def _consent_key(body: models.ConsentGive) -> PublicKey:
    return body.key.to_public()


_TYPES: Final = (
    _type("member.admit", models.MemberAdmit, members.admit),
    _type("key.add", models.KeyAdd, members.add_key),
    _type("key.revoke", models.KeyRevoke, members.revoke_key),
    _type("enterprise.enrol", models.Empty, members.enrol, "enrolment"),
    _type("declaration.register", models.DeclarationRegister, declarations.register, "declaration"),
    _type("declaration.amend", models.DeclarationAmend, declarations.amend, "declaration"),
    _type("declaration.void", models.DeclarationVoid, declarations.void, "declaration"),
    _type("declaration.collected", models.DeclarationCollected, declarations.collected, "collection"),
    _type("consent.give", models.ConsentGive, consents.give, "consent", "secret", optional=("secret-own",), one_time_key=_consent_key),
    _type("consent.revoke", models.ConsentRevoke, consents.revoke),
    _type("enquiry.request", models.EnquiryRequest, enquiries.request, "request"),
    _type("enquiry.take", models.EnquiryTake, enquiries.take),
    _type("enquiry.answer", models.EnquiryAnswer, enquiries.answer, "answer", optional=("secret",)),
    _type("financing.apply", models.FinancingApply, apply, "application"),
    _type("financing.intake", models.FinancingReview, intake),
    _type("financing.approve", models.FinancingReview, approve, "pledge"),
    _type("financing.disburse", models.FinancingDisburse, disburse, "loan"),
    _type("financing.repay", models.FinancingRepay, repay, "repayment"),
    _type("financing.cancel", models.FinancingCancel, cancel, optional=("reason",)),
)

RULESET: Final = Ruleset(1, {kind.name: kind for kind in _TYPES}, write_genesis)
RULEBOOK: Final[Rulebook] = {RULESET.version: RULESET}
