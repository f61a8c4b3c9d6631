"""The authority's own exchange rates: US dollars for a unit of a currency on a day. Its own store, on no ledger."""

from __future__ import annotations

import csv
import io
from functools import partial
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, Context, TheNode
from api.idempotency import done_once
from api.look_ups import pseudonym
from api.models import ApiModel, Limit
from api.principal import Principal
from api.responses import json_response, page
from ledger.clock import rfc3339
from ledger.errors import InputError
from ledger.limits import EXCHANGE_RATES_PER_REQUEST_MAX, INTEGER_MAX
from nodes.monitoring.rate_checks import enter_and_check
from nodes.monitoring.rates import ExchangeRates, Rate, checked
from nodes.node import Node

AfterId = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
CurrencyQuery = Annotated[str | None, Query(pattern=r"^[A-Z]{3}$")]
_COLUMNS: Final = ["currency", "day", "rate"]


class RateIn(ApiModel):
    """`rate`: how many US dollars a unit of `currency` is worth on `day`, a plain decimal."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    day: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    rate: Annotated[str, Field(max_length=24)]


class RatesIn(ApiModel):
    """Rates of any currencies and days; one for a day that has one already supersedes it."""

    rates: Annotated[list[RateIn], Field(min_length=1, max_length=EXCHANGE_RATES_PER_REQUEST_MAX)]


async def enter_rates(request: Request, context: Context, caller: Caller) -> Response:
    """Takes rates in, all or none: JSON, or CSV with the columns currency, day, rate. What banks stated is compared with them anew."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        rates = _from_json(await request.body())
    elif media_type == "text/csv":
        rates = _from_csv(await request.body())
    else:
        raise HTTPException(415)
    return await run_in_threadpool(done_once, partial(_enter, context.node, caller, rates))


def list_rates(node: TheNode, after: AfterId = 0, limit: Limit = 100, currency: CurrencyQuery = None) -> Response:
    """In the order in which they were entered, superseded ones too."""
    found = ExchangeRates(node.private).list(currency, after, limit)
    items = [
        {"currency": row.currency, "day": row.day, "rate": row.rate, "entered": rfc3339(row.entered_ms), "who": row.who} for row in found
    ]
    return page(items, found[-1].id if len(found) == limit else None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["monitoring"]
    schemas = {"application/json": {"schema": RatesIn.model_json_schema()}, "text/csv": {"schema": {"type": "string"}}}
    extra = {"requestBody": {"required": True, "content": schemas}}
    app.add_api_route("/v1/exchange-rates", enter_rates, methods=["POST"], status_code=201, tags=tags, openapi_extra=extra)
    app.add_api_route("/v1/exchange-rates", list_rates, methods=["GET"], tags=tags)


def _enter(node: Node, caller: Principal, rates: list[Rate]) -> Response:
    count = enter_and_check(node.private, node.clock, rates, pseudonym(node, caller))
    return json_response({"entered": count}, status=201)


def _from_json(body: bytes) -> list[Rate]:
    try:
        rates = RatesIn.model_validate_json(body).rates
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "the body"
        raise InputError("invalid-request", f"{where}: {fault['msg']}") from error
    return [checked(each.currency, each.day, each.rate) for each in rates]


def _from_csv(body: bytes) -> list[Rate]:
    """Raises `InputError` (`rates-malformed`, and as `checked`)."""
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("rates-malformed", "the file is not CSV in UTF-8") from error
    if not rows or [cell.strip().lower() for cell in rows[0]] != _COLUMNS:
        raise InputError("rates-malformed", f"the first row names the columns {', '.join(_COLUMNS)}")
    data = [row for row in rows[1:] if row]
    if not 0 < len(data) <= EXCHANGE_RATES_PER_REQUEST_MAX or any(len(row) != len(_COLUMNS) for row in data):
        raise InputError("rates-malformed", f"a file has 1 to {EXCHANGE_RATES_PER_REQUEST_MAX} rates of {len(_COLUMNS)} columns")
    return [checked(*(cell.strip() for cell in row)) for row in data]
