"""What a bank asks and the authority answers, in sealed parts. Plaintext formats, version 1.

A line about a declaration that is not registered, or is not the consenting enterprise's, is `{"result":"unknown"}` and nothing else:
it carries not even the number, which the bank knows by the line's place and nobody else should learn from it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from contracts.shares import WHOLE
from ledger.limits import ENQUIRY_LINES_MAX, GRANT_USES_MAX
from nodes.consents.terms import Hex32, PaperBasis
from nodes.credit.facts import SCOPES, CreditScope
from nodes.credit.report import CreditReport
from nodes.sealed_models import AmountMinor, CurrencyCode, Day, Hash, Number, SealedModel, SealedPart, Slug, TimeMs, Uscc

REQUEST_PART: Final = "request"
ANSWER_PART: Final = "answer"
SECRET_PART: Final = "secret"

Kind = Literal["declarations", "credit"]
Agreement = Literal["match", "mismatch", "not-asked"]
LineResult = Literal["match", "unknown", "not-export", "currency-mismatch", "amount-mismatch", "date-mismatch"]


class AskedAmount(SealedModel):
    """Money in the minor unit."""

    currency: CurrencyCode
    amount_minor: AmountMinor


class AskedLine(SealedModel):
    """One declaration as the bank was shown it. What is None was not asked."""

    number: Number
    exporter_uscc: Uscc
    amount: AskedAmount | None
    export_date: Day | None


class RequestPart(SealedPart):
    """The part `request`, for the authority and the bank that asks. `scopes` are those asked of credit; empty: all that is consented.
    It names the consent, or in its place the `basis` on which the custodian of the exporter makes one.
    """

    consent: Hash | None
    kind: Kind
    basis: PaperBasis | None = None
    lines: Annotated[list[AskedLine], Field(max_length=ENQUIRY_LINES_MAX)]
    scopes: list[CreditScope] = Field(default_factory=list, max_length=len(SCOPES))

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.consent is None) == (self.basis is None):
            raise ValueError("an enquiry is under a consent or on a basis that makes one")
        return self


class Integrity(SealedModel):
    """Does each field agree with what is registered?"""

    amount: Agreement
    currency: Agreement
    export_date: Agreement


class Status(SealedModel):
    """How a declaration stands: amounts in the minor unit of `currency`; `until` is the first millisecond in which it is too old."""

    declaration: Literal["registered", "amended", "overused", "collected", "void", "replaced"]
    use: Literal["unfinanced", "part-financed", "fully-financed"]
    currency: CurrencyCode
    financeable_minor: AmountMinor
    available_minor: AmountMinor
    available_ppm: Annotated[int, Field(ge=0, le=10 * WHOLE)]
    until: TimeMs


class Source(SealedModel):
    """Which registrar registered the declaration, and whether the key that signed it is in force still."""

    registered_by: Slug
    key: Literal["good", "revoked"]


class AnswerLine(SealedModel):
    """The answer about the request's line in the same place. `granted`: the bank may apply for financing on it."""

    result: LineResult
    number: Number | None = None
    declaration: Hash | None = None
    integrity: Integrity | None = None
    status: Status | None = None
    source: Source | None = None
    granted: bool | None = None


class AsOf(SealedModel):
    """The state that an answer was read from."""

    height: Annotated[int, Field(ge=0)]
    time_ms: TimeMs


class AnswerPart(SealedPart):
    """The part `answer`, for bank, authority and enterprise. `code` is `answered`, or why the enquiry was declined; `credit` is there in
    answers to enquiries of that kind.
    """

    request: Hash
    code: Annotated[str, Field(pattern=r"^[a-z][a-z-]{1,63}\z")]
    as_of: AsOf
    lines: Annotated[list[AnswerLine], Field(max_length=ENQUIRY_LINES_MAX)]
    credit: CreditReport | None = None

    def content(self) -> dict[str, Any]:
        """The plaintext. What a line does not say is not there, so that one about nothing has the same bytes whatever was asked."""
        return self.model_dump(mode="json", exclude_none=True)


class GrantOpening(SealedModel):
    """What opens a grant's commitment, with the consent and the bank."""

    declaration: Hash
    maximum: Annotated[int, Field(ge=1, le=10 * WHOLE)]
    uses: Annotated[int, Field(ge=1, le=GRANT_USES_MAX)]
    end: TimeMs
    salt: Hex32


class SecretLine(SealedModel):
    """The record in which the registrar registered the declaration, what opens its sealed part, and the grant."""

    record: Hash
    content_key: Hex32
    grant: GrantOpening | None


class AnswerSecret(SealedPart):
    """The part `secret`, for bank and authority: in the places of the request's lines, None where there is nothing to open."""

    consent: Hash
    lines: Annotated[list[SecretLine | None], Field(max_length=ENQUIRY_LINES_MAX)]
