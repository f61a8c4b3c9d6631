"""Facts of an enterprise's cross-border credit, as the authority keeps them: five kinds, each strict and closed.

A fact is about one enterprise, named by its credit code, and one thing, named by its `key`: a year, a month, the day from which a class
holds, a penalty's reference. A newer fact about the same thing supersedes the older one. Amounts are in the minor unit of the fact's
currency; None is not known, which is never the same as zero. Collections and payments are those of the balance of payments, parted into
goods, services and capital items; exports and imports are customs volumes.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from ledger.errors import InputError
from ledger.limits import ACCOUNT_NAME_CHARS_MAX, CREDIT_TEXT_CHARS_MAX
from nodes.sealed_models import AmountMinor, CurrencyCode, Day, SealedModel

Kind = Literal["basic", "class", "year", "month", "penalty"]
CreditScope = Literal["basic", "trade-credit", "regulatory-credit"]
Letter = Literal["A", "B", "C"]
Directory = Literal["listed", "removed"]
Year = Annotated[int, Field(ge=1979, le=2199)]
Month = Annotated[str, StringConstraints(pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])\z")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=CREDIT_TEXT_CHARS_MAX, pattern=r"^[^\x00-\x1f\x7f]+\z")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX, pattern=r"^[^\x00-\x1f\x7f]+\z")]

KINDS: Final[tuple[Kind, ...]] = ("basic", "class", "year", "month", "penalty")
SCOPES: Final[tuple[CreditScope, ...]] = ("basic", "trade-credit", "regulatory-credit")


class BasicFact(SealedModel):
    """Name and place in the directory of enterprises that may pay and collect abroad. `directory_since`: the present status."""

    kind: Literal["basic"] = "basic"
    name: Name
    directory: Directory
    directory_since: Day

    @property
    def key(self) -> str:
        return ""


class ClassFact(SealedModel):
    """The class that the authority put the enterprise in, from a day until the next class holds."""

    kind: Literal["class"] = "class"
    enterprise_class: Letter
    since: Day
    reason: Text | None = None

    @property
    def key(self) -> str:
        return self.since


class Flows(SealedModel):
    """Money across the border in one direction, by what it is for."""

    goods_minor: AmountMinor | None = None
    services_minor: AmountMinor | None = None
    capital_minor: AmountMinor | None = None


class YearFact(SealedModel):
    """A calendar year."""

    kind: Literal["year"] = "year"
    year: Year
    currency: CurrencyCode
    collections: Flows
    payments: Flows
    exports_minor: AmountMinor | None = None
    imports_minor: AmountMinor | None = None

    @property
    def key(self) -> str:
        return str(self.year)


class MonthFact(SealedModel):
    """What was collected in a month."""

    kind: Literal["month"] = "month"
    month: Month
    currency: CurrencyCode
    collections: Flows

    @property
    def key(self) -> str:
        return self.month


class PenaltyFact(SealedModel):
    """A penalty by its reference. From `repaired_on` the enterprise has repaired it, and no answer shows it any more."""

    kind: Literal["penalty"] = "penalty"
    reference: Text
    decided_on: Day
    description: Text
    currency: CurrencyCode | None = None
    amount_minor: AmountMinor | None = None
    repaired_on: Day | None = None

    @property
    def key(self) -> str:
        return self.reference


Fact = BasicFact | ClassFact | YearFact | MonthFact | PenaltyFact
_ANY: Final[TypeAdapter[Fact]] = TypeAdapter(Annotated[Fact, Field(discriminator="kind")])


def content_of(fact: Fact) -> dict[str, Any]:
    """The fact as it is kept: what is not known is not there."""
    return fact.model_dump(mode="json", exclude_none=True)


def fact_of(content: object) -> Fact:
    """Raises `InputError` (`fact-malformed`), naming the field and never its value."""
    try:
        return _ANY.validate_python(content)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"][1:]) or "the whole"
        raise InputError("fact-malformed", f"the fact does not fit its format at {where}") from error
