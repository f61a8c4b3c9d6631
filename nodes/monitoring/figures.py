"""The figures of supervision: stock, flow, series, stage times; by exporter, bank, region, product. Amounts of different currencies are
never added up; what they are worth in US dollars is said beside them, with the day of the rate.

Stock is as of now: `outstanding` is lent, not repaid and not written off, `overdue` what of it was due before today; `committed` is
approved and not yet lent, `held` by applications that may still be approved. Flow is what happened on the days of a period.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from contracts.balances import UNAPPROVED
from contracts.months import DAY_MS
from contracts.shares import WHOLE
from nodes.days import day_of
from nodes.declarations.book import declarations
from nodes.financings.amounts import amount_of_share
from nodes.monitoring.rates import BASE, in_dollars, rate_on
from nodes.monitoring.tables import events, financings, lines, loans
from nodes.sums import exact_sum, total

STOCK: Final = ("outstanding", "committed", "held", "overdue", "written_off")
FLOW: Final = ("applied", "approved", "disbursed", "repaid", "cancelled")
STAGES: Final = {"intake": "apply-to-intake", "approved": "intake-to-approve", "disbursed": "approve-to-disburse"}
WHOLE_WAY: Final = "apply-to-disburse"


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum in the minor unit of a currency; unlike `Money` it has no upper bound."""

    currency: str
    minor: int


