"""What waits for the authority's word: disputes, approvals that nobody draws, and orders that freeze and let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import Answer, ApiRefused
from api.portal.forms import files, text
from api.portal.oversight_words import SUBJECTS
from api.portal.reading import Page, Reader, not_here, page, see
from api.portal.words import N_

_KINDS: Final = ("declaration", "financing", "member")
_TYPED: Final = ("kind", "target", "issuer", "reference", "text", "digest")


async def listed(request: Request, reader: Reader) -> Response:
    """The disputes, those that are open first; approvals gone stale; and the orders, the newest first."""
    return await _listed(request, reader, None)


async def cancel_stale(request: Request, reader: Reader) -> Response:
    """Lets a financing go that was approved and not paid out for too long."""
    sent = await request.form()
    body = {"reason": "stale", "text": text(sent, "text")}
    try:
        await reader.calls.send(f"/v1/financings/{request.path_params['financing_id']}/cancel", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _listed(request, reader, refused.problem)
    return see("/orders")


async def _listed(request: Request, reader: Reader, problem: Mapping[str, Any] | None) -> Response:
    disputes = await reader.calls.all("/v1/disputes")
    disputes.sort(key=lambda each: (each["state"] != "OPEN", each["opened"]))
    orders = await reader.calls.get("/v1/orders", after=request.query_params.get("after"), limit=50)
    shown = {
        "disputes": disputes,
        "stale": await reader.calls.all("/v1/financings", state="APPROVED", stale="true"),
        "orders": orders["items"],
        "next": orders["next"],
        "problem": problem,
        "may": reader.role in ("maker", "checker"),
    }
    return page(request, reader, "orders.html", shown, status=409 if problem else 200)


async def form(request: Request, reader: Reader) -> Response:
    """What is to be frozen, and by which paper."""
    if reader.seat != "authority":
        return not_here(request, reader)
    return _form(request, reader, {name: request.query_params.get(name, "") for name in _TYPED}, None)


async def freeze(request: Request, reader: Reader) -> Response:
    """Freezes, or shows the form again with what does not fit."""
    sent = await request.form()
    typed = {name: text(sent, name) for name in _TYPED}
    try:
        body = {"kind": typed["kind"], "target": await _target(reader, typed["kind"], typed["target"]), **await _paper(reader, sent)}
        answer = await reader.calls.send("/v1/orders", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return _form(request, reader, typed, refused.problem)
    return _after(answer, f"/orders/{answer.body['id']}")


async def shown(request: Request, reader: Reader) -> Response:
    """One order, and by which paper it may end."""
    return await _shown(request, reader, {}, None)


async def lift(request: Request, reader: Reader) -> Response:
    """Ends an order by another paper."""
    sent, order_id = await request.form(), request.path_params["order_id"]
    try:
        answer = await reader.calls.send(f"/v1/orders/{order_id}/lift", await _paper(reader, sent), key=text(sent, "key"))
    except ApiRefused as refused:
        return await _shown(request, reader, {name: text(sent, name) for name in _TYPED}, refused.problem)
    return _after(answer, f"/orders/{order_id}")


async def dispute(request: Request, reader: Reader) -> Response:
    """One dispute: the record, what is said against it, and what came of it."""
    return await _dispute(request, reader, "", None)


async def resolve(request: Request, reader: Reader) -> Response:
    """Says what came of a dispute."""
    sent, dispute_id = await request.form(), request.path_params["dispute_id"]
    body = {name: text(sent, name) for name in ("outcome", "statement")}
    try:
        await reader.calls.send(f"/v1/disputes/{dispute_id}/resolve", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _dispute(request, reader, body["statement"], refused.problem)
    return see(f"/disputes/{dispute_id}")


def _after(answer: Answer, path: str) -> Response:
    is_task = answer.status == 202 and (answer.location or "").startswith("/v1/tasks/")
    return see(f"/tasks/{answer.body['id']}?done=prepared") if is_task else see(path)


async def _target(reader: Reader, kind: str, named: str) -> str:
    """The id of what is named: a declaration's number stands for its declaration."""
    if kind == "declaration" and len(named) == 18 and named.isascii() and named.isdecimal():
        found = (await reader.calls.get("/v1/declarations", number=named))["items"]
        if not found:
            raise ApiRefused(404, {"code": "unknown-declaration", "detail": "this node knows no such declaration"})
        return str(found[0]["id"])
    return named


async def _paper(reader: Reader, sent: FormData) -> dict[str, str]:
    """What the API takes of a paper: the digest of the document that is kept here, or one that was typed, and its words."""
    documents = await files(sent, "document")
    if not documents:
        digest = text(sent, "digest").lower()
    else:
        kept = await reader.calls.hand_in("/v1/attachments", *documents[0], "application/octet-stream", key=f"{text(sent, 'key')}-paper")
        digest = str(kept.body["sha256"])
    return {"document_sha256": digest, **{name: text(sent, name) for name in ("issuer", "reference", "text")}}


def _form(request: Request, reader: Reader, typed: Mapping[str, str], problem: Mapping[str, Any] | None) -> Response:
    kinds = {kind: SUBJECTS[kind] for kind in _KINDS}
    return page(request, reader, "order_form.html", {"typed": typed, "kinds": kinds, "problem": problem}, status=422 if problem else 200)


async def _shown(request: Request, reader: Reader, typed: Mapping[str, str], problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.get(f"/v1/orders/{request.path_params['order_id']}")
    shown = {
        "order": found,
        "typed": {**dict.fromkeys(_TYPED, ""), **typed},
        "problem": problem,
        "may": reader.role in ("maker", "checker"),
    }
    return page(request, reader, "order.html", shown, status=409 if problem else 200)


async def _dispute(request: Request, reader: Reader, statement: str, problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.get(f"/v1/disputes/{request.path_params['dispute_id']}")
    record = await reader.calls.get(f"/v1/records/{found['record']}")
    may = found["state"] == "OPEN" and reader.role in ("maker", "checker") and reader.seat == "authority"
    shown = {"dispute": found, "record": record, "statement": statement, "problem": problem, "may": may}
    return page(request, reader, "dispute.html", shown, status=409 if problem else 200)


PAGES: Final = (
    Page("/orders", listed, seats=frozenset({"authority"}), scope="orders:read", heading=N_("Orders and disputes")),
    Page("/orders/new", form),
    Page("/orders/new", freeze, ("POST",)),
    Page("/orders/stale/{financing_id}", cancel_stale, ("POST",)),
    Page("/orders/{order_id}", shown),
    Page("/orders/{order_id}/lift", lift, ("POST",)),
    Page("/disputes/{dispute_id}", dispute),
    Page("/disputes/{dispute_id}/resolve", resolve, ("POST",)),
)
