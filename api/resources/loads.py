"""The back book of a bank that joined: first a report of what loading it would do, then the load itself, by two people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Day, Hash, MoneyIn, ShortText
from api.resources.tasks import opened_task
from api.responses import json_response
from ledger.clock import rfc3339
from ledger.limits import ALLOCATIONS_BOUND, ATTACHMENTS_PER_PART_MAX
from nodes.financings.apply import ApplicationLine
from nodes.financings.conflict_reports import ConflictReport, ConflictReports, ReportLine
from nodes.financings.desk import Financings
from nodes.money import Money

ReportId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class LoadLineIn(ApiModel):
    """A declaration, and what is drawn and not repaid on it."""

    declaration_id: Hash
    drawn: MoneyIn


Lines = Annotated[list[LoadLineIn], Field(min_length=1, max_length=ALLOCATIONS_BOUND)]


class ConflictReportIn(ApiModel):
    """The loan that is to be loaded."""

    lines: Lines


class LoadIn(ApiModel):
    """`conflict_report` names a report about the same lines that is not older than a day."""

    lines: Lines
    conflict_report: Hash
    branch: ShortText | None = None
    product: ShortText
    reference: ShortText
    disbursed_on: Day
    matures_on: Day
    attachments: Annotated[list[Hash], Field(max_length=ATTACHMENTS_PER_PART_MAX, default_factory=list)]


def report(request: Request, node: TheNode, caller: Caller, acting: Acting, body: ConflictReportIn) -> Response:
    """What loading would do, on this node's own replica; no other bank is named."""
    made = ConflictReports(node).make(acting, _asked(body.lines), cause=reference_of(request, caller.name))
    return json_response(_json(made), status=201, headers={"Location": f"/v1/conflict-reports/{made.id}"})


def get_report(node: TheNode, report_id: ReportId) -> Response:
    """A report that was made here."""
    return json_response(_json(ConflictReports(node).get(report_id)))


def load(request: Request, node: TheNode, caller: Caller, acting: Acting, body: LoadIn) -> Response:
    """Prepares a load. The record that the second person signs names the financing."""
    task = Financings(node).loads.load(
        acting,
        _asked(body.lines),
        body.conflict_report,
        product=body.product,
        branch=body.branch or "",
        reference=body.reference,
        disbursed_on=body.disbursed_on,
        matures_on=body.matures_on,
        attachments=body.attachments,
        cause=reference_of(request, caller.name),
    )
    return opened_task(task)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["financings"]
    app.add_api_route("/v1/conflict-reports", report, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/conflict-reports/{report_id}", get_report, methods=["GET"], tags=tags)
    app.add_api_route("/v1/financings/loads", load, methods=["POST"], tags=tags)


def _asked(lines: list[LoadLineIn]) -> list[ApplicationLine]:
    return [ApplicationLine(line.declaration_id, line.drawn) for line in lines]


def _json(made: ConflictReport) -> dict[str, Any]:
    return {
        "id": made.id,
        "made_by": made.made_by,
        "lines": [line_json(line) for line in made.lines],
        "as_of": {"height": made.height, "time": rfc3339(made.made_ms)},
    }


def line_json(line: ReportLine) -> dict[str, Any]:
    """A line of a report."""
    return {
        "declaration_id": line.declaration,
        "number": line.number,
        "drawn": _money(line.currency, line.drawn_minor),
        "left": _money(line.currency, line.left_minor),
        "status": line.status,
        "overuses": line.overuses,
        "code": line.code,
    }


def _money(currency: str | None, amount_minor: int | None) -> dict[str, str] | None:
    return None if currency is None or amount_minor is None else Money(currency, amount_minor).to_json()
