"""Financings of a bank: the list, and one of them with its lines, its time line and what can be done next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import Answer, ApiRefused
from api.portal.deeds import said_of, stages_of
from api.portal.filled_in import BLANK, INCOMPLETE, Incomplete, documents, status_of, text, typed
from api.portal.reading import Page, Reader, page, see, today
from api.portal.steps import OTHER_ROLE, STEPS, allowed, collection_of
from api.portal.words import FINANCING_STATES, N_
from contracts.shares import WHOLE

_BANK: Final = frozenset({"bank"})
_COLLECT: Final = "collect"


async def listed(request: Request, reader: Reader) -> Response:
    """The financings, the newest first, of all states or one, or only what is overdue."""
    state, overdue = request.query_params.get("state", ""), request.query_params.get("overdue", "")
    found = await reader.calls.get("/v1/financings", state=state, overdue=overdue, after=request.query_params.get("after"), limit=50)
    shown = {"financings": found["items"], "next": found["next"], "state": state, "overdue": overdue, "states": FINANCING_STATES}
    return page(request, reader, "financings.html", shown)


async def shown(request: Request, reader: Reader) -> Response:
    """One financing."""
    return await _shown(request, reader, {})


async def take_step(request: Request, reader: Reader) -> Response:
    """Does what the form says: at once, or as a task for a second person. What was typed is shown again where it does not go."""
    sent, step = await request.form(), request.path_params["step"]
    if step not in (*STEPS, _COLLECT):
        return page(request, reader, "missing.html", {}, status=404)
    again: dict[str, Any] = {"step": step, "typed": typed(sent), "lines": [str(each) for each in sent.getlist("line")], "kept": []}
    try:
        currency, key = text(sent, "currency"), text(sent, "key")
        if step == _COLLECT:
            path, body = f"/v1/declarations/{text(sent, 'declaration')}/collections", collection_of(sent, currency)
        else:
            again["kept"] = await documents(sent, reader.calls)
            path, body = f"{_path(request)}/{step}", STEPS[step].body(sent, currency, again["kept"])
        answer = await reader.calls.send(path, body, key=key)
    except Incomplete:
        return await _shown(request, reader, {**again, "problem": INCOMPLETE})
    except ApiRefused as refused:
        return await _shown(request, reader, {**again, "problem": _labelled(refused.problem, step)})
    return _after(request, answer)


def _labelled(problem: Mapping[str, Any], step: str) -> Mapping[str, Any]:
    """A payout's reference is the loan's number in the form."""
    if step != "disburse" or "errors" not in problem:
        return problem
    named = [{**each, "field": "loan_number" if each["field"] == "reference" else each["field"]} for each in problem["errors"]]
    return {**problem, "errors": named}


def _after(request: Request, answer: Answer) -> Response:
    is_task = answer.status == 202 and (answer.location or "").startswith("/v1/tasks/")
    if is_task:
        return see(f"/tasks/{answer.body['id']}?done=prepared")
    return see(f"/financings/{request.path_params['financing_id']}?done=financing.{request.path_params['step']}")


async def _shown(request: Request, reader: Reader, again: Mapping[str, Any]) -> Response:
    """`again`: the step that did not go, what was typed, and the problem."""
    found = await reader.calls.get(_path(request))
    may = reader.seat == "bank" and reader.may("financings:write") and reader.role in ("maker", "checker")
    now = allowed(found)
    steps = {
        name: (name in now and reader.role in step.people, step.why_not if name not in now else OTHER_ROLE) for name, step in STEPS.items()
    }
    members = await reader.calls.all("/v1/members") if may and "transfer" in now else []
    own = reader.network["node"]["member"]
    shown = {
        "financing": found,
        "stages": stages_of(found),
        "done": said_of(found, request.query_params.get("done", "")),
        "bars": [_bar(line) for line in found["lines"]],
        "today": today(reader),
        "steps": steps,
        "may": may,
        "waiting": await _waiting(reader, found["id"]),
        "collections": await _collections(reader, found) if reader.seat == "bank" else [],
        "banks": [each for each in members if each["role"] == "bank" and each["status"] == "active" and each["member"] != own],
        "step": again.get("step"),
        "typed": again.get("typed", BLANK),
        "blank": BLANK,
        "typed_lines": again.get("lines", []),
        "kept": again.get("kept", []),
        "problem": again.get("problem"),
    }
    return page(request, reader, "financing.html", shown, status=status_of(again.get("problem")))


async def _waiting(reader: Reader, financing: str) -> list[dict[str, Any]]:
    """What somebody prepared for a financing and nobody has signed second."""
    if reader.seat != "bank" or not reader.may("tasks:read"):
        return []
    tasks = (await reader.calls.get("/v1/tasks", state="open", limit=100))["items"]
    return [each for each in tasks if each["summary"].get("financing") == financing]


async def _collections(reader: Reader, financing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What came in for the declarations of a financing's lines, with their numbers."""
    numbers = {line["declaration_id"]: line["number"] for line in financing["lines"] if line["code"] == "ok"}
    found = await asyncio.gather(*(reader.calls.get(f"/v1/declarations/{each}/collections") for each in numbers))
    pairs = zip(numbers.items(), found, strict=True)
    return [{**each, "asked": asked, "number": number} for (asked, number), answer in pairs for each in answer["items"]]


def _bar(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line as parts of its declaration, in thousandths from the left: what this financing drew, holds and wrote off, what is free, and
    between them what is used otherwise. `free` is None where this node does not know the amount registered.
    """
    shares = {"drawn": line["drawn"], "held": line["held"], "lost": line["lost"]}
    registered, available = line["money"]["registered"], line["money"]["available"]
    free = None
    if registered is not None and available is not None and float(registered["value"]) > 0:
        free = min(WHOLE, int(WHOLE * float(available["value"]) / float(registered["value"])))
    parts, place = [], 0
    for name, share in shares.items():
        parts.append({"name": name, "x": place // 1000, "width": share // 1000})
        place += share
    if free is not None:
        left = max(place, WHOLE - free)
        parts.append({"name": "other", "x": place // 1000, "width": (left - place) // 1000})
    return {"parts": parts, "own": place, "free": free, **shares}


def _path(request: Request) -> str:
    return f"/v1/financings/{request.path_params['financing_id']}"


PAGES: Final = (
    Page("/financings", listed, seats=_BANK, scope="financings:read", heading=N_("Financings")),
    Page("/financings/{financing_id}", shown),
    Page("/financings/{financing_id}/{step}", take_step, ("POST",)),
)
