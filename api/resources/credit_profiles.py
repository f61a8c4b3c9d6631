"""Credit facts of enterprises, at the authority: rows are handed in, every one gets a result, and nothing is ever overwritten.

The body is CSV, a workbook, or a JSON array of objects whose names are the columns of the template and `kind`. All values are text.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, Context, TheNode
from api.models import Limit
from api.resources.credit_views import fact_json
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import InputError
from ledger.limits import CREDIT_REVISIONS_MAX, CREDIT_ROWS_MAX
from nodes.credit.imports import RowResult, counted, import_file, import_objects
from nodes.credit.profiles import KeptFact, Profile, Profiles
from nodes.node import Node

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FILES: Final = ("text/csv", XLSX)

Uscc = Annotated[str, Path(pattern=r"^[0-9A-Z]{18}$", description="unified social credit code")]
AfterUscc = Annotated[str, Query(pattern=r"^[0-9A-Z]{0,18}$", description="the cursor that the page before gave as `next`")]
AfterRevision = Annotated[int, Query(ge=0, le=CREDIT_REVISIONS_MAX, description="the cursor that the page before gave as `next`")]
AtRevision = Annotated[int | None, Query(ge=0, le=CREDIT_REVISIONS_MAX, description="what was known at this revision")]


async def record_facts(request: Request, context: Context, caller: Caller) -> Response:
    """Records rows, with one result for each in the same order. A file that cannot be read as a whole records nothing."""
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    profiles = _profiles(context.node)
    if media_type == "application/json":
        rows = await _rows(request)
        results = await run_in_threadpool(import_objects, profiles, rows, caller.name, "api")
    elif media_type in _FILES:
        source = f"sha256:{sha256(body).hexdigest()}"
        results = await run_in_threadpool(import_file, profiles, io.BytesIO(body), caller.name, source)
    else:
        raise HTTPException(415)
    return _report(results)


def list_profiles(node: TheNode, after: AfterUscc = "", limit: Limit = 100) -> Response:
    """Enterprises with credit facts, by credit code."""
    found = _profiles(node).list(after, limit)
    return page([_profile(each) for each in found], found[-1].uscc if len(found) == limit else None)


def get_profile(request: Request, node: TheNode, uscc: Uscc, revision: AtRevision = None) -> Response:
    """The facts in force about an enterprise, now or at a revision."""
    profiles = _profiles(node)
    profile = profiles.get(uscc)
    at, facts = profiles.facts(uscc, revision)
    return single(request, {**_profile(profile), "revision": at, "facts": [fact_json(fact) for fact in facts]})


def list_revisions(node: TheNode, uscc: Uscc, after: AfterRevision = 0, limit: Limit = 100) -> Response:
    """All that was ever recorded about an enterprise: what, when, by whom, and which revision ended it."""
    profiles = _profiles(node)
    profiles.get(uscc)
    found = profiles.history(uscc, after, limit)
    return page([_revision(each) for each in found], found[-1].revision if len(found) == limit else None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["credit"]
    rows = {"type": "array", "maxItems": CREDIT_ROWS_MAX, "items": {"type": "object", "additionalProperties": {"type": "string"}}}
    raw = {name: {"schema": {"type": "string", "format": "binary"}} for name in _FILES}
    extra = {"requestBody": {"required": True, "content": {"application/json": {"schema": rows}, **raw}}}
    app.add_api_route("/v1/credit-profiles", record_facts, methods=["POST"], tags=tags, openapi_extra=extra)
    app.add_api_route("/v1/credit-profiles", list_profiles, methods=["GET"], tags=tags)
    app.add_api_route("/v1/credit-profiles/{uscc}", get_profile, methods=["GET"], tags=tags)
    app.add_api_route("/v1/credit-profiles/{uscc}/revisions", list_revisions, methods=["GET"], tags=tags)


def _profiles(node: Node) -> Profiles:
    return Profiles(node.private, node.clock)


async def _rows(request: Request) -> Sequence[Mapping[str, str]]:
    """The JSON array. Raises `InputError` (`invalid-request`) for anything but objects of text."""
    try:
        value = await request.json()
    except ValueError as error:
        raise InputError("invalid-request", "the body is not JSON") from error
    if not isinstance(value, list) or not 0 < len(value) <= CREDIT_ROWS_MAX:
        raise InputError("invalid-request", f"the body is an array of 1 to {CREDIT_ROWS_MAX} objects, one for each fact")
    if not all(isinstance(row, dict) and all(isinstance(cell, str) for cell in row.values()) for row in value):
        raise InputError("invalid-request", "a row is an object of text by column", hint="amounts and years are text too")
    rows: Sequence[Mapping[str, str]] = value
    return rows


def _report(results: Sequence[RowResult]) -> Response:
    return json_response(counted(results))


def _profile(profile: Profile) -> dict[str, Any]:
    return {"uscc": profile.uscc, "revision": profile.revision, "updated": rfc3339(profile.updated_ms)}


def _revision(kept: KeptFact) -> dict[str, Any]:
    return {
        "revision": kept.revision,
        "kind": kept.kind,
        "key": kept.key,
        "withdrawn": kept.fact is None,
        "fact": None if kept.fact is None else fact_json(kept.fact),
        "recorded": rfc3339(kept.recorded_ms),
        "recorded_by": kept.recorded_by,
        "source": kept.source,
        "superseded_by_revision": kept.superseded_revision,
    }
