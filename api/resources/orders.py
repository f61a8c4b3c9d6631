"""Orders, at the authority: a declaration, a financing or a member is frozen, and let go again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Hash, Limit, ShortText
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.engine import Receipt
from ledger.limits import FINANCING_TEXT_CHARS_MAX, INTEGER_MAX
from nodes.orders import Order, OrderPart, Orders

Before = Annotated[int | None, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
OrderId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class PaperIn(ApiModel):
    """A court's or office's paper: its SHA-256 goes on the ledger, the rest stays sealed to the authority."""

    document_sha256: Hash
    issuer: ShortText
    reference: ShortText
    text: Annotated[str, Field(max_length=FINANCING_TEXT_CHARS_MAX)] = ""

    def words(self) -> OrderPart:
        return OrderPart(issuer=self.issuer, reference=self.reference, text=self.text)


class FreezeIn(PaperIn):
    """What is frozen: a declaration's or financing's id, or a member."""

    kind: Literal["declaration", "financing", "member"]
    target: Annotated[str, Field(pattern=r"^([0-9a-f]{64}|[a-z][a-z0-9-]{1,31})$")]


def freeze(request: Request, node: TheNode, caller: Caller, acting: Acting, body: FreezeIn) -> Response:
    """Freezes: no new hold, approval or transfer; a member starts nothing. Money that was approved still moves."""
    cause = reference_of(request, caller.name)
    receipt = Orders(node).freeze(acting, body.kind, body.target, body.document_sha256, body.words(), cause=cause)
    return json_response(_with(node, receipt.record_id, receipt), status=201, headers={"Location": f"/v1/orders/{receipt.record_id}"})


def lift(request: Request, node: TheNode, caller: Caller, acting: Acting, order_id: OrderId, body: PaperIn) -> Response:
    """Ends an order. What other orders freeze stays frozen."""
    receipt = Orders(node).lift(acting, order_id, body.document_sha256, body.words(), cause=reference_of(request, caller.name))
    return json_response(_with(node, order_id, receipt))


def list_orders(
    node: TheNode,
    standing: Annotated[bool, Query(description="only those that were not lifted")] = False,
    after: Before = None,
    limit: Limit = 100,
) -> Response:
    """The newest first."""
    found = Orders(node).list(standing_only=standing, before=after, limit=limit)
    return page([_json(each) for each in found], found[-1].log_index if len(found) == limit else None)


def get_order(request: Request, node: TheNode, order_id: OrderId) -> Response:
    """One order, with what its paper says."""
    return single(request, _json(Orders(node).get(order_id)))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["orders"]
    app.add_api_route("/v1/orders", freeze, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/orders", list_orders, methods=["GET"], tags=tags)
    app.add_api_route("/v1/orders/{order_id}", get_order, methods=["GET"], tags=tags)
    app.add_api_route("/v1/orders/{order_id}/lift", lift, methods=["POST"], tags=tags)


def _with(node: TheNode, order_id: str, receipt: Receipt) -> dict[str, Any]:
    as_of = {"height": receipt.height, "time": rfc3339(receipt.time_ms)}
    return {**_json(Orders(node).get(order_id)), "record_id": receipt.record_id, "as_of": as_of}


def _json(order: Order) -> dict[str, Any]:
    words = order.words
    return {
        "id": order.id,
        "kind": order.kind,
        "target": order.target,
        "document_sha256": order.digest,
        "state": "lifted" if order.lifted else "standing",
        "issuer": None if words is None else words.issuer,
        "reference": None if words is None else words.reference,
        "text": None if words is None else words.text,
        "ordered": rfc3339(order.time_ms),
        "record_id": order.id,
    }
