"""What the authority watches: stock and flow, how long stages take, banks, and alerts."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.reading import Page, Reader, page, see
from api.portal.words import ALERT_SEVERITIES, N_

_AUTHORITY: Final = frozenset({"authority"})


async def dashboard(request: Request, reader: Reader) -> Response:
    """Stock and flow of a period, by currency and by bank, and the stages' times."""
    period = {name: request.query_params.get(name, "") for name in ("from", "to")}
    summary = await reader.calls.get("/v1/monitoring/summary", **period)
    stages = await reader.calls.get("/v1/monitoring/stages", **period)
    banks = await reader.calls.get("/v1/monitoring/banks", **period)
    shown = {"summary": summary, "stages": stages["items"], "banks": banks["items"], "period": period}
    return page(request, reader, "dashboard.html", shown)


async def alerts(request: Request, reader: Reader) -> Response:
    """The alerts, the gravest that are open first."""
    found = await reader.calls.all("/v1/alerts")
    ranks = list(ALERT_SEVERITIES)
    found.sort(key=lambda each: (each["state"] == "closed", ranks.index(each["severity"]) if each["severity"] in ranks else len(ranks)))
    return page(request, reader, "alerts.html", {"alerts": found})


async def take(request: Request, reader: Reader) -> Response:
    """Takes an alert on: its owner is the reader."""
    form = await request.form()
    await reader.calls.send(f"/v1/alerts/{request.path_params['alert_id']}/take", {}, key=str(form["key"]))
    return see("/alerts")


async def close(request: Request, reader: Reader) -> Response:
    """Closes an alert, with the reason."""
    form = await request.form()
    await reader.calls.send(f"/v1/alerts/{request.path_params['alert_id']}/close", {"reason": str(form["reason"])}, key=str(form["key"]))
    return see("/alerts")


PAGES: Final = (
    Page("/monitoring", dashboard, seats=_AUTHORITY, scope="monitoring:read", heading=N_("Stock and flow")),
    Page("/alerts", alerts, seats=_AUTHORITY, scope="alerts:read", heading=N_("Alerts")),
    Page("/alerts/{alert_id}/take", take, ("POST",)),
    Page("/alerts/{alert_id}/close", close, ("POST",)),
)
