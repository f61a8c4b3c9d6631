"""Declarations as far as this node can open them, with their standing on the ledger; amended and voided at the registrar's.

An exporter sees its own. A bank sees those that it was answered about, and never which other bank uses them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, Day, Hash, Limit, MoneyIn, ShortText
from api.permissions import EXPORTER
from api.principal import Principal
from api.resources.exchange import ExchangeIn
from api.resources.exporter import enterprise_for
from api.resources.ledger import StateHeight
from api.resources.records import DISCLOSERS, Reveal, receipt_json
from api.resources.tasks import opened_task
from api.responses import json_response, page, proof_file, single
from ledger.clock import rfc3339
from ledger.errors import NotFound, NotPermitted
from ledger.limits import INTEGER_MAX
from nodes.declarations.register import Declaration, Declarations
from nodes.financings.collections import Collection, Collections
from nodes.node import Node
from nodes.proofs import Proofs

DeclarationId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
AfterIndex = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]
Number = Annotated[str | None, Query(pattern=r"^[0-9]{18}$", description="the declaration with this number")]
Uscc = Annotated[str | None, Query(pattern=r"^[0-9A-Z]{18}$", description="those of this exporter")]


class AmendIn(ApiModel):
    """The amount that is declared now, in the declaration's currency, and why."""

    amount: MoneyIn
    reason: ShortText


class VoidIn(ApiModel):
    """Why the declaration counts no more; `text` stays sealed. `successor`: the registered declaration that takes its place, and carries
    what uses it from now on.
    """

    reason: Literal["withdrawn", "error"]
    text: Annotated[str, Field(max_length=200)] = ""
    successor: Hash | None = None


class CollectionIn(ApiModel):
    """Money that came in from abroad for the declaration, recorded once, whoever lent. `corrects`: a collection of which the amount is
    taken back, because it never came.
    """

    amount: MoneyIn
    collected_on: Day
    reference: ShortText
    exchange: ExchangeIn | None = None
    corrects: Hash | None = None


def list_declarations(
    node: TheNode, caller: Caller, after: AfterIndex = 0, limit: Limit = 100, number: Number = None, exporter_uscc: Uscc = None
) -> Response:
    """In the order of their registration, as far as they concern the caller."""
    service, own = Declarations(node), _own_uscc(node, caller)
    if number is not None:
        found = [each for each in _found(service, number) if own in (None, each.exporter_uscc)]
        return page([_json(each) for each in found if exporter_uscc in (None, each.exporter_uscc)], None)
    if own is not None and exporter_uscc not in (None, own):
        return page([], None)
    listed = service.list(own or exporter_uscc, after, limit)
    return page([_json(each) for each in listed], listed[-1].log_index if len(listed) == limit else None)


def get_declaration(request: Request, node: TheNode, caller: Caller, declaration_id: DeclarationId) -> Response:
    """One declaration with what may still be financed on it, from this node's own replica."""
    return single(request, _json(visible(node, caller, declaration_id)))


def prove_declaration(
    node: TheNode, caller: Caller, declaration_id: DeclarationId, height: StateHeight = None, reveal: Reveal = False
) -> Response:
    """The proof file of what the declaration has available at a height, for `tallystick verify`: its entry, and its registration.

    `reveal` discloses what the registrar said in it, whole and for good, so that shares can be read as money.
    """
    visible(node, caller, declaration_id)
    if reveal and caller.role not in DISCLOSERS | EXPORTER:
        raise NotPermitted("not-permitted", "this caller may not disclose what is sealed", hint="leave `reveal` out")
    return proof_file(Proofs(node.store, node.private).declaration(declaration_id, height, reveal=reveal), declaration_id)


def amend_declaration(request: Request, node: TheNode, caller: Caller, declaration_id: DeclarationId, body: AmendIn) -> Response:
    """The declared amount changed. Usage stays: where it is now too much, the declaration is overused and takes no new hold."""
    return json_response(
        receipt_json(Declarations(node).amend(declaration_id, body.amount, body.reason, reference_of(request, caller.name)))
    )


