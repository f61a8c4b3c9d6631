"""Consents: which bank may ask about an exporter's declarations, until when and how often, and what was done under them. A bank reads those
that it holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import status_of, text
from api.portal.reading import Page, Reader, page, see
from api.portal.words import CONSENT_SCOPES, N_
from ledger.clock import rfc3339
from nodes.days import day_end_ms

_EXPORTER: Final = frozenset({"enterprise"})
_READERS: Final = frozenset({"bank", "enterprise"})


async def listed(request: Request, reader: Reader) -> Response:
    """The consents that were given."""
    return await _listed(request, reader, None)


async def give(request: Request, reader: Reader) -> Response:
    """Gives a consent from now on, to the end of the day that was chosen."""
    form = await request.form()
    try:
        until = datetime.fromisoformat(str(form["until"])).date().isoformat()
        body = {
            "bank": str(form["bank"]),
            "scopes": [str(each) for each in form.getlist("scope")],
            "not_before": reader.network["as_of"]["time"],
            "not_after": rfc3339(day_end_ms(until)),
            "uses": int(str(form["uses"])),
        }
    except (KeyError, OverflowError, ValueError):
        problem = {"code": "form-incomplete", "detail": "a field of the form is missing or cannot be read"}
        return await _listed(request, reader, problem)
    try:
        await reader.calls.send("/v1/consents", body, key=text(form, "key"))
    except ApiRefused as refused:
        return await _listed(request, reader, refused.problem)
    return see("/consents")


async def revoke(request: Request, reader: Reader) -> Response:
    """Ends a consent."""
    form = await request.form()
    await reader.calls.send(f"/v1/consents/{request.path_params['consent_id']}/revoke", {}, key=text(form, "key"))
    return see("/consents")


async def confirm(request: Request, reader: Reader) -> Response:
    """The exporter signed the paper on which the consent stands."""
    form = await request.form()
    await reader.calls.send(f"/v1/consents/{request.path_params['consent_id']}/confirm", {}, key=text(form, "key"))
    return see("/consents")


async def accesses(request: Request, reader: Reader) -> Response:
    """Who asked, was answered or used what of the exporter's, the newest first."""
    found = await reader.calls.get("/v1/accesses", order="newest", after=request.query_params.get("after"), limit=100)
    shown = {"accesses": found["items"], "next": found["next"], "numbers": await numbers_of(reader)}
    return page(request, reader, "accesses.html", shown)


async def numbers_of(reader: Reader) -> dict[str, str]:
    """Numbers of the exporter's own declarations by id."""
    return {each["id"]: each["number"] for each in await reader.calls.all("/v1/declarations")}


async def _listed(request: Request, reader: Reader, problem: Any) -> Response:
    members = await reader.calls.all("/v1/members")
    names = {each["member"]: each["name"] for each in members}
    shown = {
        "consents": list(reversed(await reader.calls.all("/v1/consents"))),
        "banks": [each for each in members if each["role"] == "bank" and each["status"] == "active"],
        "names": names,
        "scopes": CONSENT_SCOPES,
        "may": reader.seat == "enterprise" and reader.may("consents:write") and reader.role in ("maker", "enterprise"),
        "problem": problem,
    }
    return page(request, reader, "consents.html", shown, status=status_of(problem))


PAGES: Final = (
    Page("/consents", listed, seats=_READERS, scope="consents:read", heading=N_("Consents")),
    Page("/consents", give, ("POST",)),
    Page("/consents/{consent_id}/revoke", revoke, ("POST",)),
    Page("/consents/{consent_id}/confirm", confirm, ("POST",)),
    Page("/accesses", accesses, seats=_EXPORTER, scope="accesses:read", heading=N_("Who used what")),
)
