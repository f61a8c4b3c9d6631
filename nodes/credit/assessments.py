"""A bank's credit limits (授信额度): computed from the answer to an enquiry about credit and its own parameters, and kept.

An assessment stands in the bank's private database only, never on the ledger and nowhere else. It names the record that holds the answer
and the version of the parameters, so it can be computed again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ledger.errors import NotFound, Refused
from nodes.consents.book import consents
from nodes.credit.assess import Assessment, Inputs, assess
from nodes.credit.facts import Flows, YearFact
from nodes.credit.parameters import ParameterBook, Parameters
from nodes.credit.report import CreditReport
from nodes.customs.codes import digits_of
from nodes.enquiries.asking import Enquiries, Enquiry
from nodes.enquiries.book import ANSWERED
from nodes.money import decimal_text
from nodes.private import metadata

if TYPE_CHECKING:
    from nodes.node import Node

credit_assessments = sa.Table(
    "credit_assessments",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False, unique=True),
    sa.Column("uscc", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("enquiry", sa.Text, nullable=False),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("parameters", sa.BigInteger, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    comment="a bank's computed credit limits, with every input; `record_id` holds the facts, `parameters` is a version",
)


@dataclass(frozen=True, slots=True)
class KeptAssessment:
    """`content` is what `document_of` makes. `sequence` is the place to go on from in a list."""

    id: str
    sequence: int
    uscc: str
    name: str
    enquiry: str
    record_id: str
    revision: int
    parameters: int
    content: dict[str, Any]
    created_ms: int
    created_by: str


class Assessments:
    """For a bank's node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._parameters = ParameterBook(node.private, node.clock)

    def make(self, enquiry_id: str, by: str, *, parameters: int | None = None, year: int | None = None) -> KeptAssessment:
        """Computes a limit and keeps it. Without a version the parameters in use; without a year the last full one when it was answered.

        Raises `NotFound` (`unknown-enquiry`, `unknown-parameters`), `Refused`: `not-about-credit`, `not-answered`, `no-credit-facts`,
        `no-parameters`, and as `assess`.
        """
        enquiry = Enquiries(self._node).get(enquiry_id)
        report = _report_of(enquiry)
        assert enquiry.as_of is not None, "an answer says its time"
        answered = datetime.fromtimestamp(enquiry.as_of.time_ms / 1000, UTC)
        version = self._parameters.get(parameters)
        found = assess(inputs_of(report, year if year is not None else answered.year - 1), version.parameters)
        content = json.dumps(document_of(found, version.parameters), ensure_ascii=False)
        values = {
            "id": self._node.random(16).hex(),
            "enquiry": enquiry.id,
            "record_id": enquiry.answer_record,
            "revision": report.revision or 0,
            "parameters": version.version,
            "content": content,
            "created_ms": self._node.clock.now_ms(),
            "created_by": by,
        }
        with self._node.private.begin() as connection:
            consent = connection.execute(sa.select(consents.c.uscc, consents.c.name).where(consents.c.id == enquiry.consent)).one()
            last = connection.execute(sa.select(sa.func.max(credit_assessments.c.sequence))).scalar() or 0
            about = {"uscc": consent.uscc, "name": consent.name, "sequence": last + 1}
            connection.execute(sa.insert(credit_assessments).values(**values, **about))
        return self.get(str(values["id"]))

    def get(self, assessment_id: str) -> KeptAssessment:
        """Raises `NotFound` (`unknown-assessment`)."""
        with self._node.private.reading() as connection:
            row = connection.execute(sa.select(credit_assessments).where(credit_assessments.c.id == assessment_id)).first()
        if row is None:
            raise NotFound("unknown-assessment", "this node knows no such assessment")
        return _kept(row)

    def list(self, after: int = 0, limit: int = 500, uscc: str | None = None) -> Sequence[KeptAssessment]:
        """In the order in which they were made; `after` is the sequence of the last one that was seen."""
        query = sa.select(credit_assessments).where(credit_assessments.c.sequence > after).order_by(credit_assessments.c.sequence)
        if uscc is not None:
            query = query.where(credit_assessments.c.uscc == uscc)
        with self._node.private.reading() as connection:
            return [_kept(row) for row in connection.execute(query.limit(limit))]