def void_declaration(request: Request, node: TheNode, caller: Caller, declaration_id: DeclarationId, body: VoidIn) -> Response:
    """The declaration counts no more; what was financed on it stays."""
    cause = reference_of(request, caller.name)
    return json_response(receipt_json(Declarations(node).void(declaration_id, body.reason, body.text, body.successor, cause)))


def record_collection(
    request: Request, node: TheNode, caller: Caller, acting: Acting, declaration_id: DeclarationId, body: CollectionIn
) -> Response:
    """Prepares the record that money came in; a second person signs it."""
    what = (declaration_id, body.amount, body.collected_on, body.reference)
    exchange = None if body.exchange is None else body.exchange.stated()
    cause = reference_of(request, caller.name)
    return opened_task(Collections(node).record(acting, *what, exchange=exchange, corrects=body.corrects, cause=cause))


def list_collections(node: TheNode, declaration_id: DeclarationId, unused: bool = False) -> Response:
    """The collections on a declaration that this node can open, the oldest first."""
    return page([_collection(each) for each in Collections(node).list(declaration_id, unused_only=unused)], None)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["declarations"]
    app.add_api_route("/v1/declarations", list_declarations, methods=["GET"], tags=tags)
    app.add_api_route("/v1/declarations/{declaration_id}", get_declaration, methods=["GET"], tags=tags)
    app.add_api_route("/v1/declarations/{declaration_id}/proof", prove_declaration, methods=["GET"], tags=tags)
    app.add_api_route("/v1/declarations/{declaration_id}/amend", amend_declaration, methods=["POST"], tags=tags)
    app.add_api_route("/v1/declarations/{declaration_id}/void", void_declaration, methods=["POST"], tags=tags)
    app.add_api_route("/v1/declarations/{declaration_id}/collections", record_collection, methods=["POST"], status_code=202, tags=tags)
    app.add_api_route("/v1/declarations/{declaration_id}/collections", list_collections, methods=["GET"], tags=tags)


def _own_uscc(node: Node, caller: Principal) -> str | None:
    """The exporter to which the caller's view is confined; None for a member's own people."""
    return enterprise_for(node, caller, None).uscc if caller.enterprise or node.config.node.role == "enterprise" else None


def visible(node: Node, caller: Principal, declaration_id: str) -> Declaration:
    """Raises `NotFound` (`unknown-declaration`), for another exporter's too."""
    found = Declarations(node).get(declaration_id)
    if _own_uscc(node, caller) not in (None, found.exporter_uscc):
        raise NotFound("unknown-declaration", "this node knows no such declaration")
    return found


def _found(service: Declarations, number: str) -> list[Declaration]:
    try:
        return [service.find_by_number(number)]
    except NotFound:
        return []


def _json(declaration: Declaration) -> dict[str, Any]:
    successor = declaration.replaced_by
    return {
        "id": declaration.id,
        "number": declaration.number,
        "exporter": {"uscc": declaration.exporter_uscc, "name": declaration.exporter_name, "enterprise_id": declaration.enterprise},
        "registered": declaration.registered.to_json(),
        "current": declaration.current.to_json(),
        "export_date": declaration.export_date,
        "status": {
            "declaration": declaration.status,
            "use": declaration.use,
            "financeable": declaration.financeable.to_json(),
            "available": declaration.available.to_json(),
            "available_ppm": declaration.available_ppm,
            "until": rfc3339(declaration.until_ms),
            "frozen": declaration.frozen,
            "replaced_by": None if successor is None else {"declaration_id": successor, "number": declaration.replaced_by_number},
        },
        "record_id": declaration.record_id,
        "as_of": {"height": declaration.height, "time": rfc3339(declaration.time_ms)},
    }


def _collection(collection: Collection) -> dict[str, Any]:
    return {
        "id": collection.id,
        "declaration_id": collection.declaration_id,
        "amount": collection.amount.to_json(),
        "collected_on": collection.collected_on,
        "reference": collection.reference,
        "recorded": rfc3339(collection.recorded_ms),
        "share": collection.share,
        "unused": collection.unused,
        "unused_amount": None if collection.unused_amount is None else collection.unused_amount.to_json(),
        "record_id": collection.id,
    }
