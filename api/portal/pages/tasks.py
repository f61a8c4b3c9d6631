"""The work list: what waits for a second signature, what the reader prepared, and what was decided."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.deeds import done_text
from api.portal.filled_in import text
from api.portal.pages import exporter
from api.portal.pages.incoming import counted
from api.portal.reading import Page, Reader, page, see
from api.portal.words import N_

_SEATS: Final = frozenset({"bank", "authority", "registrar"})
_WAITING: Final = ("open", "awaiting-authority")


async def work(request: Request, reader: Reader) -> Response:
    """Where a person begins: the tasks, or where a seat has none, what there is to do."""
    if reader.seat == "enterprise" and reader.may("accesses:read"):
        return await exporter.home(request, reader)
    if reader.seat not in _SEATS or not reader.may("tasks:read"):
        return page(request, reader, "welcome.html", {})
    items = (await reader.calls.get("/v1/tasks", limit=100))["items"]
    waiting = [each for each in items if each["state"] in _WAITING]
    me = reader.session["id"]
    shown = {
        "to_sign": [each for each in waiting if each["author"] != me and each["state"] == "open"],
        "prepared": [each for each in waiting if each["author"] == me],
        "decided": [each for each in items if each["state"] not in _WAITING][:20],
        "incoming": await counted(reader) if reader.seat == "bank" else None,
        "to_pay_out": await _to_pay_out(reader) if reader.seat == "bank" and reader.may("financings:read") else [],
    }
    return page(request, reader, "work.html", shown)


async def _to_pay_out(reader: Reader) -> list[dict[str, Any]]:
    """Financings that were approved and of which nothing was paid out."""
    found = await reader.calls.get("/v1/financings", state="APPROVED", limit=20)
    return list(found["items"])


async def task(request: Request, reader: Reader) -> Response:
    """One task with everything that it says."""
    found = await reader.calls.get(f"/v1/tasks/{request.path_params['task_id']}")
    done = done_text(found["type"], request.query_params.get("done", ""), found["state"], found["result"])
    if found.get("heads", {"state": "final"})["state"] != "final":
        # Not final before other members' heads match: no money may leave yet.
        done = N_("It is signed, and waits until other members confirm the ledger's state. Look again before any money leaves.")
    return page(request, reader, "task.html", {"task": found, "done": done})


async def sign(request: Request, reader: Reader) -> Response:
    """Signs; the record goes to the ledger."""
    form, task_id = await request.form(), request.path_params["task_id"]
    await reader.calls.send(f"/v1/tasks/{task_id}/sign", {}, key=text(form, "key"))
    return see(f"/tasks/{task_id}?done=signed")


async def decline(request: Request, reader: Reader) -> Response:
    """Declines, with a reason for whoever prepared it."""
    form, task_id = await request.form(), request.path_params["task_id"]
    await reader.calls.send(f"/v1/tasks/{task_id}/decline", {"reason": text(form, "reason")}, key=text(form, "key"))
    return see(f"/tasks/{task_id}?done=declined")


async def withdraw(request: Request, reader: Reader) -> Response:
    """Whoever prepared it takes it back, which is to decline it oneself: then nobody can sign it any more."""
    form, task_id = await request.form(), request.path_params["task_id"]
    reason = text(form, "reason") or reader.texts.gettext(N_("withdrawn by who prepared it"))
    await reader.calls.send(f"/v1/tasks/{task_id}/decline", {"reason": reason}, key=text(form, "key"))
    return see(f"/tasks/{task_id}?done=withdrawn")


PAGES: Final = (
    Page("/work", work, seats=_SEATS, scope="tasks:read", heading=N_("Work list")),
    Page("/tasks/{task_id}", task),
    Page("/tasks/{task_id}/sign", sign, ("POST",)),
    Page("/tasks/{task_id}/decline", decline, ("POST",)),
    Page("/tasks/{task_id}/withdraw", withdraw, ("POST",)),
)
