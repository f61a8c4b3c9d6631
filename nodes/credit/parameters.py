"""A bank's own parameters of its credit limits. Every change makes a new version; a version never changes, so a limit can be explained.

Weights, factors and haircuts are in parts per million, so that all arithmetic is in integers. A rate says how many units of the limit's
currency one unit of another is worth, in parts per billion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

import sqlalchemy as sa
from pydantic import Field, StringConstraints, ValidationError, model_validator

from ledger import canonical
from ledger.clock import Clock
from ledger.errors import InputError, NotFound, Refused
from ledger.limits import AMOUNT_MINOR_MAX, CREDIT_RATES_MAX, CREDIT_WEIGHT_PPM_MAX, INTEGER_MAX
from nodes.credit.facts import Text
from nodes.customs.codes import digits_of
from nodes.private import PrivateStore, metadata
from nodes.sealed_models import Day, SealedModel

WHOLE: Final = 1_000_000
RATE_ONE: Final = 1_000_000_000

Weight = Annotated[int, Field(ge=0, le=CREDIT_WEIGHT_PPM_MAX)]
Factor = Annotated[int, Field(ge=0, le=WHOLE)]
Amount = Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]
# Which of them there are is looked up once the rest fits: the bank is told that it is the currency.
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}\z")]
Input = Literal[
    "collections.goods",
    "collections.services",
    "collections.capital",
    "payments.goods",
    "payments.services",
    "payments.capital",
    "exports",
    "imports",
    "penalties",
]


class Weights(SealedModel):
    """How much of each input counts towards the limit, in ppm."""

    collections: Weight
    payments: Weight
    exports: Weight
    imports: Weight


class ClassFactors(SealedModel):
    """What part of the weighted sum an enterprise of each class gets, in ppm."""

    A: Factor
    B: Factor
    C: Factor


class Rate(SealedModel):
    """What one unit of `currency` is worth in the limit's currency, times 10**9, rounded by whoever set it."""

    currency: Currency
    rate_ppb: Annotated[int, Field(ge=1, le=INTEGER_MAX)]


class Parameters(SealedModel):
    """Everything that a limit depends on beside the facts.

    `services` and `capital`: whether collections and payments of those kinds count beside goods. `penalty_haircut_ppm` is taken off for
    each penalty in force, the whole at most. A sum above `cap_minor` becomes the cap; one below `floor_minor` is too small to be a limit
    and becomes zero. `missing_as_zero` names inputs that count as zero where the facts do not say them; any other is refused.
    """

    currency: Currency
    weights: Weights
    services: bool
    capital: bool
    class_factors: ClassFactors
    penalty_haircut_ppm: Factor
    cap_minor: Amount
    floor_minor: Amount
    missing_as_zero: Annotated[list[Input], Field(max_length=9)]
    rates: Annotated[list[Rate], Field(max_length=CREDIT_RATES_MAX)]
    rate_source: Text | None
    rates_of: Day | None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        currencies = [rate.currency for rate in self.rates]
        if len(set(currencies)) != len(currencies) or self.currency in currencies:
            raise ValueError("a currency has one rate, and the limit's own has none")
        if len(set(self.missing_as_zero)) != len(self.missing_as_zero):
            raise ValueError("an input is named once")
        if self.rates and (self.rate_source is None or self.rates_of is None):
            raise ValueError("rates have a source and a day")
        if self.floor_minor > self.cap_minor:
            raise ValueError("the floor lies above the cap")
        return self

    def rate_ppb(self, currency: str) -> int:
        """Raises `Refused` (`rate-missing`)."""
        if currency == self.currency:
            return RATE_ONE
        found = next((rate.rate_ppb for rate in self.rates if rate.currency == currency), None)
        if found is None:
            raise Refused("rate-missing", f"the parameters have no rate for {currency}", hint="set one in a new version of the parameters")
        return found


def parameters_of(content: object) -> Parameters:
    """Raises `InputError` (`parameters-invalid`, `currency-unknown`), naming the field."""
    try:
        parameters = Parameters.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "parameters"
        raise InputError("parameters-invalid", f"{where}: {fault['msg']}") from error
    for currency in (parameters.currency, *(rate.currency for rate in parameters.rates)):
        digits_of(currency)
    return parameters


credit_parameters = sa.Table(
    "credit_parameters",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    comment="a bank's parameters of its credit limits, canonical JSON; the newest version is the one in use",
)


@dataclass(frozen=True, slots=True)
class Version:
    """Parameters as they were set, by whom and when."""

    version: int
    parameters: Parameters
    created_ms: int
    created_by: str


class ParameterBook:
    """The versions of one bank."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock

    def set(self, parameters: Parameters, by: str) -> Version:
        """A new version, in use from now on. The same parameters again are the version that they are."""
        text = canonical.encode(parameters.model_dump(mode="json")).decode("utf-8")
        with self._private.begin() as connection:
            newest = connection.execute(sa.select(credit_parameters).order_by(credit_parameters.c.version.desc()).limit(1)).first()
            if newest is not None and newest.content == text:
                return _version(newest)
            row = {"version": 1 if newest is None else newest.version + 1, "content": text}
            made = {**row, "created_ms": self._clock.now_ms(), "created_by": by}
            connection.execute(sa.insert(credit_parameters).values(**made))
        return Version(int(made["version"]), parameters, int(made["created_ms"]), by)

    def get(self, version: int | None = None) -> Version:
        """A version, or the one in use. Raises `NotFound` (`unknown-parameters`), `Refused` (`no-parameters`)."""
        query = sa.select(credit_parameters).order_by(credit_parameters.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(credit_parameters.c.version == version)
        with self._private.reading() as connection:
            row = connection.execute(query).first()
        if row is not None:
            return _version(row)
        if version is None:
            raise Refused("no-parameters", "this bank has set no parameters for credit limits", hint="set them at /v1/credit-parameters")
        raise NotFound("unknown-parameters", "there is no such version of the parameters")

    def list(self, after: int = 0, limit: int = 500) -> list[Version]:
        """In order; `after` is the last version that was seen."""
        query = sa.select(credit_parameters).where(credit_parameters.c.version > after).order_by(credit_parameters.c.version)
        with self._private.reading() as connection:
            return [_version(row) for row in connection.execute(query.limit(limit))]


def _version(row: Any) -> Version:
    parameters = parameters_of(canonical.decode(row.content.encode("utf-8")))
    return Version(row.version, parameters, row.created_ms, row.created_by)
