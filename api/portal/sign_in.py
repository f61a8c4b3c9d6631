"""Signing in: the only page that strangers see."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.portal.calls import ApiRefused, Calls, calls_of
from api.portal.reading import ROOT, page


async def show(request: Request) -> Response:
    """The form."""
    async with calls_of(request.app.state.api, request) as calls:
        try:
            await calls.get("/v1/session")
        except ApiRefused:
            shown = {"problem": None, "user": "", "next": _next(request.query_params.get("next"))}
            return page(request, None, "sign_in.html", {**shown, **await _ways(calls)})
    return RedirectResponse(f"{ROOT}/work", 303)


async def enter(request: Request) -> Response:
    """Opens a session."""
    form = await request.form()
    user, following = str(form.get("user", "")), _next(str(form.get("next", "")))
    async with calls_of(request.app.state.api, request) as calls:
        try:
            answer = await calls.send("/v1/session", {"user": user, "password": str(form.get("password", ""))})
        except ApiRefused as refused:
            shown = {"problem": refused.problem, "user": user, "next": following, **await _ways(calls)}
            return page(request, None, "sign_in.html", shown, status=refused.status)
    return answer.hand_on_cookies(RedirectResponse(following, 303))


async def _ways(calls: Calls) -> dict[str, Any]:
    return {"ways": (await calls.get("/v1/session/ways"))["ways"]}


def _next(path: str | None) -> str:
    """Where to go from here: a page of the portal, whatever was asked for."""
    return path if path is not None and path.startswith(f"{ROOT}/") else f"{ROOT}/work"
