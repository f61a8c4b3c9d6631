"""What a bank says of its financings in sealed parts. Plaintext formats, version 1; amounts in the minor unit of `currency`.

`lines` are in the places of the application's lines; a line that a record does not touch has 0. `attachments` are documents in the bank's
private store: their digests are sealed, and they themselves stay there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from contracts.shares import SHARES_MAX
from ledger.errors import InputError
from ledger.limits import ALLOCATIONS_BOUND, AMOUNT_MINOR_MAX, FINANCING_TEXT_CHARS_MAX
from nodes.attachments.reference import AttachmentRef, AttachmentRefs
from nodes.sealed_models import AmountMinor, CurrencyCode, Day, Hash, Number, SealedModel, SealedPart, Slug, TimeMs, Uscc

APPLICATION: Final = "application"
PLEDGE: Final = "pledge"
LOAN: Final = "loan"
REPAYMENT: Final = "repayment"
COLLECTION: Final = "collection"
REASON: Final = "reason"
TERMS: Final = "terms"

Written = TypeVar("Written", bound=SealedPart)
Text = Annotated[str, StringConstraints(max_length=FINANCING_TEXT_CHARS_MAX)]
SignedMinor = Annotated[int, Field(ge=-AMOUNT_MINOR_MAX, le=AMOUNT_MINOR_MAX)]
SignedAmounts = Annotated[list[SignedMinor], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
Amounts = Annotated[list[AmountMinor], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class AppliedLine(SealedModel):
    """What is asked on one declaration."""

    declaration: Hash
    number: Number
    amount_minor: AmountMinor


class ApplicationPart(SealedPart):
    """The part `application`, for bank, authority and enterprise. `enterprise` is its enrolment, `branch` the bank's own name for the
    office that lends, empty where it names none.
    """

    enterprise: Hash
    uscc: Uscc
    name: Text
    currency: CurrencyCode
    amount_minor: AmountMinor
    branch: Text
    product: Text
    reference: Text
    lines: Annotated[list[AppliedLine], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    attachments: Annotated[AttachmentRefs, Field(default_factory=list)]


class PledgePart(SealedPart):
    """The part `pledge`, for bank and authority: what was approved, and the agreement and registration that secure it."""

    agreement: Text
    registration_number: Text
    registered_at: Text
    currency: CurrencyCode
    lines: Amounts
    attachments: Annotated[AttachmentRefs, Field(default_factory=list)]


class ExchangeStated(SealedModel):
    """What an amount was worth in another currency: so many minor units of it, at `rate` units of it for one of the part's currency."""

    currency: CurrencyCode
    amount_minor: AmountMinor
    rate: Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?\z")]


class LoadedFrom(SealedModel):
    """Of a loan that was paid before its bank joined: whose it is, on which numbers, and the conflict report that its bank read first."""

    enterprise: Hash
    uscc: Uscc
    name: Text
    branch: Text
    product: Text
    numbers: Annotated[list[Number], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    report: Hash


class LoanPart(SealedPart):
    """The part `loan`, for bank, authority and enterprise: what was paid out."""

    currency: CurrencyCode
    amount_minor: AmountMinor
    lines: Amounts
    disbursed_on: Day
    matures_on: Day
    reference: Text
    exchange: ExchangeStated | None = None
    attachments: Annotated[AttachmentRefs, Field(default_factory=list)]
    loaded: LoadedFrom | None = None


class RepaymentPart(SealedPart):
    """The part `repayment`, for bank, authority and enterprise: what was paid back."""

    currency: CurrencyCode
    amount_minor: AmountMinor
    lines: Amounts
    paid_on: Day
    source: Literal["own-funds", "collections"]
    reference: Text


class CollectionPart(SealedPart):
    """The part `collection`, for its author, authority and exporter: what came in from abroad."""

    currency: CurrencyCode
    amount_minor: AmountMinor
    collected_on: Day
    reference: Text
    exchange: ExchangeStated | None = None


class ReasonPart(SealedPart):
    """The part `reason`, for bank, authority and enterprise: why a financing was let go."""

    text: Text


class AdjustmentPart(SealedPart):
    """The part `reason` of a write-off or a correction, for bank, authority and enterprise: why, and how much on each line; below zero it
    is taken back.
    """

    text: Text
    currency: CurrencyCode
    lines: SignedAmounts


class OfferedLine(SealedModel):
    """What is drawn on a declaration as the offer is made: the share, and what is outstanding."""

    declaration: Hash
    number: Number
    drawn: Annotated[int, Field(ge=0, le=SHARES_MAX)]
    amount_minor: AmountMinor


class OfferPart(SealedPart):
    """The part `terms` of an offer, for the bank that it is made to, the lender and the authority. `salt` opens the offer's commitment;
    `lines` are in the places of the financing's.
    """

    bank: Slug
    financing: Hash
    salt: Hash
    until: TimeMs
    enterprise: Hash
    uscc: Uscc
    name: Text
    currency: CurrencyCode
    amount_minor: AmountMinor
    lines: Annotated[list[OfferedLine], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    matures_on: Day
    terms: Text
    note: Text


class TakeOverPart(SealedPart):
    """The part `terms` of a take-over, for the next bank, the lender before it, the authority and the enterprise. `lines` are those that
    move, in their order.
    """

    financing: Hash
    enterprise: Hash
    uscc: Uscc
    name: Text
    currency: CurrencyCode
    amount_minor: AmountMinor
    branch: Text
    product: Text
    reference: Text
    lines: Annotated[list[AppliedLine], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    disbursed_on: Day
    matures_on: Day
    terms: Text


def written(model: type[Written], **fields: Any) -> Written:
    """A part made from what a person or program handed in. Raises `InputError` (`bad-field`) naming what does not fit."""
    for name, value in fields.items():
        if name.endswith("_on") and not is_day(value):
            raise InputError("bad-field", f"{name}: not a day", hint="write it as 2026-05-31")
    try:
        return model(**fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "the request"
        raise InputError("bad-field", f"{where}: {fault['msg']}") from error


def paid_out(
    currency: str,
    lines: Sequence[int],
    *,
    disbursed_on: str,
    matures_on: str,
    reference: str,
    attachments: Sequence[AttachmentRef],
    exchange: ExchangeStated | None = None,
    loaded: LoadedFrom | None = None,
) -> LoanPart:
    """What was paid out on each line. Raises as `written`, also for a loan that ends before it begins."""
    part = written(
        LoanPart,
        currency=currency,
        amount_minor=sum(lines),
        lines=list(lines),
        disbursed_on=disbursed_on,
        matures_on=matures_on,
        reference=reference,
        exchange=exchange,
        attachments=list(attachments),
        loaded=loaded,
    )
    if matures_on < disbursed_on:
        raise InputError("bad-field", "matures_on: a loan does not end before it begins")
    return part


def is_day(value: object) -> bool:
    """Whether a value is a day of the calendar as yyyy-mm-dd."""
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
