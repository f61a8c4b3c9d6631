"""Audits that the node makes of its own home, with their progress: a report for people, a signed one, and the records drawn for a look."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.context import Context
from api.models import ApiModel
from api.preferences import wait_seconds
from api.responses import json_response, page
from ledger.clock import rfc3339
from ledger.errors import Refused
from ledger.limits import AUDIT_SAMPLE_MAX
from nodes.auditing.files import DRAWN, READABLE, REPORT
from nodes.auditing.runs import RUNNING, AuditRun

AuditId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_FORMATS: Final = "the signed report, the same to read, or the records drawn"
ReportFormat = Annotated[Literal["json", "pdf", "csv"], Query(alias="format", description=_FORMATS)]


class AuditIn(ApiModel):
    """`sample`: how many records are drawn for the report's list."""

    sample: Annotated[int, Field(ge=0, le=AUDIT_SAMPLE_MAX)] = 25


async def begin_audit(request: Request, context: Context, body: AuditIn) -> Response:
    """Replays the node's replica from genesis and compares everything. With `Prefer: wait` the outcome, if it is there by then; otherwise
    202 and where it will be. One at a time.
    """
    wait_s = wait_seconds(request)
    run = context.audits.start(body.sample)
    if wait_s:
        await run_in_threadpool(run.ended.wait, wait_s)
    location = {"Location": f"/v1/audits/{run.id}"}
    return json_response(_shown(run), status=202 if run.state == RUNNING else 201, headers=location)


def list_audits(context: Context) -> Response:
    """The audits that this node keeps until it stops, the newest first."""
    return page([_shown(each) for each in context.audits.list()], None)


def get_audit(context: Context, audit_id: AuditId) -> Response:
    """How an audit stands: `progress` while it replays, `audit` once it is done."""
    return json_response(_shown(context.audits.get(audit_id)))


def get_audit_report(context: Context, audit_id: AuditId, chosen: ReportFormat = "json") -> Response:
    """A file of an audit that is done."""
    files = context.audits.get(audit_id).files
    if files is None:
        raise Refused("audit-not-done", "there is no report of this audit", hint="ask for the audit: it is running, or says why it failed")
    content, name, media_type = {
        "json": (files.report, REPORT, "application/json"),
        "pdf": (files.readable, READABLE, "application/pdf"),
        "csv": (files.drawn, DRAWN, "text/csv; charset=utf-8"),
    }[chosen]
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=media_type)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["audits"]
    app.add_api_route("/v1/audits", begin_audit, methods=["POST"], status_code=202, tags=tags)
    app.add_api_route("/v1/audits", list_audits, methods=["GET"], tags=tags)
    app.add_api_route("/v1/audits/{audit_id}", get_audit, methods=["GET"], tags=tags)
    app.add_api_route("/v1/audits/{audit_id}/report", get_audit_report, methods=["GET"], tags=tags)


def _shown(run: AuditRun) -> dict[str, Any]:
    audited = run.audited
    return {
        "id": run.id,
        "begun": rfc3339(run.begun_ms),
        "state": run.state,
        "code": run.code,
        "progress": None if run.height is None else {"height": run.height, "last": run.last},
        "audit": None if audited is None else audited.to_json(),
        "compared": None if audited is None else {"parts": audited.parts, "declarations": audited.declarations},
        "amounts_left_out": None if audited is None else audited.amounts_left_out,
    }
