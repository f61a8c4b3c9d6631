"""What a node answers about credit, loans that change or were there before, complaints, orders, alerts and figures."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from api.client.models import Answer, AsOf, Money
from api.client.trade_models import Exporter


class OfferedLine(Answer):
    """A line of an offered loan; `drawn` is its share in parts per million of the declaration."""

    declaration_id: str
    number: str
    drawn: int
    outstanding: Money


class TransferOffer(Answer):
    """A loan that another bank offers."""

    id: str
    financing_id: str
    lender: str = Field(alias="from")
    state: str
    made: datetime
    until: datetime
    exporter: Exporter
    amount: Money
    lines: tuple[OfferedLine, ...]
    matures_on: date | None
    terms: str
    note: str


class ReportLine(Answer):
    """What loading an earlier loan would do to one declaration: `left` before it, and whether it `overuses`."""

    declaration_id: str
    number: str | None
    drawn: Money | None
    left: Money | None
    status: str
    overuses: bool
    code: str


class ConflictReport(Answer):
    """What loading an earlier loan would do; good for a day."""

    id: str
    made_by: str
    lines: tuple[ReportLine, ...]
    as_of: AsOf


class LoadRow(Answer):
    """What became of one row of a file of earlier loans."""

    position: int
    reference: str
    number: str
    result: str
    message: str
    conflict_report: str | None
    line: ReportLine | None
    task: str | None


class LoadFile(Answer):
    """What became of a file of earlier loans, row by row."""

    total: int
    accepted: int
    refused: int
    items: tuple[LoadRow, ...]


class CreditRow(Answer):
    """What became of one row of credit facts."""

    kind: str
    position: int
    uscc: str
    result: str
    message: str


class CreditImport(Answer):
    """What became of credit facts, row by row."""

    total: int
    accepted: int
    refused: int
    items: tuple[CreditRow, ...]


class CreditProfile(Answer):
    """The facts about an enterprise at a revision; a list of profiles leaves them out."""

    uscc: str
    revision: int
    updated: datetime
    facts: tuple[dict[str, Any], ...] = ()


class CreditRevision(Answer):
    """One fact as it was recorded, and which revision ended it."""

    revision: int
    kind: str
    key: str
    withdrawn: bool
    fact: dict[str, Any] | None
    recorded: datetime
    recorded_by: str
    source: str
    superseded_by_revision: int | None


class RateOf(Answer):
    """What one unit of a currency is worth in a limit's own."""

    currency: str
    rate: Decimal


class ParametersVersion(Answer):
    """A bank's parameters of its credit limits; weights, factors and haircut in parts per million."""

    version: int
    created: datetime
    created_by: str
    currency: str
    weights: dict[str, int]
    services: bool
    capital: bool
    class_factors: dict[str, int]
    penalty_haircut_ppm: int
    cap: Money
    floor: Money
    missing_as_zero: tuple[str, ...]
    rates: tuple[RateOf, ...]
    rate_source: str | None
    rates_of: date | None


class Assessment(Answer):
    """A credit limit, with every input and step that it was made of."""

    id: str
    uscc: str
    name: str
    enquiry_id: str
    facts_revision: int
    parameters_version: int
    created: datetime
    created_by: str
    limit: Money
    year: int
    base: Money
    contributions: tuple[dict[str, Any], ...]
    steps: tuple[dict[str, Any], ...]


class Order(Answer):
    """What is frozen by which paper; `state` is `standing` or `lifted`."""

    id: str
    kind: str
    target: str
    document_sha256: str
    state: str
    issuer: str | None
    reference: str | None
    text: str | None
    ordered: datetime
    record_id: str


class Dispute(Answer):
    """A complaint about a record, and what was said to it."""

    id: str
    record: str
    opened_by: str
    enterprise_id: str | None
    state: str
    statement: str | None
    answer: str | None
    opened: datetime
    resolved: datetime | None
    consent_revoked: str | None = None


class AlertChange(Answer):
    """Who did what about an alert, under a pseudonym, and why."""

    change: str
    who: str
    reason: str
    time: datetime


class Alert(Answer):
    """What a detector found, with the records that prove it; a list of alerts leaves the history out."""

    id: str
    code: str
    severity: str
    meaning: str
    subject: dict[str, str]
    bank: str | None
    exporter: Exporter | None
    records: tuple[str, ...]
    details: dict[str, Any]
    opened: datetime
    state: str
    owner: str | None
    reason: str
    history: tuple[AlertChange, ...] = ()


class Figures(Answer):
    """A table of the authority's: `items` are its rows by the names of its columns."""

    period: dict[str, date | None]
    items: tuple[dict[str, Any], ...]
    as_of: AsOf


class Reconciled(Answer):
    """Sealed money against public shares, of one declaration."""

    declaration_id: str
    number: str
    enterprise_id: str
    registered: Money
    shares: dict[str, int]
    owed: Money | None
    collected: Money | None
    financings: tuple[dict[str, Any], ...]
    agrees: bool


class ExchangeRate(Answer):
    """US dollars for a unit of a currency on a day, as the authority entered it."""

    currency: str
    day: date
    rate: Decimal
    entered: datetime
    who: str


class StatementRow(Answer):
    """What a financing owed, what moved, and what it owes, in `currency`."""

    financing_id: str
    reference: str
    branch: str
    product: str
    exporter: Exporter
    state: str
    currency: str
    opening: Decimal
    disbursed: Decimal
    repaid: Decimal
    other: Decimal
    closing: Decimal


class FinancingStatement(Answer):
    """A bank's financings over a period; `totals` by branch, exporter and currency."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    items: tuple[StatementRow, ...]
    totals: tuple[dict[str, Any], ...]


class StatementEntry(Answer):
    """What moved on a declaration on a day, and what was outstanding after it."""

    day: date
    what: str
    bank: str | None
    financing_id: str | None
    amount: Money
    outstanding: Money
    record_id: str


class DeclarationStatement(Answer):
    """A declaration over a month."""

    declaration_id: str
    number: str
    registered: Money
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    opening: Money
    entries: tuple[StatementEntry, ...]
    closing: Money
    available_now: Money
