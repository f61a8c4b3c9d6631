"""Enquiries of a bank about declarations or credit, under an exporter's consent: asked here, answered by the authority's node."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.context import Acting, ApiContext, Caller, Context, TheNode
from api.heights import wait
from api.idempotency import reference_of
from api.models import ApiModel, Day, Hash, Limit, MoneyIn, Order
from api.preferences import wait_seconds
from api.resources.credit_views import report_json
from api.responses import json_response, page, single
from ledger.clock import rfc3339
from ledger.limits import ACCOUNT_NAME_CHARS_MAX, ENQUIRY_LINES_MAX, INTEGER_MAX
from nodes.consents.paper import UNCONFIRMED
from nodes.consents.paper_word import ask_for_word
from nodes.consents.terms import PaperBasis
from nodes.credit.facts import SCOPES, CreditScope
from nodes.enquiries.asking import AnsweredLine, Enquiries, Enquiry, EnquiryLine
from nodes.enquiries.parts import AskedLine
from nodes.money import Money

PENDING: Final = "pending"
# How long a thread stays with one enquiry, and how long until it looks again: a node reads a block a moment after it is there.
_LOOK_S: Final = 0.2
_LOOK_AGAIN_S: Final = 1.0
EnquiryId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
AfterIndex = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the cursor that the page before gave as `next`")]


class LineIn(ApiModel):
    """A declaration as the bank was shown it; what is null is not asked."""

    number: Annotated[str, Field(min_length=1, max_length=32)]
    exporter_uscc: Annotated[str, Field(min_length=1, max_length=32)]
    amount: MoneyIn | None = None
    export_date: Day | None = None


class PaperIn(ApiModel):
    """What an exporter in custody signed on paper: the digest of the scan, which was handed in at `/v1/attachments`, and who signed."""

    kind: Literal["paper"]
    document_sha256: Hash
    signatory: Annotated[str, Field(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")]


class EnquiryIn(ApiModel):
    """Up to 500 declarations of one exporter, in one go and under one consent; or, of kind `credit`, no lines: what the authority holds of
    the exporter in `scopes`, by default in every scope of the consent. In place of the consent a bank may hand in a paper, for
    declarations.
    """

    kind: Literal["declarations", "credit"]
    consent_id: Hash | None = None
    basis: PaperIn | None = None
    lines: list[LineIn] = Field(default_factory=list, max_length=ENQUIRY_LINES_MAX)
    scopes: Annotated[list[CreditScope], Field(min_length=1, max_length=len(SCOPES))] | None = None


async def ask(request: Request, context: Context, caller: Caller, acting: Acting, body: EnquiryIn) -> Response:
    """Asks. With `Prefer: wait` the answer, if it is there by then; otherwise 202 and where it will be."""
    lines = [EnquiryLine(line.number, line.exporter_uscc, line.amount, line.export_date) for line in body.lines]
    paper = None if body.basis is None else PaperBasis(document_sha256=body.basis.document_sha256, signatory=body.basis.signatory)
    ask_it = partial(Enquiries(context.node).ask, acting, body.consent_id, lines, body.kind, basis=paper, scopes=body.scopes or ())
    enquiry_id = await run_in_threadpool(partial(ask_it, reference=reference_of(request, caller.name)))
    enquiry = await _settled(context, enquiry_id, wait_seconds(request) or 0)
    if enquiry.state != PENDING:
        return json_response(_json(enquiry))
    headers = {"Location": f"/v1/enquiries/{enquiry_id}", "Retry-After": "1"}
    return json_response(_json(enquiry), status=202, headers=headers)


async def get_enquiry(request: Request, context: Context, enquiry_id: EnquiryId) -> Response:
    """An enquiry with its answer, once it is there. `Prefer: wait` waits for it."""
    enquiry = await _settled(context, enquiry_id, wait_seconds(request) or 0)
    if enquiry.basis_state == UNCONFIRMED:
        await run_in_threadpool(ask_for_word, context.node, enquiry.consent)
        enquiry = await run_in_threadpool(Enquiries(context.node).get, enquiry_id)
    return single(request, _json(enquiry))


def list_enquiries(node: TheNode, after: AfterIndex = 0, limit: Limit = 100, order: Order = "oldest") -> Response:
    """In the order of the ledger, or the newest first."""
    found = Enquiries(node).list(after, limit, newest_first=order == "newest")
    following = None
    if len(found) == limit:
        with node.store.reading() as reader:
            last = reader.record(found[-1].id)
        following = None if last is None else last.log_index
    return page([_json(each) for each in found], following)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["enquiries"]
    app.add_api_route("/v1/enquiries", ask, methods=["POST"], tags=tags)
    app.add_api_route("/v1/enquiries", list_enquiries, methods=["GET"], tags=tags)
    app.add_api_route("/v1/enquiries/{enquiry_id}", get_enquiry, methods=["GET"], tags=tags)


async def _settled(context: ApiContext, enquiry_id: str, wait_s: float) -> Enquiry:
    """The enquiry once it is answered, or as it stands when the time is over. While nothing happens on the ledger no thread waits."""
    service, end = Enquiries(context.node), time.monotonic() + wait_s
    enquiry = await run_in_threadpool(service.get, enquiry_id)
    while enquiry.state == PENDING and time.monotonic() < end:
        with context.heights.watching() as grown:
            enquiry = await run_in_threadpool(service.wait, enquiry_id, min(_LOOK_S, max(0.0, end - time.monotonic())))
            if enquiry.state == PENDING:
                await wait(grown, min(_LOOK_AGAIN_S, max(0.0, end - time.monotonic())))
    return enquiry


def _json(enquiry: Enquiry) -> dict[str, Any]:
    seen = enquiry.as_of
    return {
        "id": enquiry.id,
        "kind": enquiry.kind,
        "consent_id": enquiry.consent,
        "exporter": None if enquiry.exporter is None else {"uscc": enquiry.exporter[0], "name": enquiry.exporter[1]},
        "basis": None if enquiry.basis is None else {"kind": "paper", **enquiry.basis.model_dump()},
        "basis_state": enquiry.basis_state,
        "confirmed": None if enquiry.confirmed_ms is None else rfc3339(enquiry.confirmed_ms),
        "state": enquiry.state,
        "code": enquiry.code,
        "asked": rfc3339(enquiry.asked_ms),
        "answered": None if enquiry.answered_ms is None else rfc3339(enquiry.answered_ms),
        "record_id": enquiry.answer_record,
        "as_of": None if seen is None else {"height": seen.height, "time": rfc3339(seen.time_ms)},
        "lines": [_line(line) for line in enquiry.lines],
        "credit": None if enquiry.credit is None else report_json(enquiry.credit),
    }


def _line(line: AnsweredLine) -> dict[str, Any]:
    """The three parts of an answer. What the authority did not say of a line is null."""
    status = line.status
    return {
        "number": line.number,
        "asked": None if line.asked is None else _asked(line.asked),
        "result": line.result,
        "declaration_id": line.declaration,
        "integrity": None if line.integrity is None else line.integrity.model_dump(),
        "status": None
        if status is None or line.financeable is None or line.available is None
        else {
            "declaration": status.declaration,
            "financeable": line.financeable.to_json(),
            "available": line.available.to_json(),
            "available_ppm": status.available_ppm,
            "use": status.use,
            "until": rfc3339(status.until),
        },
        "source": None if line.source is None else line.source.model_dump(),
        "grant": line.grant,
    }


def _asked(line: AskedLine) -> dict[str, Any]:
    """What the papers said, as far as it was asked."""
    amount = None if line.amount is None else Money(line.amount.currency, line.amount.amount_minor).to_json()
    return {"exporter_uscc": line.exporter_uscc, "amount": amount, "export_date": line.export_date}