Cell = str | int | Amount | None
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Filters:
    """What figures are about; None is everything. Days are in UTC+8, `since` and `until` both included."""

    since: str | None = None
    until: str | None = None
    bank: str | None = None
    region: str | None = None
    currency: str | None = None
    product: str | None = None

    def where(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        """The conditions on a table that has these columns."""
        names = ("bank", "region", "currency", "product")
        return [table.c[name] == value for name in names if (value := getattr(self, name)) is not None]

    def period(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the day of an event."""
        conditions = self.where(events)
        if self.since is not None:
            conditions.append(events.c.day >= self.since)
        if self.until is not None:
            conditions.append(events.c.day <= self.until)
        return conditions


@dataclass(frozen=True, slots=True)
class Position:
    """How a financing stands in money, in minor units."""

    row: Any
    outstanding: int
    committed: int
    held: int
    overdue: int
    written_off: int


def summary(connection: sa.Connection, filters: Filters, now_ms: int) -> list[Row]:
    """A row for each currency: stock, flow, how many, and what outstanding and disbursed are worth in US dollars."""
    stock: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys((*STOCK, "financings"), 0))
    for position in positions(connection, filters, now_ms):
        _add(stock[position.row.currency], position)
    flows = _flows(connection, filters, (events.c.currency,))
    for (currency,) in flows:
        stock[currency]["financings"] += 0
    today = day_of(now_ms)
    return [_summary_row(connection, currency, stock[currency], flows.get((currency,), {}), today) for currency in sorted(stock)]


def series(connection: sa.Connection, filters: Filters, by: str) -> list[Row]:
    """A row for each period (`day`, or `month`) and currency in which something happened: the flow."""
    folded: dict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for (day, currency), kinds in _flows(connection, filters, (events.c.day, events.c.currency)).items():
        period = folded[day[:7] if by == "month" else day, currency]
        for kind, (count, minor) in kinds.items():
            known = period.get(kind, (0, 0))
            period[kind] = (known[0] + count, known[1] + minor)
    return [
        {"period": period, "currency": currency, **_flow_cells(currency, folded[period, currency])} for period, currency in sorted(folded)
    ]


def stages(connection: sa.Connection, filters: Filters) -> list[Row]:
    """A row for each stage that ended in the period: how long it took, and how many within a day, which is the platform's promise."""
    times: dict[str, list[int]] = {stage: [] for stage in (*STAGES.values(), WHOLE_WAY)}
    ended = sa.select(events.c.kind, events.c.stage_ms).where(events.c.stage_ms.is_not(None), *filters.period())
    for row in connection.execute(ended):
        times[STAGES[row.kind]].append(row.stage_ms)
    took = sa.select((financings.c.disbursed_ms - financings.c.applied_ms).label("took_ms"))
    joined = took.select_from(events.join(financings, financings.c.id == events.c.financing))
    paid = joined.where(
        events.c.kind == "disbursed", events.c.stage_ms.is_not(None), financings.c.applied_ms.is_not(None), *filters.period()
    )
    times[WHOLE_WAY] = [row.took_ms for row in connection.execute(paid)]
    return [{"stage": stage, **_distribution(found)} for stage, found in times.items()]


def exporters(connection: sa.Connection, filters: Filters, now_ms: int, limit: int) -> list[Row]:
    """The exporters with the most outstanding, by currency; those with the most disbursed in the period where that is alike."""
    return _grouped(connection, filters, now_ms, ("enterprise",), ("uscc", "name"))[:limit]


def banks(connection: sa.Connection, filters: Filters, now_ms: int) -> list[Row]:
    """A row for each bank, region, branch and currency."""
    return _grouped(connection, filters, now_ms, ("bank", "region", "branch"), ())


def regions(connection: sa.Connection, filters: Filters, now_ms: int) -> list[Row]:
    """A row for each region of a bank (GB/T 2260) and currency."""
    return _grouped(connection, filters, now_ms, ("region",), ())


def products(connection: sa.Connection, filters: Filters, now_ms: int) -> list[Row]:
    """A row for each product, as banks name theirs, and currency."""
    return _grouped(connection, filters, now_ms, ("product",), ())


def positions(connection: sa.Connection, filters: Filters, now_ms: int) -> Iterator[Position]:
    """Every financing that fits, as it stands in money."""
    due: dict[str, int] = {}
    matured = sa.select(loans.c.financing, *exact_sum(loans.c.amount_minor, "minor")).where(loans.c.matures_on < day_of(now_ms))
    for loan in connection.execute(matured.group_by(loans.c.financing)):
        due[loan.financing] = total(loan, "minor")
    joined = financings.join(lines, lines.c.financing == financings.c.id).outerjoin(declarations, declarations.c.id == lines.c.declaration)
    query = sa.select(*financings.c, *_LINE, declarations.c.registered_minor).select_from(joined).where(*filters.where(financings))
    own: list[Any] = []
    for row in connection.execute(query.order_by(financings.c.log_index, lines.c.line)):
        if own and own[0].id != row.id:
            yield _position(own, due.get(own[0].id, 0), now_ms)
            own = []
        own.append(row)
    if own:
        yield _position(own, due.get(own[0].id, 0), now_ms)


_LINE: Final = tuple(lines.c[name] for name in ("held", "lost", "applied_minor", "approved_minor", "disbursed_minor", "repaid_minor"))


def _position(own: Sequence[Any], due_minor: int, now_ms: int) -> Position:
    first = own[0]
    holds = first.state in UNAPPROVED and first.hold_until_ms is not None and now_ms < first.hold_until_ms
    held = committed = outstanding = written_off = 0
    for line in own:
        worth = 0 if line.registered_minor is None else amount_of_share(line.held, line.registered_minor)
        owed = max(0, line.disbursed_minor - line.repaid_minor)
        lost = 0 if line.registered_minor is None else min(owed, amount_of_share(line.lost, line.registered_minor))
        held += min(line.applied_minor, worth) if holds else 0
        agreed = line.applied_minor if line.approved_minor is None else line.approved_minor
        committed += max(0, min(agreed - line.disbursed_minor, worth)) if first.state == "APPROVED" else 0
        outstanding, written_off = outstanding + owed - lost, written_off + lost
    overdue = max(0, min(outstanding, due_minor - sum(line.repaid_minor for line in own)))
    return Position(first, outstanding, committed, held, overdue, written_off)


def _grouped(connection: sa.Connection, filters: Filters, now_ms: int, keys: Sequence[str], shown: Sequence[str]) -> list[Row]:
    """Stock and flow by some columns and the currency, the most outstanding first."""
    stock: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys((*STOCK, "financings"), 0))
    named: dict[tuple[str, ...], dict[str, str]] = {}
    for position in positions(connection, filters, now_ms):
        key = tuple(getattr(position.row, name) for name in (*keys, "currency"))
        _add(stock[key], position)
        named[key] = {name: getattr(position.row, name) for name in shown}
    flows = _flows(connection, filters, tuple(events.c[name] for name in (*keys, "currency")))
    order = sorted(stock, key=lambda key: (-stock[key]["outstanding"], -flows.get(key, {}).get("disbursed", (0, 0))[1], key))
    rows: list[Row] = []
    for key in order:
        currency = key[-1]
        cells = {name: Amount(currency, stock[key][name]) for name in STOCK}
        head: dict[str, Cell] = {**dict(zip((*keys, "currency"), key, strict=True)), **named[key], "financings": stock[key]["financings"]}
        rows.append({**head, **cells, **_flow_cells(currency, flows.get(key, {}))})
    return rows


def _add(sums: dict[str, int], position: Position) -> None:
    for name in STOCK:
        sums[name] += getattr(position, name)
    sums["financings"] += 1


def _flows(connection: sa.Connection, filters: Filters, columns: tuple[Any, ...]) -> dict[tuple[str, ...], dict[str, tuple[int, int]]]:
    """How many and how much of each kind of event, by some columns."""
    counted = (sa.func.count().label("times"), *exact_sum(events.c.amount_minor, "minor"))
    query = sa.select(*columns, events.c.kind, *counted).where(*filters.period()).group_by(*columns, events.c.kind)
    found: dict[tuple[str, ...], dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in connection.execute(query):
        found[tuple(row)[: len(columns)]][row.kind] = (int(row.times), total(row, "minor"))
    return found


def _flow_cells(currency: str, kinds: Mapping[str, tuple[int, int]]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for kind in FLOW:
        count, minor = kinds.get(kind, (0, 0))
        cells |= {kind: Amount(currency, minor), f"{kind}_count": count}
    return cells


def _summary_row(
    connection: sa.Connection, currency: str, stock: Mapping[str, int], flow: Mapping[str, tuple[int, int]], today: str
) -> Row:
    rate = rate_on(connection, currency, today)
    dollars: dict[str, Cell] = {"outstanding_usd": None, "disbursed_usd": None, "rate": None, "rate_day": None}
    if rate is not None:
        lent = flow.get("disbursed", (0, 0))[1]
        worth = {
            name: Amount(BASE, in_dollars(minor, rate))
            for name, minor in (("outstanding_usd", stock["outstanding"]), ("disbursed_usd", lent))
        }
        dollars = {**worth, "rate": rate.rate, "rate_day": rate.day}
    cells = {name: Amount(currency, stock[name]) for name in STOCK}
    return {"currency": currency, "financings": stock["financings"], **cells, **_flow_cells(currency, flow), **dollars}


def _distribution(found: Iterable[int]) -> dict[str, Cell]:
    """Nearest ranks. `within_a_day_ppm` is a part in a million."""
    times = sorted(found)
    count = len(times)
    if count == 0:
        return {"count": 0, "median_ms": None, "p90_ms": None, "longest_ms": None, "within_a_day_ppm": None}
    within = sum(1 for each in times if each <= DAY_MS)
    ranked = {name: times[-(-count * part // 100) - 1] for name, part in (("median_ms", 50), ("p90_ms", 90), ("longest_ms", 100))}
    return {"count": count, **ranked, "within_a_day_ppm": within * WHOLE // count}
