"""Notices, at a bank: what changed under its own financings, and whether somebody has read it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from api.context import Acting, TheNode
from api.models import Limit
from api.responses import json_response, page
from ledger.clock import rfc3339
from ledger.limits import INTEGER_MAX
from nodes.notices import Notice, Notices

NoticeId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Before = Annotated[int | None, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
Unread = Annotated[bool, Query(description="only those that nobody has read")]


def list_notices(node: TheNode, unread: Unread = False, after: Before = None, limit: Limit = 100) -> Response:
    """The newest first: what changed, on which declaration, under which financing, and since when."""
    found = Notices(node).list(unread_only=unread, before=after, limit=limit)
    records = len({each.log_index for each in found})
    return page([_json(each) for each in found], found[-1].log_index if records == limit else None)


def read_notice(node: TheNode, acting: Acting, notice_id: NoticeId) -> Response:
    """Somebody of the bank has read it."""
    return json_response(_json(Notices(node).read(acting, notice_id)))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["notices"]
    app.add_api_route("/v1/notices", list_notices, methods=["GET"], tags=tags)
    app.add_api_route("/v1/notices/{notice_id}/read", read_notice, methods=["POST"], tags=tags)


def _json(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind,
        "financing_id": notice.financing,
        "declaration_id": notice.declaration,
        "number": notice.number,
        "replaced_by": None if notice.successor is None else {"declaration_id": notice.successor, "number": notice.successor_number},
        "consent_id": notice.consent,
        "capacity_ppm": notice.capacity,
        "since": rfc3339(notice.time_ms),
        "read": None if notice.read_ms is None else {"by": notice.read_by, "at": rfc3339(notice.read_ms)},
        "record_id": notice.record_id,
        "as_of": {"height": notice.height, "time": rfc3339(notice.time_ms)},
    }
