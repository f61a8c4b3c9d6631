"""Financings that change their lender: offered to one bank, seen by that bank, and taken over by it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, Caller, TheNode
from api.idempotency import reference_of
from api.models import ApiModel, ShortText, Slug, TimeMs
from api.resources.tasks import opened_task
from api.responses import page
from ledger.clock import rfc3339
from ledger.limits import FINANCING_TEXT_CHARS_MAX
from nodes.financings.desk import Financings
from nodes.financings.transfers import Offer
from nodes.money import Money

FinancingId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
LongText = Annotated[str, Field(max_length=FINANCING_TEXT_CHARS_MAX)]


class TransferIn(ApiModel):
    """To which bank, until when and on what terms; `to` null withdraws what was offered."""

    to: Slug | None
    until: TimeMs | None = None
    terms: LongText = ""
    note: LongText = ""


class TakeOverIn(ApiModel):
    """The next bank's own words for its new financing."""

    reference: ShortText
    product: ShortText
    branch: ShortText | None = None


def transfer(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: TransferIn) -> Response:
    """Prepares an offer of all that is drawn, or its withdrawal."""
    cause = reference_of(request, caller.name)
    task = Financings(node).transfers.offer(acting, financing_id, body.to, body.until, terms=body.terms, note=body.note, cause=cause)
    return opened_task(task)


def list_offers(node: TheNode) -> Response:
    """What was offered to this bank, the newest first."""
    return page([_offer(each) for each in Financings(node).transfers.offers()], None)


def take_over(request: Request, node: TheNode, caller: Caller, acting: Acting, financing_id: FinancingId, body: TakeOverIn) -> Response:
    """Prepares a take-over. The record that the second person signs names the new financing."""
    what = {"reference": body.reference, "product": body.product, "branch": body.branch or ""}
    return opened_task(Financings(node).transfers.take_over(acting, financing_id, cause=reference_of(request, caller.name), **what))


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["financings"]
    app.add_api_route("/v1/financings/{financing_id}/transfer", transfer, methods=["POST"], tags=tags)
    app.add_api_route("/v1/transfer-offers", list_offers, methods=["GET"], tags=tags)
    app.add_api_route("/v1/financings/{financing_id}/take-over", take_over, methods=["POST"], tags=tags)


def _offer(offer: Offer) -> dict[str, Any]:
    part = offer.part
    return {
        "id": offer.id,
        "financing_id": part.financing,
        "from": offer.lender,
        "state": offer.state,
        "made": rfc3339(offer.made_ms),
        "until": rfc3339(part.until),
        "exporter": {"enterprise_id": part.enterprise, "uscc": part.uscc, "name": part.name},
        "amount": offer.amount.to_json(),
        "lines": [
            {
                "declaration_id": line.declaration,
                "number": line.number,
                "drawn": line.drawn,
                "outstanding": Money(part.currency, line.amount_minor).to_json(),
            }
            for line in part.lines
        ],
        "matures_on": part.matures_on,
        "terms": part.terms,
        "note": part.note,
        "record_id": offer.id,
    }
