"""What a bank says of its financings in sealed parts. Plaintext formats, version 1; amounts in the minor unit of `currency`.

`lines` are in the places of the application's lines; a line that a record does not touch has 0.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from ledger.limits import ALLOCATIONS_BOUND, FINANCING_TEXT_CHARS_MAX
from nodes.sealed_models import AmountMinor, CurrencyCode, Day, Hash, Number, SealedModel, SealedPart, Uscc

APPLICATION: Final = "application"
PLEDGE: Final = "pledge"
LOAN: Final = "loan"
REPAYMENT: Final = "repayment"
COLLECTION: Final = "collection"
REASON: Final = "reason"

Text = Annotated[str, StringConstraints(max_length=FINANCING_TEXT_CHARS_MAX)]
Amounts = Annotated[list[AmountMinor], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class ApplicationLine(SealedModel):
    """What is asked on one declaration."""

    declaration: Hash
    number: Number
    amount_minor: AmountMinor


class ApplicationPart(SealedPart):
    """The part `application`, for bank, authority and enterprise. `enterprise` is its enrolment."""

    enterprise: Hash
    uscc: Uscc
    name: Text
    currency: CurrencyCode
    amount_minor: AmountMinor
    product: Text
    reference: Text
    lines: Annotated[list[ApplicationLine], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class PledgePart(SealedPart):
    """The part `pledge`, for bank and authority: what was approved, and the agreement and registration that secure it."""

    agreement: Text
    registration_number: Text
    registered_at: Text
    currency: CurrencyCode
    lines: Amounts


class LoanPart(SealedPart):
    """The part `loan`, for bank, authority and enterprise: what was paid out."""

    currency: CurrencyCode
    amount_minor: AmountMinor
    lines: Amounts
    disbursed_on: Day
    matures_on: Day
    reference: Text


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


class ReasonPart(SealedPart):
    """The part `reason`, for bank, authority and enterprise: why a financing was let go."""

    text: Text
