"""Disputes: somebody says that a record is wrong, and the authority says what came of it."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import BLANK, Typed, status_of, text, typed
from api.portal.reading import Page, Reader, page, see

_WHO: Final = ("maker", "checker", "enterprise")


async def listed(request: Request, reader: Reader) -> Response:
    """Those that concern the reader, the newest first, and the form to open one."""
    return await _listed(request, reader, Typed(record=request.query_params.get("record", "")), None)


async def dispute(request: Request, reader: Reader) -> Response:
    """Opens one."""
    sent = await request.form()
    try:
        await reader.calls.send(
            "/v1/disputes", {"record": text(sent, "record"), "statement": text(sent, "statement")}, key=text(sent, "key")
        )
    except ApiRefused as refused:
        return await _listed(request, reader, typed(sent), refused.problem)
    return see("/disputes")


async def withdraw(request: Request, reader: Reader) -> Response:
    """Takes one back."""
    sent, dispute_id = await request.form(), request.path_params["dispute_id"]
    try:
        await reader.calls.send(f"/v1/disputes/{dispute_id}/withdraw", {"statement": text(sent, "statement")}, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _listed(request, reader, BLANK, refused.problem)
    return see("/disputes")


async def _listed(request: Request, reader: Reader, said: Typed, problem: Any) -> Response:
    may = reader.may("disputes:write") and reader.role in _WHO
    found = list(reversed(await reader.calls.all("/v1/disputes")))
    own = None if reader.seat == "enterprise" else reader.network["node"]["member"]
    shown = {"disputes": found, "may": may, "own": own, "typed": said, "problem": problem}
    return page(request, reader, "disputes.html", shown, status=status_of(problem))


PAGES: Final = (
    Page("/disputes", listed),
    Page("/disputes", dispute, ("POST",)),
    Page("/disputes/{dispute_id}/withdraw", withdraw, ("POST",)),
)
