"""What comes in at a bank from others: exporters' requests, loans that another bank offers, and what changed under its own financings."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import BLANK, Typed, status_of, text, typed
from api.portal.reading import Page, Reader, page, see
from api.portal.words import N_

_BANK: Final = frozenset({"bank"})


async def listed(request: Request, reader: Reader) -> Response:
    """All of it, the newest first."""
    notices = await reader.calls.get("/v1/notices", after=request.query_params.get("after"), limit=50)
    disputes = await reader.calls.all("/v1/disputes")
    shown = {
        "requests": (await reader.calls.get("/v1/financing-requests", limit=50))["items"],
        "offers": (await reader.calls.get("/v1/transfer-offers"))["items"],
        "notices": notices["items"],
        "next": notices["next"],
        "disputes": list(reversed(disputes)),
    }
    return page(request, reader, "incoming.html", shown)


async def counted(reader: Reader) -> dict[str, int]:
    """How much of it waits for this bank's word."""
    requests = (await reader.calls.get("/v1/financing-requests", limit=100))["items"]
    offers = (await reader.calls.get("/v1/transfer-offers"))["items"]
    return {
        "requests": sum(each["state"] in ("RECEIVED", "RESENT") for each in requests),
        "offers": sum(each["state"] == "open" for each in offers),
        "notices": len((await reader.calls.get("/v1/notices", unread="true", limit=100))["items"]),
    }


async def read(request: Request, reader: Reader) -> Response:
    """Somebody has read a notice."""
    form, notice = await request.form(), request.path_params["notice_id"]
    await reader.calls.send(f"/v1/notices/{notice}/read", {}, key=text(form, "key"))
    return see("/incoming#notices")


async def offer(request: Request, reader: Reader) -> Response:
    """One offer: what is owed, on which terms, and how it is taken over."""
    return await _offer(request, reader, None, BLANK)


async def take_over(request: Request, reader: Reader) -> Response:
    """Prepares the take-over, for a second person to sign."""
    sent = await request.form()
    body = {"reference": text(sent, "reference"), "product": text(sent, "product"), "branch": text(sent, "branch") or None}
    try:
        answer = await reader.calls.send(f"/v1/financings/{text(sent, 'financing')}/take-over", body, key=text(sent, "key"))
    except ApiRefused as refused:
        return await _offer(request, reader, refused.problem, typed(sent))
    return see(f"/tasks/{answer.body['id']}?done=prepared")


async def _offer(request: Request, reader: Reader, problem: Any, said: Typed) -> Response:
    wanted = request.path_params["offer_id"]
    found = next((each for each in (await reader.calls.get("/v1/transfer-offers"))["items"] if each["id"] == wanted), None)
    if found is None:
        return page(request, reader, "missing.html", {}, status=404)
    may = reader.may("financings:write") and reader.role in ("maker", "checker") and found["state"] == "open"
    return page(request, reader, "offer.html", {"offer": found, "may": may, "problem": problem, "typed": said}, status=status_of(problem))


PAGES: Final = (
    Page("/incoming", listed, seats=_BANK, scope="notices:read", heading=N_("Incoming")),
    Page("/notices/{notice_id}/read", read, ("POST",)),
    Page("/offers/{offer_id}", offer),
    Page("/offers/{offer_id}", take_over, ("POST",)),
)
