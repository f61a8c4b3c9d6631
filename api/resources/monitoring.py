"""The authority's figures: stock and flow, series, stage times, exporters, banks, regions, products, and money reconciled with shares.

Each is JSON, or a file to keep: `format=csv`, `format=xlsx`, or the media type in `Accept`. Days are in UTC+8. Amounts of different
currencies stand in different rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, FastAPI, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, TheNode
from api.exports import Format, file_response
from api.look_ups import pseudonym
from api.models import ApiModel, Limit
from api.responses import as_of, json_response, page, single
from contracts.shares import WHOLE
from ledger.errors import InputError
from ledger.limits import INTEGER_MAX, MONITORING_COUNT_MAX, MONITORING_DAYS_MAX
from nodes.financings.parts import is_day
from nodes.money import decimal_of, decimal_text
from nodes.monitoring import figures
from nodes.monitoring.figures import Amount, Filters, Row
from nodes.monitoring.reconciliation import Reconciled, ReconciledLine, reconcile
from nodes.monitoring.settings import change_settings, settings_at
from nodes.node import Node
from nodes.spreadsheets import Cell, Sheet

DayText = Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
SlugText = Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
RegionText = Annotated[str | None, Query(pattern=r"^[0-9]{6}$", description="of the bank, GB/T 2260")]
CurrencyText = Annotated[str | None, Query(pattern=r"^[A-Z]{3}$")]
ProductText = Annotated[str | None, Query(max_length=200)]
By = Annotated[Literal["day", "month"], Query(description="how long a period is")]
AfterIndex = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
DeclarationQuery = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$")]
Days = Annotated[int, Field(ge=1, le=MONITORING_DAYS_MAX)]
Count = Annotated[int, Field(ge=1, le=MONITORING_COUNT_MAX)]

_ACCEPTED: Final[dict[str, Literal["csv", "xlsx"]]] = {
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What figures are about, and the form of the answer."""

    since: Annotated[DayText, Query(alias="from", description="the first day")] = None
    until: Annotated[DayText, Query(alias="to", description="the last day")] = None
    bank: SlugText = None
    region: RegionText = None
    currency: CurrencyText = None
    product: ProductText = None
    chosen: Format = "json"

    def filters(self) -> Filters:
        """Raises `InputError` (`bad-period`)."""
        for day in (self.since, self.until):
            if day is not None and not is_day(day):
                raise InputError("bad-period", "the period does not begin and end on a day of the calendar", hint="write 2026-05-31")
        if self.since is not None and self.until is not None:
            days = (date.fromisoformat(self.until) - date.fromisoformat(self.since)).days
            if not 0 <= days < MONITORING_DAYS_MAX:
                raise InputError("bad-period", f"a period has 1 to {MONITORING_DAYS_MAX} days")
        return Filters(self.since, self.until, self.bank, self.region, self.currency, self.product)


Wanted = Annotated[_Wanted, Depends()]


class SettingsIn(ApiModel):
    """Thresholds to set from now on; what is left out stays. See `GET`."""

    double_attempt_days: Days | None = None
    lapses: Count | None = None
    lapses_days: Days | None = None
    enquiry_days: Days | None = None
    unused_enquiries: Count | None = None
    unused_enquiries_days: Days | None = None
    collection_days: Days | None = None
    rate_tolerance_ppm: Annotated[int, Field(ge=0, le=WHOLE)] | None = None
    rate_age_days: Days | None = None


def summary(request: Request, node: TheNode, wanted: Wanted) -> Response:
    """A row for each currency: stock now, flow in the period, and what outstanding and disbursed are in US dollars at the rate named."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "summary", figures.summary(connection, wanted.filters(), node.clock.now_ms()))


def series(request: Request, node: TheNode, wanted: Wanted, by: By = "day") -> Response:
    """A row for each day or month and currency in which something happened."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "series", figures.series(connection, wanted.filters(), by))


def stages(request: Request, node: TheNode, wanted: Wanted) -> Response:
    """How long each stage took that ended in the period, and which part in a million within a day."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "stages", figures.stages(connection, wanted.filters()))


def exporters(request: Request, node: TheNode, wanted: Wanted, limit: Limit = 20) -> Response:
    """The exporters with the most outstanding."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "exporters", figures.exporters(connection, wanted.filters(), node.clock.now_ms(), limit))


def banks(request: Request, node: TheNode, wanted: Wanted) -> Response:
    """Stock and flow of each bank, region, branch and currency."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "banks", figures.banks(connection, wanted.filters(), node.clock.now_ms()))


def regions(request: Request, node: TheNode, wanted: Wanted) -> Response:
    """Stock and flow of each region of a bank (GB/T 2260) and currency."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "regions", figures.regions(connection, wanted.filters(), node.clock.now_ms()))


