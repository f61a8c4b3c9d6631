"""What sealed parts have in common once they are opened: strict models, and one error for content that cannot be used.

An opened part was written by another member, so it is input like any other: wrong types, unknown fields and unknown versions are
refused with `part-malformed`, and the sentence names the field, never its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ledger.errors import InputError
from ledger.limits import AMOUNT_MINOR_MAX, INTEGER_MAX
from nodes.customs.codes import CURRENCY_DIGITS


def _of_calendar(day: str) -> str:
    date.fromisoformat(day)
    return day


def _known_currency(code: str) -> str:
    if code not in CURRENCY_DIGITS:
        raise ValueError("the currency is not one that this registry knows")
    return code


Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\z")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}\z")]
Uscc = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{18}\z")]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{18}\z")]
# Whoever seals may write a day that no calendar has and a currency of no country. Whatever reckons with them relies on their being one.
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z"), AfterValidator(_of_calendar)]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}\z"), AfterValidator(_known_currency)]
TimeMs = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
AmountMinor = Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]

VERSION: Final = 1

Part = TypeVar("Part", bound="SealedPart")


class SealedModel(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SealedPart(SealedModel):
    """The whole of a part: it says which version of its format it is in."""

    v: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION

    def content(self) -> dict[str, Any]:
        """The plaintext, for canonical JSON."""
        return self.model_dump(mode="json")


def read_part(model: type[Part], content: Mapping[str, Any]) -> Part:
    """An opened part as its model. Raises `InputError` (`part-malformed`)."""
    if "v" not in content:
        raise InputError("part-malformed", "the opened part does not say its version")
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"]) or "the whole"
        raise InputError("part-malformed", f"the opened part does not fit its format at {where}") from error
