"""The rulebook: every version of the rules that any block was ever made under. A version, once in force, is never changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel

from contracts import consents, declarations, disputes, enquiries, governance, members, models, orders, proposals, validators
from contracts.financings import models as financing_models
from contracts.financings.apply import apply
from contracts.financings.cancel import cancel
from contracts.financings.correct import correct
from contracts.financings.disburse import disburse
from contracts.financings.load import load
from contracts.financings.repay import repay
from contracts.financings.review import approve, intake
from contracts.financings.take_over import take_over
from contracts.financings.transfer import transfer
from contracts.financings.write_off import write_off
from contracts.genesis import write_genesis, write_genesis_of_version_1
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


_TYPES_OF_VERSION_1: Final = (
    _type("member.admit", models.MemberAdmit, members.admit),
    _type("member.suspend", models.MemberSuspend, members.suspend),
    _type("member.reinstate", models.MemberReinstate, members.reinstate),
    _type("member.succeed", models.MemberSucceed, members.succeed),
    _type("member.estate", models.MemberEstate, members.estate, "estate"),
    _type("governance.propose", proposals.GovernanceProposeOfVersion1, governance.propose),
    _type("governance.approve", proposals.GovernanceApprove, governance.approve),
    _type("key.add", models.KeyAdd, members.add_key),
    _type("key.revoke", models.KeyRevoke, members.revoke_key),
    _type("enterprise.enrol", models.Empty, members.enrol, "enrolment", optional=("registry",)),
    _type("declaration.register", models.DeclarationRegister, declarations.register, "declaration"),
    _type("declaration.amend", models.DeclarationAmend, declarations.amend, "declaration"),
    _type("declaration.void", models.DeclarationVoid, declarations.void, "declaration"),
    _type("declaration.collected", models.DeclarationCollected, declarations.collected, "collection"),
    _type("consent.give", models.ConsentGive, consents.give, "consent", "secret", optional=("secret-own",), one_time_key=_consent_key),
    _type("consent.revoke", models.ConsentRevoke, consents.revoke),
    _type("enquiry.request", models.EnquiryRequest, enquiries.request, "request"),
    _type("enquiry.take", models.EnquiryTake, enquiries.take),
    _type("enquiry.answer", models.EnquiryAnswer, enquiries.answer, "answer", optional=("secret",)),
    _type("financing.apply", financing_models.FinancingApply, apply, "application"),
    _type("financing.intake", financing_models.FinancingReview, intake),
    _type("financing.approve", financing_models.FinancingReview, approve, "pledge"),
    _type("financing.disburse", financing_models.FinancingDisburse, disburse, "loan"),
    _type("financing.repay", financing_models.FinancingRepay, repay, "repayment"),
    _type("financing.cancel", financing_models.FinancingCancel, cancel, optional=("reason",)),
    _type("financing.write-off", financing_models.FinancingWriteOff, write_off, "reason"),
    _type("financing.correct", financing_models.FinancingCorrect, correct, "reason"),
    _type("financing.transfer", financing_models.FinancingTransfer, transfer, optional=("terms",)),
    _type("financing.take-over", financing_models.FinancingTakeOver, take_over, "terms"),
    _type("financing.load", financing_models.FinancingLoad, load, "loan"),
    _type("dispute.open", models.DisputeOpen, disputes.open_dispute, "statement"),
    _type("dispute.resolve", models.DisputeResolve, disputes.resolve, "statement"),
    _type("order.freeze", models.OrderFreeze, orders.freeze, "order"),
    _type("order.lift", models.OrderLift, orders.lift, "order"),
)

# What version 2 adds: governors change the validators of a network that has them.
_CHANGED_IN_VERSION_2: Final = (
    _type("governance.propose", proposals.GovernancePropose, governance.propose),
    _type("key.revoke", models.KeyRevoke, validators.revoke_key),
)


def _by_name(*types: RecordType) -> dict[str, RecordType]:
    return {kind.name: kind for kind in types}


_VERSION_1: Final = Ruleset(1, _by_name(*_TYPES_OF_VERSION_1), write_genesis_of_version_1, governance.begin_block)
# The newest: what a new network begins with.
RULESET: Final = Ruleset(2, _by_name(*_TYPES_OF_VERSION_1, *_CHANGED_IN_VERSION_2), write_genesis, governance.begin_block)
RULEBOOK: Final[Rulebook] = {_VERSION_1.version: _VERSION_1, RULESET.version: RULESET}
