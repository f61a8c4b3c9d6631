"""What the letters about financing requests say. Bodies, version 1; amounts in the minor unit, days as numbers.

A request has revisions: the first is 1, and each correction is the next. An answer names the revision that it is about.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from ledger.errors import InputError
from ledger.limits import (
    ACCOUNT_NAME_CHARS_MAX,
    ATTACHMENT_SENT_BYTES_MAX,
    FINANCING_TEXT_CHARS_MAX,
    REQUEST_FIELDS_MAX,
    REQUEST_LINES_MAX,
    REQUEST_TENOR_DAYS_MAX,
)
from nodes.attachments.reference import AttachmentRefs, FileName
from nodes.enquiries.parts import AskedAmount
from nodes.enterprises import SealedKey
from nodes.sealed_models import Hash, Number, SealedModel, SealedPart, Slug, Uscc

REQUEST: Final = "request"
WITHDRAWAL: Final = "withdrawal"
ANSWER: Final = "answer"
DOCUMENT: Final = "document"

Revision = Annotated[int, Field(ge=1, le=1_000)]
# No database keeps the null character, and nobody means it.
Text = Annotated[str, StringConstraints(max_length=FINANCING_TEXT_CHARS_MAX, pattern=r"^[^\x00]*\z")]
Needed = Annotated[str, StringConstraints(min_length=1, max_length=FINANCING_TEXT_CHARS_MAX, pattern=r"^[^\x00]*\z")]
State = Literal["SENT", "RECEIVED", "SENT_BACK", "RESENT", "REFUSED", "TAKEN_UP", "WITHDRAWN"]


class WantedLine(SealedModel):
    """A declaration, and how much is wanted on it."""

    number: Number
    amount: AskedAmount


class Form(SealedModel):
    """What the exporter fills in."""

    bank: Slug
    lines: Annotated[list[WantedLine], Field(min_length=1, max_length=REQUEST_LINES_MAX)]
    product: Needed
    purpose: Needed
    tenor_days: Annotated[int, Field(ge=1, le=REQUEST_TENOR_DAYS_MAX)]
    contact: Needed
    attachments: AttachmentRefs


class RequestBody(SealedPart):
    """A request, or its correction. `seal` is where the bank's answers are sealed to, None in custody."""

    request: Hash
    revision: Revision
    enterprise: Hash
    uscc: Uscc
    name: Annotated[str, StringConstraints(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX, pattern=r"^[^\x00]*\z")]
    seal: SealedKey | None
    form: Form


class WithdrawalBody(SealedPart):
    """The exporter wants it no more."""

    request: Hash
    reason: Text


class AnswerBody(SealedPart):
    """What the bank makes of a revision. `fields` are those to be corrected; `financing` the application that it became."""

    request: Hash
    revision: Revision
    state: Literal["RECEIVED", "SENT_BACK", "REFUSED", "TAKEN_UP"]
    reason: Text
    fields: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}\z")]], Field(max_length=REQUEST_FIELDS_MAX)]
    financing: Hash | None


class DocumentBody(SealedPart):
    """A document that a request names, in base64."""

    sha256: Hash
    name: FileName
    data: Annotated[str, StringConstraints(min_length=1, max_length=ATTACHMENT_SENT_BYTES_MAX * 4 // 3 + 4)]


def filled_in(**fields: Any) -> Form:
    """A form made from what a person or program handed in. Raises `InputError` (`bad-field`) naming what does not fit."""
    try:
        return Form(**fields)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "the request"
        raise InputError("bad-field", f"{where}: {fault['msg']}") from error
