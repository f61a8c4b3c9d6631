"""Financing requests: an exporter asks a bank for a loan, and the bank sends it back, refuses it, or takes it up. No record shows it.

Exporters send from their own node, or from the authority's that has them in custody, signed in by themselves; banks see what they received.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Caller, TheNode
from api.idempotency import reference_of
from api.models import After, ApiModel, Hash, Limit, MoneyIn, ShortText, Slug
from api.principal import Principal
from api.resources.exporter import enterprise_for
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.errors import NotPermitted
from ledger.limits import ATTACHMENTS_PER_PART_MAX, REQUEST_FIELDS_MAX, REQUEST_LINES_MAX, REQUEST_TENOR_DAYS_MAX
from nodes.enterprises import Enterprise
from nodes.money import Money
from nodes.node import Node
from nodes.requests.bank import ReceivedRequests
from nodes.requests.book import FinancingRequest
from nodes.requests.exporter import Draft, SentRequests, Wanted

RequestId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
State = Annotated[
    Literal["SENT", "RECEIVED", "SENT_BACK", "RESENT", "REFUSED", "TAKEN_UP", "WITHDRAWN"] | None,
    Query(description="requests in this state only"),
]
Reason = Annotated[str, Field(max_length=200)]


class LineIn(ApiModel):
    """A declaration, by `number` or by `declaration_id`, and how much is wanted on it."""

    number: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    declaration_id: Hash | None = None
    amount: MoneyIn


class RequestIn(ApiModel):
    """The form. `attachments` are digests of documents that were handed in before; they are sent along."""

    bank: Slug
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=REQUEST_LINES_MAX)]
    product: ShortText
    purpose: ShortText
    tenor_days: Annotated[int, Field(ge=1, le=REQUEST_TENOR_DAYS_MAX)]
    contact: ShortText
    attachments: Annotated[list[Hash], Field(max_length=ATTACHMENTS_PER_PART_MAX, default_factory=list)]

    def draft(self) -> Draft:
        lines = [Wanted(line.amount, line.number, line.declaration_id) for line in self.lines]
        return Draft(self.bank, lines, self.product, self.purpose, self.tenor_days, self.contact, self.attachments)


class WithdrawIn(ApiModel):
    """Why, if anything is said."""

    reason: Reason = ""


class SendBackIn(ApiModel):
    """What is wrong, and which fields of the form are to be corrected."""

    reason: ShortText
    fields: Annotated[list[ShortText], Field(max_length=REQUEST_FIELDS_MAX, default_factory=list)]


class RefuseIn(ApiModel):
    """Why."""

    reason: ShortText


class TakeUpIn(ApiModel):
    """The application that the request became."""

    financing_id: Hash


def send_request(request: Request, node: TheNode, caller: Caller, body: RequestIn) -> Response:
    """Sends a request to a bank."""
    enterprise = enterprise_for(node, caller, None, for_itself=True)
    sent = SentRequests(node).send(enterprise, body.draft(), caller.name, cause=reference_of(request, caller.name))
    return json_response(_json(sent), status=201, headers={"Location": f"/v1/financing-requests/{sent.id}"})


def list_requests(node: TheNode, caller: Caller, state: State = None, after: After = None, limit: Limit = 100) -> Response:
    """The newest first: those that the exporter sent, or that the bank received. The cursor is a request's id."""
    own = _exporter(node, caller)
    found = ReceivedRequests(node).page(state, after, limit) if own is None else SentRequests(node).page(own.id, state, after, limit)
    return page([_json(each) for each in found], found[-1].id if len(found) == limit else None)


def get_request(request: Request, node: TheNode, caller: Caller, request_id: RequestId) -> Response:
    """A request as it stands, and what became of it step by step."""
    own = _exporter(node, caller)
    return single(request, _json(ReceivedRequests(node).get(request_id) if own is None else SentRequests(node).get(request_id, own.id)))


def resend(node: TheNode, caller: Caller, request_id: RequestId, body: RequestIn) -> Response:
    """Sends the corrected form of a request that the bank sent back."""
    enterprise = enterprise_for(node, caller, None, for_itself=True)
    return json_response(_json(SentRequests(node).resend(enterprise, request_id, body.draft(), caller.name)))


def withdraw(node: TheNode, caller: Caller, request_id: RequestId, body: WithdrawIn) -> Response:
    """Takes a request back that is not decided yet."""
    enterprise = enterprise_for(node, caller, None, for_itself=True)
    return json_response(_json(SentRequests(node).withdraw(enterprise, request_id, body.reason, caller.name)))


def send_back(node: TheNode, caller: Caller, request_id: RequestId, body: SendBackIn) -> Response:
    """Sends a request back for correction (退回补正)."""
    return json_response(_json(ReceivedRequests(node).send_back(request_id, body.reason, body.fields, caller.name)))


def refuse(node: TheNode, caller: Caller, request_id: RequestId, body: RefuseIn) -> Response:
    """Refuses a request."""
    return json_response(_json(ReceivedRequests(node).refuse(request_id, body.reason, caller.name)))


def take_up(node: TheNode, caller: Caller, request_id: RequestId, body: TakeUpIn) -> Response:
    """Links a request with the bank's application, and tells the exporter."""
    return json_response(_json(ReceivedRequests(node).take_up(request_id, body.financing_id, caller.name)))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["financing requests"]
    app.add_api_route("/v1/financing-requests", send_request, methods=["POST"], status_code=201, tags=tags)
    app.add_api_route("/v1/financing-requests", list_requests, methods=["GET"], tags=tags)
    app.add_api_route("/v1/financing-requests/{request_id}", get_request, methods=["GET"], tags=tags)
    for step in (resend, withdraw, send_back, refuse, take_up):
        path = f"/v1/financing-requests/{{request_id}}/{step.__name__.replace('_', '-')}"
        app.add_api_route(path, step, methods=["POST"], tags=tags)


def _exporter(node: Node, caller: Principal) -> Enterprise | None:
    """The exporter whose requests the caller sees; None at a bank. A custodian's staff reads nobody's letters."""
    if node.config.node.role == "bank":
        return None
    if node.config.node.role == "authority" and caller.enterprise is None:
        raise NotPermitted("exporters-only", "requests are read by the exporters that send them")
    return enterprise_for(node, caller, None)


def _json(request: FinancingRequest) -> dict[str, Any]:
    form = request.form
    lines = [{"number": line.number, "amount": Money(line.amount.currency, line.amount.amount_minor).to_json()} for line in form.lines]
    return {
        "id": request.id,
        "state": request.state,
        "revision": request.revision,
        "exporter": {"enterprise_id": request.enterprise, "uscc": request.uscc, "name": request.name},
        "bank": request.bank,
        "lines": lines,
        "product": form.product,
        "purpose": form.purpose,
        "tenor_days": form.tenor_days,
        "contact": form.contact,
        "attachments": [each.model_dump() for each in form.attachments],
        "reason": request.reason,
        "fields": list(request.fields),
        "financing_id": request.financing,
        "created": rfc3339(request.created_ms),
        "changed": rfc3339(request.changed_ms),
        "history": [
            {"state": each.state, "revision": each.revision, "by": each.said_by, "reason": each.reason, "time": rfc3339(each.time_ms)}
            for each in request.steps
        ],
    }
