"""What happened to an exporter's data: who was let in, asked, answered, applied and used, under which consent."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response

from api.context import Caller, TheNode
from api.models import Limit, Order
from api.resources.exporter import enterprise_for
from api.responses import as_of, page
from ledger.clock import rfc3339
from ledger.limits import INTEGER_MAX
from nodes.accesses import Accesses

EnterpriseQuery = Annotated[
    str | None, Query(pattern=r"^[0-9a-f]{64}$", description="for the authority's staff: the enterprise in custody")
]


def list_accesses(
    node: TheNode,
    caller: Caller,
    after: Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")] = 0,
    limit: Limit = 100,
    enterprise_id: EnterpriseQuery = None,
    order: Order = "oldest",
) -> Response:
    """In the order of the ledger, or the newest first, each with the record that shows it."""
    enterprise = enterprise_for(node, caller, enterprise_id)
    with node.store.reading() as reader:
        head = reader.head
    found = Accesses(node.private).list(enterprise.id, after, limit, newest_first=order == "newest")
    items = [
        {
            "time": rfc3339(each.time_ms),
            "kind": each.kind,
            "bank": each.bank,
            "consent_id": each.consent,
            "declarations": list(each.declarations),
            "scopes": list(each.scopes),
            "basis": each.basis,
            "document_sha256": each.document_sha256,
            "signatory": each.signatory,
            "record_id": each.record_id,
        }
        for each in found
    ]
    return page(items, found[-1].log_index if len(found) == limit else None, as_of=as_of(head))


def add_routes(app: FastAPI) -> None:
    app.add_api_route("/v1/accesses", list_accesses, methods=["GET"], tags=["exporters"])
