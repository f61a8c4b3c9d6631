"""Financings of a bank: the list, and one of them with its lines, its time line and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import Answer, ApiRefused
from api.portal.reading import Page, Reader, page, see
from api.portal.words import FINANCING_STATES, N_

_BANK: Final = frozenset({"bank"})
# Every step that a loan may need, in their order, and why it cannot be taken where the rules do not allow it now.
STEPS: Final = {
    "intake": N_("It was taken in already, or its hold has lapsed."),
    "approve": N_("It has to be taken in first."),
    "disburse": N_("It has to be approved first, and something of it has to be left to pay out."),
    "repay": N_("Nothing of it is outstanding."),
    "cancel": N_("It has been paid out, or has ended."),
    "write-off": N_("Only what was paid out can be written off."),
}


async def listed(request: Request, reader: Reader) -> Response:
    """The financings, the newest first, of all states or one."""
    state = request.query_params.get("state", "")
    found = await reader.calls.get("/v1/financings", state=state, after=request.query_params.get("after"), limit=50)
    return page(
        request,
        reader,
        "financings.html",
        {"financings": found["items"], "next": found["next"], "state": state, "states": FINANCING_STATES},
    )


async def shown(request: Request, reader: Reader) -> Response:
    """One financing."""
    return await _shown(request, reader, None)


async def take_step(request: Request, reader: Reader) -> Response:
    """Does what the form says: at once, or as a task for a second person."""
    sent, step = await request.form(), request.path_params["step"]
    if step not in STEPS:
        return page(request, reader, "missing.html", {}, status=404)
    try:
        answer = await reader.calls.send(f"{_path(request)}/{step}", _body(step, sent), key=str(sent["key"]))
    except ApiRefused as refused:
        return await _shown(request, reader, refused.problem)
    return _after(request, answer)


def _after(request: Request, answer: Answer) -> Response:
    is_task = answer.status == 202 and (answer.location or "").startswith("/v1/tasks/")
    return see(f"/tasks/{answer.body['id']}") if is_task else see(f"/financings/{request.path_params['financing_id']}")


async def _shown(request: Request, reader: Reader, problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.get(_path(request))
    may = reader.may("financings:write") and reader.role in ("maker", "checker")
    steps = {step: (step in found["actions"] and may, why) for step, why in STEPS.items()}
    shown = {"financing": found, "steps": steps, "problem": problem, "may": may, "as_of": found["as_of"]["time"][:10]}
    return page(request, reader, "financing.html", shown, status=200 if problem is None else 409)


def _path(request: Request) -> str:
    return f"/v1/financings/{request.path_params['financing_id']}"


def _body(step: str, sent: FormData) -> dict[str, Any]:
    """What the API takes for a step, from the fields of its form."""

    def text(name: str) -> str:
        return str(sent.get(name, "")).strip()

    if step == "approve":
        pledge = {name: text(name) for name in ("agreement", "registration_number", "registered_at")}
        return {"pledge": pledge}
    if step == "disburse":
        return {"disbursed_on": text("disbursed_on"), "matures_on": text("matures_on"), "reference": text("reference")}
    if step == "repay":
        total = {"currency": text("currency"), "value": text("amount")} if text("amount") else None
        return {"total": total, "source": "own-funds", "paid_on": text("paid_on"), "reference": text("reference")}
    if step == "cancel":
        return {"reason": text("reason"), "text": text("text")}
    if step == "write-off":
        return {"reason": text("text")}
    return {}


PAGES: Final = (
    Page("/financings", listed, seats=_BANK, scope="financings:read", heading=N_("Financings")),
    Page("/financings/{financing_id}", shown),
    Page("/financings/{financing_id}/{step}", take_step, ("POST",)),
)
