"""Bodies of the records about financings, and the openings of grants that some of them carry.

Lists of shares have one for each line of the financing, the lines that got no hold among them.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.models import Body, Hash, Share, TimeMs, distinct
from contracts.shares import SHARES_MAX
from ledger.limits import ALLOCATIONS_BOUND, COLLECTIONS_PER_REPAYMENT_MAX, GRANT_USES_MAX

LineShare = Annotated[int, Field(ge=0, le=SHARES_MAX)]
LineShares = Annotated[list[LineShare], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
SignedShare = Annotated[int, Field(ge=-SHARES_MAX, le=SHARES_MAX)]
SignedShares = Annotated[list[SignedShare], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class GrantOpening(Body):
    """Every field of a grant's commitment but the bank, which is the author."""

    declaration: Hash
    maximum: Share
    uses: Annotated[int, Field(ge=1, le=GRANT_USES_MAX)]
    end: TimeMs
    consent: Hash
    salt: Hash


class Allocation(Body):
    """A share of one declaration, under one grant."""

    grant: GrantOpening
    share: Share


class FinancingApply(Body):
    """`all` lines get a hold or none; `partial`: those that pass."""

    lines: Annotated[list[Allocation], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
    hold_until: TimeMs
    mode: Literal["all", "partial"]


class FinancingReview(Body):
    """`shares`: what each line of the application keeps, 0 lets it go; None keeps all as it is."""

    financing: Hash
    shares: LineShares | None


class FinancingDisburse(Body):
    """What is drawn on each line; `final` frees the rest."""

    financing: Hash
    shares: LineShares
    final: bool


class UsedCollection(Body):
    """How much of a collection a repayment uses up."""

    collection: Hash
    share: Annotated[int, Field(ge=1, le=SHARES_MAX)]


class FinancingRepay(Body):
    """What is repaid on each line, and from what."""

    financing: Hash
    shares: LineShares
    source: Literal["own-funds", "collections"]
    collections: Annotated[list[UsedCollection], Field(max_length=COLLECTIONS_PER_REPAYMENT_MAX)]

    @model_validator(mode="after")
    def _names_its_source(self) -> Self:
        if bool(self.collections) != (self.source == "collections"):
            raise ValueError("collections are named where they are the source, and only there")
        distinct([used.collection for used in self.collections])
        return self


class FinancingCancel(Body):
    """`stale` is the authority's reason, the others are the lender's."""

    financing: Hash
    reason: Literal["rejected", "withdrawn", "error", "stale"]


class FinancingWriteOff(Body):
    """What is written off on each line; a negative share takes it back."""

    financing: Hash
    shares: SignedShares


class FinancingCorrect(Body):
    """What is added to what is drawn on each line, or, negative, taken from it."""

    financing: Hash
    shares: SignedShares


class FinancingTransfer(Body):
    """An offer to the bank that its commitment hides, until before a time; None withdraws it."""

    financing: Hash
    offer: Hash | None
    until: TimeMs | None

    @model_validator(mode="after")
    def _offers_or_withdraws(self) -> Self:
        if (self.offer is None) != (self.until is None):
            raise ValueError("an offer has an end, and a withdrawal has neither")
        return self


class FinancingTakeOver(Body):
    """`salt` opens the offer's commitment; `grants` has an opening for each line with something drawn, None for the others."""

    financing: Hash
    salt: Hash
    grants: Annotated[list[GrantOpening | None], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class FinancingLoad(Body):
    """What was drawn and not repaid of a loan that was paid already, by declaration."""

    lines: Annotated[list[Allocation], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]