def products(request: Request, node: TheNode, wanted: Wanted) -> Response:
    """Stock and flow of each product, as banks name theirs, and currency."""
    with node.private.reading() as connection:
        return _answer(request, node, wanted, "products", figures.products(connection, wanted.filters(), node.clock.now_ms()))


def reconciliation(
    node: TheNode, declaration_id: DeclarationQuery = None, differences: bool = False, after: AfterIndex = 0, limit: Limit = 100
) -> Response:
    """Sealed money against public shares, declaration by declaration; `differences`: only where they do not agree."""
    with node.private.reading() as connection, node.store.reading() as reader:
        found = reconcile(connection, reader, after, limit, declaration=declaration_id, differences=differences)
        following = found[-1].log_index if len(found) == limit else None
        return page([_reconciled(each) for each in found], following, as_of=as_of(reader.head))


def get_settings(request: Request, node: TheNode) -> Response:
    """The thresholds of alerts that are in force."""
    with node.private.reading() as connection:
        return single(request, settings_at(connection, node.clock.now_ms()).model_dump())


def put_settings(node: TheNode, caller: Caller, body: SettingsIn) -> Response:
    """Sets thresholds from now on: what began before is judged by those that were in force then."""
    changes = {name: value for name, value in body.model_dump().items() if value is not None}
    return json_response(change_settings(node.private, node.clock, changes, pseudonym(node, caller)).model_dump())


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["monitoring"]
    for endpoint in (summary, series, stages, exporters, banks, regions, products, reconciliation):
        app.add_api_route(f"/v1/monitoring/{endpoint.__name__}", endpoint, methods=["GET"], tags=tags)
    app.add_api_route("/v1/monitoring/settings", get_settings, methods=["GET"], tags=tags)
    app.add_api_route("/v1/monitoring/settings", put_settings, methods=["PUT"], tags=tags)


def _answer(request: Request, node: Node, wanted: _Wanted, name: str, rows: Sequence[Row]) -> Response:
    """The rows as JSON or as a file. Whom they name is noted here, since a file does not say it in JSON."""
    request.state.concerned = {("id", str(row["enterprise"])) for row in rows if row.get("enterprise")}
    chosen = wanted.chosen
    if chosen == "json":
        chosen = next((form for media, form in _ACCEPTED.items() if media in request.headers.get("accept", "")), chosen)
    if chosen != "json":
        headers = list(rows[0]) if rows else []
        return file_response(
            [Sheet(name, [headers], [[_cell(row[each]) for each in headers] for row in rows])], chosen, f"monitoring-{name}"
        )
    with node.store.reading() as reader:
        head = reader.head
    period = {"from": wanted.since, "to": wanted.until}
    return json_response({"period": period, "items": [{each: _plain(row[each]) for each in row} for row in rows], "as_of": as_of(head)})


def _plain(value: str | int | Amount | None) -> Any:
    return {"currency": value.currency, "value": decimal_text(value.minor, value.currency)} if isinstance(value, Amount) else value


def _cell(value: str | int | Amount | None) -> Cell:
    return decimal_of(value.minor, value.currency) if isinstance(value, Amount) else value


def _money(currency: str, minor: int | None) -> dict[str, str] | None:
    if minor is None:
        return None
    sign = "-" if minor < 0 else ""
    return {"currency": currency, "value": sign + decimal_text(abs(minor), currency)}


def _reconciled(each: Reconciled) -> dict[str, Any]:
    return {
        "declaration_id": each.declaration,
        "number": each.number,
        "enterprise_id": each.enterprise,
        "registered": _money(each.currency, each.registered_minor),
        "shares": {"ceiling": each.ceiling, "drawn": each.drawn, "lost": each.lost, "collected": each.collected},
        "owed": _money(each.currency, each.owed_minor),
        "collected": _money(each.currency, each.collected_minor),
        "financings": [_line(each.currency, line) for line in each.lines],
        "agrees": each.agrees,
    }


def _line(currency: str, line: ReconciledLine) -> dict[str, Any]:
    return {
        "financing_id": line.financing,
        "bank": line.bank,
        "state": line.state,
        "shares": {"drawn": line.drawn, "lost": line.lost},
        "owed": _money(currency, line.owed_minor),
        "covered": line.covered,
        "owed_with_earlier": _money(currency, line.owed_before_minor),
        "financeable_when_approved": _money(currency, line.financeable_minor),
        "within": line.within,
    }
