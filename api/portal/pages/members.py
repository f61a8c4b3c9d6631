"""Members: who is on the ledger, with which keys, in which state; admitted, suspended, reinstated and succeeded by the authority."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.forms import text
from api.portal.oversight_words import SUSPENSIONS
from api.portal.reading import Page, Reader, not_here, page, see
from api.portal.words import N_

_STEPS: Final = {"suspend": ("reason",), "reinstate": (), "succeed": ("heir",)}


async def listed(request: Request, reader: Reader) -> Response:
    """All members, with governors' proposals and the policy in sight."""
    return await _listed(request, reader, "", None)


async def admit(request: Request, reader: Reader) -> Response:
    """Admits whom an application names, which `tallystick join` made; or shows it again with what does not fit."""
    sent = await request.form()
    application = text(sent, "application")
    try:
        body = json.loads(application)
    except ValueError:
        return await _listed(request, reader, application, {"code": "form-incomplete"})
    try:
        await reader.calls.send("/v1/members", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _listed(request, reader, application, refused.problem)
    return see("/members")


async def shown(request: Request, reader: Reader) -> Response:
    """One member."""
    return await _shown(request, reader, None)


async def change(request: Request, reader: Reader) -> Response:
    """Suspends, reinstates, or names the bank that takes a member's place."""
    sent, member, step = await request.form(), request.path_params["member"], request.path_params["step"]
    if step not in _STEPS:
        return not_here(request, reader)
    try:
        body = {name: text(sent, name) for name in _STEPS[step]}
        await reader.calls.send(f"/v1/members/{member}/{step}", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _shown(request, reader, refused.problem)
    return see(f"/members/{member}")


async def _listed(request: Request, reader: Reader, application: str, problem: Mapping[str, Any] | None) -> Response:
    proposals = (await reader.calls.get("/v1/governance/proposals"))["items"]
    shown = {
        "members": await reader.calls.all("/v1/members"),
        "proposals": [each for each in proposals if each["state"] in ("OPEN", "SCHEDULED")],
        "application": application,
        "problem": problem,
        "may_admit": reader.seat == "authority" and reader.role == "maker",
    }
    return page(request, reader, "members.html", shown, status=422 if problem else 200)


async def _shown(request: Request, reader: Reader, problem: Mapping[str, Any] | None) -> Response:
    members = await reader.calls.all("/v1/members")
    found = next((each for each in members if each["member"] == request.path_params["member"]), None)
    if found is None:
        return not_here(request, reader)
    shown = {
        "member": found,
        "heirs": [each for each in members if each["role"] == "bank" and each["status"] == "active" and each != found],
        "suspensions": SUSPENSIONS,
        "problem": problem,
        "may": reader.seat == "authority" and reader.role in ("maker", "checker") and found["role"] != "authority",
    }
    return page(request, reader, "member.html", shown, status=409 if problem else 200)


PAGES: Final = (
    Page("/members", listed, seats=frozenset({"authority", "auditor"}), scope="ledger:read", heading=N_("Members and rules")),
    Page("/members", admit, ("POST",)),
    Page("/members/{member}", shown),
    Page("/members/{member}/{step}", change, ("POST",)),
)
