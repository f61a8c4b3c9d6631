"""Computing a credit limit: a pure function of the facts that a bank was told and of its own parameters, in integers throughout.

    base  = sum over collections, payments, exports, imports of  floor(amount * weight)
    limit = base * class factor, less the haircut for each penalty in force, at most the cap; zero where it is below the floor

An amount is the sum of the kinds that count (goods always; services and capital items where the parameters say so), each first turned into
the limit's currency, rounded down. Every step is rounded down, so a limit never promises more than the facts carry. Each contribution
names its parts, its weight, the exact product and what rounding took. An input that is not known is refused, not counted as zero, unless
the parameters name it or it weighs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.errors import Refused
from nodes.credit.facts import Flows, Letter
from nodes.credit.parameters import RATE_ONE, WHOLE, Input, Parameters
from nodes.customs.codes import digits_of

ContributionName = Literal["collections", "payments", "exports", "imports"]
StepName = Literal["class", "penalties", "cap", "floor"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was told of one year, in the minor unit of `currency`; None is not known. `penalties` is the number in force."""

    year: int
    currency: str
    collections: Flows
    payments: Flows
    exports_minor: int | None
    imports_minor: int | None
    enterprise_class: Letter | None
    penalties: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """One amount that was told, and what it is in the limit's currency. `counts`: the parameters take it in; `assumed`: it counts as zero
    because it is not known.
    """

    input: Input
    told_minor: int | None
    amount_minor: int
    counts: bool
    assumed: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """`amount_minor` times `weight_ppm` is `product`; a millionth of that, rounded down, is `contribution_minor`, and `remainder_ppm`
    millionths of a minor unit were lost by rounding.
    """

    name: ContributionName
    parts: tuple[Counted, ...]
    amount_minor: int
    weight_ppm: int
    product: int
    contribution_minor: int
    remainder_ppm: int


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to the sum, and why. `factor_ppm` is what was left of it; None where a bound was set."""

    name: StepName
    reason: str
    factor_ppm: int | None
    before_minor: int
    after_minor: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """The limit in the minor unit of `currency`, and everything that it was made of, in order."""

    currency: str
    year: int
    told_currency: str
    rate_ppb: int
    services: bool
    capital: bool
    contributions: tuple[Contribution, ...]
    base_minor: int
    steps: tuple[Step, ...]
    limit_minor: int


def assess(inputs: Inputs, parameters: Parameters) -> Assessment:
    """Raises `Refused`: `input-missing`, naming every one; `rate-missing`."""
    contributions = tuple(_contributions(inputs, parameters))
    _refuse_missing(inputs, parameters, contributions)
    base = sum(each.contribution_minor for each in contributions)
    steps = tuple(_steps(base, inputs, parameters))
    return Assessment(
        currency=parameters.currency,
        year=inputs.year,
        told_currency=inputs.currency,
        rate_ppb=parameters.rate_ppb(inputs.currency),
        services=parameters.services,
        capital=parameters.capital,
        contributions=contributions,
        base_minor=base,
        steps=steps,
        limit_minor=steps[-1].after_minor,
    )


def _contributions(inputs: Inputs, parameters: Parameters) -> Iterator[Contribution]:
    weights = parameters.weights
    collected, paid = inputs.collections, inputs.payments
    yield _contribution(
        "collections",
        weights.collections,
        inputs,
        parameters,
        [
            ("collections.goods", collected.goods_minor, True),
            ("collections.services", collected.services_minor, parameters.services),
            ("collections.capital", collected.capital_minor, parameters.capital),
        ],
    )
    yield _contribution(
        "payments",
        weights.payments,
        inputs,
        parameters,
        [
            ("payments.goods", paid.goods_minor, True),
            ("payments.services", paid.services_minor, parameters.services),
            ("payments.capital", paid.capital_minor, parameters.capital),
        ],
    )
    yield _contribution("exports", weights.exports, inputs, parameters, [("exports", inputs.exports_minor, True)])
    yield _contribution("imports", weights.imports, inputs, parameters, [("imports", inputs.imports_minor, True)])


def _contribution(
    name: ContributionName, weight_ppm: int, inputs: Inputs, parameters: Parameters, told: Sequence[tuple[Input, int | None, bool]]
) -> Contribution:
    parts = tuple(
        Counted(
            input=which,
            told_minor=minor,
            amount_minor=0 if minor is None else converted(minor, inputs.currency, parameters),
            counts=counts,
            assumed=counts and minor is None,
        )
        for which, minor, counts in told
    )
    amount = sum(part.amount_minor for part in parts if part.counts)
    product = amount * weight_ppm
    return Contribution(name, parts, amount, weight_ppm, product, product // WHOLE, product % WHOLE)


def converted(amount_minor: int, currency: str, parameters: Parameters) -> int:
    """An amount in the minor unit of the limit's currency, rounded down. Raises `Refused` (`rate-missing`)."""
    scale_to, scale_from = int(10 ** digits_of(parameters.currency)), int(10 ** digits_of(currency))
    return amount_minor * parameters.rate_ppb(currency) * scale_to // (RATE_ONE * scale_from)


def _refuse_missing(inputs: Inputs, parameters: Parameters, contributions: Sequence[Contribution]) -> None:
    """An input matters where it would count; one that weighs nothing may be missing."""
    missing: list[str] = [part.input for each in contributions if each.weight_ppm for part in each.parts if part.assumed]
    if inputs.penalties is None and parameters.penalty_haircut_ppm:
        missing.append("penalties")
    missing = [name for name in missing if name not in parameters.missing_as_zero]
    if inputs.enterprise_class is None:
        missing.append("class")
    if missing:
        hint = "ask for the scopes that hold them, or name them in the parameters' missing_as_zero"
        raise Refused("input-missing", f"the answer does not say: {', '.join(missing)}", hint=hint)


def _steps(base: int, inputs: Inputs, parameters: Parameters) -> Iterator[Step]:
    letter = inputs.enterprise_class
    assert letter is not None, "a missing class was refused"
    factors = parameters.class_factors
    factor = {"A": factors.A, "B": factors.B, "C": factors.C}[letter]
    sum_minor = base * factor // WHOLE
    yield Step("class", f"class {letter}", factor, base, sum_minor)
    count = inputs.penalties or 0
    left = WHOLE - min(WHOLE, count * parameters.penalty_haircut_ppm)
    before, sum_minor = sum_minor, sum_minor * left // WHOLE
    yield Step("penalties", f"{count} in force" if inputs.penalties is not None else "not known", left, before, sum_minor)
    before, sum_minor = sum_minor, min(sum_minor, parameters.cap_minor)
    yield Step("cap", "above the cap" if sum_minor < before else "within the cap", None, before, sum_minor)
    before, sum_minor = sum_minor, sum_minor if sum_minor >= parameters.floor_minor else 0
    yield Step("floor", "below the floor" if sum_minor < before else "not below the floor", None, before, sum_minor)
