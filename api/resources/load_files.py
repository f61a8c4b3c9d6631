"""Loans of the back book by file, CSV or a workbook: a report about each of them first, then, with the same file, a task for each.

One result for each row, in the same order, whatever becomes of the others. The columns are those of the template.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Annotated, Any, BinaryIO, Final

from fastapi import FastAPI, Query
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.exports import FileFormat, file_response
from api.idempotency import reference_of
from api.resources.credit_profiles import XLSX
from api.resources.loads import line_json
from api.responses import json_response
from nodes.financings.desk import Financings
from nodes.financings.load_files import OK, RowResult
from nodes.financings.load_table import template

_FILES: Final = ("text/csv", XLSX)
Read = Callable[[BinaryIO], Sequence[RowResult]]
TemplateFormat = Annotated[FileFormat, Query(alias="format", description="the file to fill in")]


async def report_file(request: Request, node: TheNode, caller: Caller, acting: Acting) -> Response:
    """What loading each loan of a file would do, on this node's own replica; no other bank is named."""
    service, cause = Financings(node).load_files, reference_of(request, caller.name)
    return await _answered(request, lambda stream: service.report(acting, stream, cause))


async def load_file(request: Request, node: TheNode, caller: Caller, acting: Acting) -> Response:
    """Prepares a task for each loan of a file that a report of the last day is about. Each is for a second person to sign."""
    service, cause = Financings(node).load_files, reference_of(request, caller.name)
    return await _answered(request, lambda stream: service.prepare(acting, stream, cause))


def get_template(chosen: TemplateFormat = "xlsx") -> Response:
    """An empty file to fill in: one row for each declaration of each loan."""
    return file_response([template()], chosen, "loads")


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["financings"]
    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in _FILES}
    extra = {"requestBody": {"required": True, "content": content}}
    app.add_api_route("/v1/conflict-reports/files", report_file, methods=["POST"], tags=tags, openapi_extra=extra)
    app.add_api_route("/v1/financings/loads/files", load_file, methods=["POST"], tags=tags, openapi_extra=extra)
    app.add_api_route("/v1/financings/loads/template", get_template, methods=["GET"], tags=tags)


async def _answered(request: Request, read: Read) -> Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _FILES:
        raise HTTPException(415)
    results = await run_in_threadpool(read, io.BytesIO(await request.body()))
    accepted = sum(each.result == OK for each in results)
    items = [_json(each) for each in results]
    return json_response({"total": len(results), "accepted": accepted, "refused": len(results) - accepted, "items": items})


def _json(result: RowResult) -> dict[str, Any]:
    return {
        "position": result.position,
        "reference": result.reference,
        "number": result.number,
        "result": result.result,
        "message": result.message,
        "conflict_report": result.report,
        "line": None if result.line is None else line_json(result.line),
        "task": result.task,
    }
