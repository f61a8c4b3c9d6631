"""Financing requests: an exporter's form to a bank, and what the bank says of it. Both read the same page of one."""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import BLANK, INCOMPLETE, Incomplete, Typed, amount, digests, documents, status_of, text, typed
from api.portal.reading import Page, Reader, page, see
from api.portal.trade_words import REQUEST_FIELDS
from api.portal.words import N_

_EXPORTER: Final = frozenset({"enterprise"})
_MINE: Final = ("SENT", "RECEIVED", "SENT_BACK", "RESENT")
_OPEN: Final = ("RECEIVED", "RESENT")
_APPLIED: Final = ("APPLIED", "IN_REVIEW", "APPROVED")
_DECLARATIONS_MAX: Final = 500


async def listed(request: Request, reader: Reader) -> Response:
    """The exporter's own, the newest first."""
    found = await reader.calls.get("/v1/financing-requests", after=request.query_params.get("after"), limit=50)
    return page(request, reader, "requests.html", {"requests": found["items"], "next": found["next"], "may": _may(reader)})


async def form(request: Request, reader: Reader) -> Response:
    """An empty form, over the declarations on which something is left."""
    return await _form(request, reader, None, BLANK, {}, [], None)


async def send(request: Request, reader: Reader) -> Response:
    """Sends the form to the bank."""
    return await _send(request, reader, None)


async def resend(request: Request, reader: Reader) -> Response:
    """Sends the corrected form of a request that the bank sent back."""
    found = await reader.calls.get(_path(request))
    if request.method == "POST":
        return await _send(request, reader, found)
    said = Typed({**{name: str(found[name]) for name in ("bank", "product", "purpose", "tenor_days", "contact")}})
    kept = [{"sha256": each["sha256"], "name": each["name"]} for each in found["attachments"]]
    return await _form(request, reader, found, said, {line["number"]: line["amount"]["value"] for line in found["lines"]}, kept, None)


async def _send(request: Request, reader: Reader, before: dict[str, Any] | None) -> Response:
    sent = await request.form()
    wanted, kept = _wanted(sent), list[dict[str, str]]()
    try:
        kept = await documents(sent, reader.calls)
        path = "/v1/financing-requests" if before is None else f"{_path(request)}/resend"
        answer = await reader.calls.send(path, {**_body(sent), "attachments": digests(kept)}, key=text(sent, "key"))
        return see(f"/requests/{answer.body['id']}")
    except Incomplete:
        problem: Any = INCOMPLETE
    except ApiRefused as refused:
        problem = refused.problem
    return await _form(request, reader, before, typed(sent), {line["number"]: line["value"] for line in wanted}, kept, problem)


async def shown(request: Request, reader: Reader) -> Response:
    """One request: what is wanted, what became of it step by step, and what can be done."""
    return await _shown(request, reader, None, BLANK)


async def act(request: Request, reader: Reader) -> Response:
    """What the exporter or the bank does with it."""
    sent, step = await request.form(), request.path_params["step"]
    bodies: dict[str, dict[str, Any]] = {
        "withdraw": {"reason": text(sent, "reason")},
        "send-back": {"reason": text(sent, "reason"), "fields": [str(each) for each in sent.getlist("field")]},
        "refuse": {"reason": text(sent, "reason")},
        "take-up": {"financing_id": text(sent, "financing")},
    }
    if step not in bodies:
        return page(request, reader, "missing.html", {}, status=404)
    try:
        await reader.calls.send(f"{_path(request)}/{step}", bodies[step], key=text(sent, "key"))
    except ApiRefused as refused:
        return await _shown(request, reader, refused.problem, typed(sent))
    return see(f"/requests/{request.path_params['request_id']}")


async def _shown(request: Request, reader: Reader, problem: Any, said: Typed) -> Response:
    found = await reader.calls.get(_path(request))
    at_bank, financings = reader.seat == "bank", list[dict[str, Any]]()
    acts = _may(reader) and found["state"] in (_OPEN if at_bank else _MINE)
    if at_bank and acts:
        about, latest = found["exporter"]["uscc"], (await reader.calls.get("/v1/financings", limit=100))["items"]
        financings = [each for each in latest if each["exporter"]["uscc"] == about and each["state"] in _APPLIED]
    shown = {"request": found, "at_bank": at_bank, "acts": acts, "financings": financings, "fields": REQUEST_FIELDS}
    return page(request, reader, "request.html", {**shown, "problem": problem, "typed": said}, status=status_of(problem))


async def _form(
    request: Request,
    reader: Reader,
    before: dict[str, Any] | None,
    said: Typed,
    values: dict[str, str],
    kept: list[dict[str, str]],
    problem: Any,
) -> Response:
    """`values` are the amounts that were typed, by declaration."""
    found = reversed(await reader.calls.all("/v1/declarations", most=_DECLARATIONS_MAX))
    members = await reader.calls.all("/v1/members")
    shown = {
        "declarations": [each for each in found if float(each["status"]["available"]["value"]) > 0 or each["number"] in values],
        "banks": [each for each in members if each["role"] == "bank" and each["status"] == "active"],
        "before": before,
        "typed": said,
        "values": values,
        "kept": kept,
        "problem": problem,
        "fields": REQUEST_FIELDS,
    }
    return page(request, reader, "request_form.html", shown, status=status_of(problem))


def _may(reader: Reader) -> bool:
    """At a bank makers and checkers answer, at an exporter's makers ask, and an exporter in custody does by itself."""
    return reader.may("requests:write") and reader.role in (("maker", "checker") if reader.seat == "bank" else ("maker", "enterprise"))


def _wanted(sent: FormData) -> list[dict[str, str]]:
    """The lines for which an amount was typed."""
    names = ("number", "line_currency", "value")
    rows = zip(*([str(each).strip() for each in sent.getlist(name)] for name in names), strict=False)
    return [{"number": number, "currency": currency, "value": value} for number, currency, value in rows if value]


def _body(sent: FormData) -> dict[str, Any]:
    """Raises `Incomplete`."""
    days = text(sent, "tenor_days")
    if not (days.isascii() and days.isdecimal()):
        raise Incomplete
    lines = [{"number": line["number"], "amount": amount(line["currency"], line["value"])} for line in _wanted(sent)]
    return {"lines": lines, "tenor_days": int(days), **{name: text(sent, name) for name in ("bank", "product", "purpose", "contact")}}


def _path(request: Request) -> str:
    return f"/v1/financing-requests/{request.path_params['request_id']}"


PAGES: Final = (
    Page("/requests", listed, seats=_EXPORTER, scope="requests:read", heading=N_("Requests to banks")),
    Page("/requests/new", form),
    Page("/requests/new", send, ("POST",)),
    Page("/requests/{request_id}", shown),
    Page("/requests/{request_id}/resend", resend, ("GET", "POST")),
    Page("/requests/{request_id}/{step}", act, ("POST",)),
)
