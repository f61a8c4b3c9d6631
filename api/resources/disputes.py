"""Disputes: a member, or an exporter through the authority, says that a record is wrong; the authority says what came of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Hash, Limit
from api.principal import Principal
from api.resources.exporter import enterprise_for
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.limits import FINANCING_TEXT_CHARS_MAX, INTEGER_MAX
from nodes.consents.objections import Objections
from nodes.disputes import Dispute, Disputes
from nodes.node import Node

DisputeId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
AfterIndex = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
Statement = Annotated[str, Field(min_length=1, max_length=FINANCING_TEXT_CHARS_MAX)]


class DisputeIn(ApiModel):
    """The record, for an exporter as `/v1/accesses` names it, and what is wrong with it; the words stay sealed."""

    record: Hash
    statement: Statement


class ResolveIn(ApiModel):
    """What came of it, and why; the words stay sealed."""

    outcome: Literal["upheld", "rejected"]
    statement: Statement


class WithdrawIn(ApiModel):
    """Why it is taken back; the words stay sealed."""

    statement: Statement


def open_dispute(request: Request, node: TheNode, caller: Caller, acting: Acting, body: DisputeIn) -> Response:
    """Disputes a record. Where it came of a consent on paper, the consent is revoked: holds under it that are not approved fall."""
    what, revoked = (body.record, body.statement), None
    if caller.enterprise is not None:
        by = node.enterprises.get(caller.enterprise)
        opened = Objections(node).open(by, *what, caller.name, own_node=caller.role == "enterprise-node")
        if caller.role == "enterprise-node":
            return json_response({"id": opened.id, "log_index": opened.log_index}, status=201)
        dispute_id, revoked = opened.id, opened.revoked
    elif node.config.node.role == "enterprise":
        dispute_id = Disputes(node).ask_to_open(*what)
    else:
        dispute_id = Disputes(node).open(acting, *what, cause=reference_of(request, caller.name)).record_id
    content = {**_json(Disputes(node).get(dispute_id, _own(node, caller))), "consent_revoked": revoked}
    return json_response(content, status=201, headers={"Location": f"/v1/disputes/{dispute_id}"})


def list_disputes(node: TheNode, caller: Caller, after: AfterIndex = 0, limit: Limit = 100) -> Response:
    """Those that the caller opened, or that were opened for it; at the authority, every one. In the order in which they were opened."""
    found = Disputes(node).list(_own(node, caller), after, limit)
    return page([_json(each) for each in found], found[-1].log_index if len(found) == limit else None)


def get_dispute(request: Request, node: TheNode, caller: Caller, dispute_id: DisputeId) -> Response:
    """One dispute, with what was said."""
    return single(request, _json(Disputes(node).get(dispute_id, _own(node, caller))))


def resolve(request: Request, node: TheNode, caller: Caller, acting: Acting, dispute_id: DisputeId, body: ResolveIn) -> Response:
    """The authority says what came of a dispute. It changes nothing else by itself."""
    Disputes(node).resolve(acting, dispute_id, body.outcome, body.statement, cause=reference_of(request, caller.name))
    return json_response(_json(Disputes(node).get(dispute_id)))


def withdraw(request: Request, node: TheNode, caller: Caller, acting: Acting, dispute_id: DisputeId, body: WithdrawIn) -> Response:
    """Who opened a dispute takes it back."""
    service = Disputes(node)
    if caller.enterprise is not None:
        receipt = service.withdraw_for(caller.enterprise, dispute_id, body.statement)
        if caller.role == "enterprise-node":
            return json_response({"id": dispute_id, "log_index": receipt.log_index})
    elif node.config.node.role == "enterprise":
        service.ask_to_withdraw(enterprise_for(node, caller, None).id, dispute_id, body.statement)
    else:
        service.withdraw(acting, dispute_id, body.statement, cause=reference_of(request, caller.name))
    return json_response(_json(service.get(dispute_id, _own(node, caller))))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["disputes"]
    app.add_api_route("/v1/disputes", open_dispute, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/disputes", list_disputes, methods=["GET"], tags=tags)
    app.add_api_route("/v1/disputes/{dispute_id}", get_dispute, methods=["GET"], tags=tags)
    app.add_api_route("/v1/disputes/{dispute_id}/resolve", resolve, methods=["POST"], tags=tags)
    app.add_api_route("/v1/disputes/{dispute_id}/withdraw", withdraw, methods=["POST"], tags=tags)


def _own(node: Node, caller: Principal) -> str | None:
    """The enterprise to which the caller's view is confined; None for a member's own people."""
    return enterprise_for(node, caller, None).id if caller.enterprise or node.config.node.role == "enterprise" else None


def _json(dispute: Dispute) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "record": dispute.record,
        "opened_by": dispute.by,
        "enterprise_id": dispute.enterprise,
        "state": dispute.state,
        "statement": dispute.statement,
        "answer": dispute.answer,
        "opened": rfc3339(dispute.opened_ms),
        "resolved": None if dispute.resolved_ms is None else rfc3339(dispute.resolved_ms),
        "resolution_record": dispute.resolved_by,
        "record_id": dispute.id,
    }
