"""Credit facts and reports as the API shows them: money as decimal strings, what is not known as null, ratios as decimal text."""

from __future__ import annotations

from typing import Any, Final

from nodes.credit.facts import BasicFact, ClassFact, Fact, Flows, MonthFact, PenaltyFact, YearFact
from nodes.credit.report import BasicSection, CreditReport, RegulatorySection, TradeSection
from nodes.money import decimal_text

_UNKNOWN: Final = "the authority holds nothing about this enterprise in what was asked for and consented to"
_RATIO_PLACES: Final = 6


def report_json(report: CreditReport) -> dict[str, Any]:
    """What an answer says. An unknown one has no field but a sentence."""
    if report.result == "unknown":
        return {"result": report.result, "message": _UNKNOWN}
    return {
        "result": report.result,
        "revision": report.revision,
        "scopes": report.scopes,
        "basic": None if report.basic is None else _basic(report.basic),
        "trade_credit": None if report.trade is None else _trade(report.trade),
        "regulatory_credit": None if report.regulatory is None else _regulatory(report.regulatory),
    }


def fact_json(fact: Fact) -> dict[str, Any]:
    """One fact, with its kind."""
    if isinstance(fact, BasicFact):
        content: dict[str, Any] = {"name": fact.name, "directory": fact.directory, "directory_since": fact.directory_since}
    elif isinstance(fact, ClassFact):
        content = _class(fact)
    elif isinstance(fact, YearFact):
        content = _year(fact)
    elif isinstance(fact, MonthFact):
        content = _month(fact)
    else:
        content = {**_penalty(fact), "repaired_on": fact.repaired_on}
    return {"kind": fact.kind, **content}


def ratio_text(part_minor: int | None, whole_minor: int | None) -> str | None:
    """One amount as a multiple of another, six places, rounded down; None where either is not known or the other is zero."""
    if part_minor is None or not whole_minor:
        return None
    whole, fraction = divmod(part_minor * 10**_RATIO_PLACES // whole_minor, 10**_RATIO_PLACES)
    return f"{whole}.{fraction:0{_RATIO_PLACES}d}"


def _basic(section: BasicSection) -> dict[str, Any]:
    return {
        "uscc": section.uscc,
        "name": section.name,
        "directory": section.directory,
        "directory_since": section.directory_since,
        "class": section.enterprise_class,
        "class_since": section.class_since,
    }


def _trade(section: TradeSection) -> dict[str, Any]:
    return {
        "years": [_year(fact) for fact in section.years],
        "months": [_month(fact) for fact in section.months],
        "years_left_out": section.years_left_out or 0,
        "months_left_out": section.months_left_out or 0,
    }


def _regulatory(section: RegulatorySection) -> dict[str, Any]:
    return {
        "directory_since": section.directory_since,
        "classes": [_class(fact) for fact in section.classes],
        "penalties": [_penalty(fact) for fact in section.penalties],
        "classes_left_out": section.classes_left_out or 0,
        "penalties_left_out": section.penalties_left_out or 0,
    }


def _year(fact: YearFact) -> dict[str, Any]:
    return {
        "year": fact.year,
        "collections": _flows(fact.collections, fact.currency),
        "payments": _flows(fact.payments, fact.currency),
        "exports": _money(fact.exports_minor, fact.currency),
        "imports": _money(fact.imports_minor, fact.currency),
        "ratios": {
            "goods_collections_to_exports": ratio_text(fact.collections.goods_minor, fact.exports_minor),
            "goods_payments_to_imports": ratio_text(fact.payments.goods_minor, fact.imports_minor),
        },
    }


def _month(fact: MonthFact) -> dict[str, Any]:
    return {"month": fact.month, "collections": _flows(fact.collections, fact.currency)}


def _flows(flows: Flows, currency: str) -> dict[str, Any]:
    """The total is known only where each kind is."""
    kinds = (flows.goods_minor, flows.services_minor, flows.capital_minor)
    known = [minor for minor in kinds if minor is not None]
    goods, services, capital = (_money(minor, currency) for minor in kinds)
    total = _money(sum(known), currency) if len(known) == len(kinds) else None
    return {"goods": goods, "services": services, "capital": capital, "total": total}


def _class(fact: ClassFact) -> dict[str, Any]:
    return {"class": fact.enterprise_class, "since": fact.since, "reason": fact.reason}


def _penalty(fact: PenaltyFact) -> dict[str, Any]:
    return {
        "reference": fact.reference,
        "decided_on": fact.decided_on,
        "description": fact.description,
        "amount": None if fact.currency is None else _money(fact.amount_minor, fact.currency),
    }


def _money(minor: int | None, currency: str) -> dict[str, str] | None:
    """A total may lie beyond any single amount, so this is not bounded as `Money` is."""
    return None if minor is None else {"currency": currency, "value": decimal_text(minor, currency)}