def inputs_of(report: CreditReport, year: int) -> Inputs:
    """What a report says of a year: an amount that it does not say is None, and so is the count of penalties without that scope."""
    facts = next((fact for fact in report.trade.years if fact.year == year), None) if report.trade is not None else None
    told = facts or YearFact(year=year, currency="USD", collections=Flows(), payments=Flows())
    regulatory = report.regulatory
    letter = report.basic.enterprise_class if report.basic is not None else None
    if letter is None and regulatory is not None and regulatory.classes:
        letter = regulatory.classes[0].enterprise_class
    return Inputs(
        year=year,
        currency=told.currency,
        collections=told.collections,
        payments=told.payments,
        exports_minor=told.exports_minor,
        imports_minor=told.imports_minor,
        enterprise_class=letter,
        penalties=None if regulatory is None else len(regulatory.penalties) + (regulatory.penalties_left_out or 0),
    )


def document_of(found: Assessment, parameters: Parameters) -> dict[str, Any]:
    """The assessment for people and programs: money as decimal strings, and each product exactly, with six more places than money has."""
    money, told = _money_in(found.currency), _money_in(found.told_currency)
    parts = digits_of(found.currency) + 6
    return {
        "limit": money(found.limit_minor),
        "year": found.year,
        "rate": None
        if found.told_currency == found.currency
        else {
            "from": found.told_currency,
            "to": found.currency,
            "rate_ppb": found.rate_ppb,
            "source": parameters.rate_source,
            "of": parameters.rates_of,
        },
        "services_count": found.services,
        "capital_counts": found.capital,
        "contributions": [
            {
                "input": each.name,
                "parts": [
                    {
                        "input": part.input,
                        "told": None if part.told_minor is None else told(part.told_minor),
                        "amount": money(part.amount_minor),
                        "counts": part.counts,
                        "assumed_zero": part.assumed,
                    }
                    for part in each.parts
                ],
                "amount": money(each.amount_minor),
                "weight_ppm": each.weight_ppm,
                "product": _exact(each.product, parts),
                "rounding": {"mode": "down", "remainder_ppm": each.remainder_ppm},
                "contribution": money(each.contribution_minor),
            }
            for each in found.contributions
        ],
        "base": money(found.base_minor),
        "steps": [
            {
                "name": step.name,
                "reason": step.reason,
                "factor_ppm": step.factor_ppm,
                "before": money(step.before_minor),
                "after": money(step.after_minor),
            }
            for step in found.steps
        ],
    }


def _money_in(currency: str) -> Callable[[int], dict[str, str]]:
    """A weighted sum may lie beyond any amount that a declaration has, so this is not bounded as `Money` is."""
    return lambda minor: {"currency": currency, "value": decimal_text(minor, currency)}


def _exact(product: int, places: int) -> str:
    whole, fraction = divmod(product, 10**places)
    return f"{whole}.{fraction:0{places}d}"


def _report_of(enquiry: Enquiry) -> CreditReport:
    if enquiry.kind != "credit":
        raise Refused("not-about-credit", "the enquiry is not about credit", hint="ask one with kind credit")
    if enquiry.state != ANSWERED or enquiry.credit is None:
        raise Refused("not-answered", "the enquiry has no answer to compute a limit from")
    if enquiry.credit.result != "reported":
        raise Refused("no-credit-facts", "the authority holds no credit facts of this enterprise in what was consented to")
    return enquiry.credit


def _kept(row: Any) -> KeptAssessment:
    fields = row._asdict()
    return KeptAssessment(**{**fields, "content": json.loads(fields["content"])})
