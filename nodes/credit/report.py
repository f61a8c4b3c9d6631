"""What an answer says of an enterprise's credit: per scope that was asked and consented to, made from facts by a pure function.

A scope that is not in `scopes` was not asked for or not consented to; one that is there without a section is one of which the authority
holds nothing. The history is bounded: the newest come first, and `left_out` says how many older ones are not shown. Where there is no
fact in any of the scopes the answer is `{"result": "unknown"}` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, TypeVar

from pydantic import Field

from ledger.limits import (
    CREDIT_CLASSES_SHOWN_MAX,
    CREDIT_MONTHS_SHOWN_MAX,
    CREDIT_PENALTIES_SHOWN_MAX,
    CREDIT_REVISIONS_MAX,
    CREDIT_YEARS_SHOWN_MAX,
)
from nodes.credit.facts import (
    SCOPES,
    BasicFact,
    ClassFact,
    CreditScope,
    Directory,
    Fact,
    Letter,
    MonthFact,
    Name,
    PenaltyFact,
    YearFact,
)
from nodes.sealed_models import Day, SealedModel, Uscc

CreditResult = Literal["reported", "unknown"]
LeftOut = Annotated[int, Field(ge=1, le=CREDIT_REVISIONS_MAX)]

F = TypeVar("F", bound=Fact)


class BasicSection(SealedModel):
    """Who it is, whether it stands in the directory and since when, and its class; what is not known is not there."""

    uscc: Uscc
    name: Name | None = None
    directory: Directory | None = None
    directory_since: Day | None = None
    enterprise_class: Letter | None = None
    class_since: Day | None = None


class TradeSection(SealedModel):
    """Years and months, the newest first."""

    years: Annotated[list[YearFact], Field(max_length=CREDIT_YEARS_SHOWN_MAX)]
    months: Annotated[list[MonthFact], Field(max_length=CREDIT_MONTHS_SHOWN_MAX)]
    years_left_out: LeftOut | None = None
    months_left_out: LeftOut | None = None


class RegulatorySection(SealedModel):
    """In the directory since when, which classes since when, and the penalties that are not repaired; the newest first."""

    directory_since: Day | None = None
    classes: Annotated[list[ClassFact], Field(max_length=CREDIT_CLASSES_SHOWN_MAX)]
    penalties: Annotated[list[PenaltyFact], Field(max_length=CREDIT_PENALTIES_SHOWN_MAX)]
    classes_left_out: LeftOut | None = None
    penalties_left_out: LeftOut | None = None


class CreditReport(SealedModel):
    """`revision` counts what the authority recorded about this enterprise: with it the same report can be made again."""

    result: CreditResult
    revision: Annotated[int, Field(ge=1, le=CREDIT_REVISIONS_MAX)] | None = None
    scopes: Annotated[list[CreditScope], Field(min_length=1, max_length=len(SCOPES))] | None = None
    basic: BasicSection | None = None
    trade: TradeSection | None = None
    regulatory: RegulatorySection | None = None


UNKNOWN: Final = CreditReport(result="unknown")


def report_of(uscc: str, facts: Sequence[Fact], revision: int, scopes: Sequence[CreditScope], day: str) -> CreditReport:
    """The report of the facts in force on a day (YYYY-MM-DD): a class or a repair that begins later does not count yet."""
    classes = sorted((fact for fact in _only(ClassFact, facts) if fact.since <= day), key=lambda fact: fact.since, reverse=True)
    basics = _only(BasicFact, facts)
    basic = basics[0] if basics else None
    sections = (
        _basic(uscc, basic, classes) if "basic" in scopes else None,
        _trade(facts) if "trade-credit" in scopes else None,
        _regulatory(basic, classes, facts, day) if "regulatory-credit" in scopes else None,
    )
    if sections == (None, None, None):
        return UNKNOWN
    named = [scope for scope in SCOPES if scope in scopes]
    return CreditReport(result="reported", revision=revision, scopes=named, basic=sections[0], trade=sections[1], regulatory=sections[2])


def _basic(uscc: str, basic: BasicFact | None, classes: Sequence[ClassFact]) -> BasicSection | None:
    if basic is None and not classes:
        return None
    return BasicSection(
        uscc=uscc,
        name=None if basic is None else basic.name,
        directory=None if basic is None else basic.directory,
        directory_since=None if basic is None else basic.directory_since,
        enterprise_class=classes[0].enterprise_class if classes else None,
        class_since=classes[0].since if classes else None,
    )


def _trade(facts: Sequence[Fact]) -> TradeSection | None:
    years = sorted(_only(YearFact, facts), key=lambda fact: fact.year, reverse=True)
    months = sorted(_only(MonthFact, facts), key=lambda fact: fact.month, reverse=True)
    if not years and not months:
        return None
    return TradeSection(
        years=years[:CREDIT_YEARS_SHOWN_MAX],
        months=months[:CREDIT_MONTHS_SHOWN_MAX],
        years_left_out=max(0, len(years) - CREDIT_YEARS_SHOWN_MAX) or None,
        months_left_out=max(0, len(months) - CREDIT_MONTHS_SHOWN_MAX) or None,
    )


def _regulatory(basic: BasicFact | None, classes: Sequence[ClassFact], facts: Sequence[Fact], day: str) -> RegulatorySection | None:
    penalties = _only(PenaltyFact, facts)
    if basic is None and not classes and not penalties:
        return None
    standing = [fact for fact in penalties if fact.repaired_on is None or fact.repaired_on > day]
    standing.sort(key=lambda fact: (fact.decided_on, fact.reference), reverse=True)
    shown = [fact.model_copy(update={"repaired_on": None}) for fact in standing[:CREDIT_PENALTIES_SHOWN_MAX]]
    return RegulatorySection(
        directory_since=basic.directory_since if basic is not None and basic.directory == "listed" else None,
        classes=list(classes[:CREDIT_CLASSES_SHOWN_MAX]),
        penalties=shown,
        classes_left_out=max(0, len(classes) - CREDIT_CLASSES_SHOWN_MAX) or None,
        penalties_left_out=max(0, len(standing) - CREDIT_PENALTIES_SHOWN_MAX) or None,
    )


def _only(model: type[F], facts: Iterable[Fact]) -> list[F]:
    return [fact for fact in facts if isinstance(fact, model)]
