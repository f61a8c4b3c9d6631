"""The authority's log of its own look-ups: all of it for its auditor and its own people, and for an enterprise what concerned it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query
from starlette.responses import Response

from api.context import Caller, TheNode
from api.models import Limit
from api.responses import page
from ledger.clock import rfc3339
from ledger.limits import INTEGER_MAX
from nodes.look_ups import LookUp, LookUps

AfterPlace = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]


def list_look_ups(node: TheNode, caller: Caller, after: AfterPlace = 0, limit: Limit = 100) -> Response:
    """In their order, each with the hash of the one before it. `head` is where the log ends: keep it, and a shorter log will show."""
    service = LookUps(node.private, node.clock)
    found = service.list(after, limit, enterprise=caller.enterprise)
    count, head = service.head()
    items = [_json(each) if caller.enterprise is None else _own(each, caller.enterprise) for each in found]
    return page(items, found[-1].place if len(found) == limit else None, head={"place": count, "hash": head})


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/look-ups", list_look_ups, methods=["GET"], tags=["monitoring"])


def _json(each: LookUp) -> dict[str, Any]:
    return {
        "place": each.place,
        "time": rfc3339(each.at_ms),
        "at_ms": each.at_ms,
        "who": each.who,
        "role": each.role,
        "resource": each.resource,
        "subject": each.subject,
        "purpose": each.purpose,
        "enterprises": list(each.enterprises),
        "previous": each.previous,
        "hash": each.hash,
    }


def _own(each: LookUp, enterprise: str) -> dict[str, Any]:
    """What an enterprise may see of a look-up that concerned others too: not whom, nor what was asked for."""
    alone = each.enterprises == (enterprise,)
    hidden = {"enterprises": [enterprise], "subject": each.subject if alone else "", "purpose": each.purpose if alone else ""}
    return {**_json(each), **hidden}
