"""Alerts at the authority: found by state, severity and kind, each with its records and history; and the thresholds that raise them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.forms import text
from api.portal.oversight_words import THRESHOLDS
from api.portal.reading import Page, Reader, not_here, page, see
from api.portal.words import ALERT_SEVERITIES, ALERT_STATES, ALERTS, N_

_CHANGES: Final = ("take", "close", "reopen")


async def listed(request: Request, reader: Reader) -> Response:
    """The alerts that the filters let through, the gravest that are open first."""
    chosen: dict[str, Any] = {name: request.query_params.get(name, "") for name in ("state", "severity", "code")}
    found = await reader.calls.all("/v1/alerts", **chosen)
    ranks = list(ALERT_SEVERITIES)
    found.sort(key=lambda each: (each["state"] == "closed", ranks.index(each["severity"]) if each["severity"] in ranks else len(ranks)))
    choices = {"state": ALERT_STATES, "severity": ALERT_SEVERITIES, "code": ALERTS}
    return page(request, reader, "alerts.html", {"alerts": found, "chosen": chosen, "choices": choices})


async def shown(request: Request, reader: Reader) -> Response:
    """One alert: what it is about, what proves it, and what was decided."""
    return await _shown(request, reader, None)


async def change(request: Request, reader: Reader) -> Response:
    """Takes an alert on, closes it or opens it again."""
    form, step = await request.form(), request.path_params["change"]
    if step not in _CHANGES:
        return not_here(request, reader)
    reason = text(form, "reason")
    try:
        body = {"reason": reason} if reason else {}
        await reader.calls.send(f"/v1/alerts/{request.path_params['alert_id']}/{step}", body, key=text(form, "key"))
    except ApiRefused as refused:
        return await _shown(request, reader, refused.problem)
    return see(f"/alerts/{request.path_params['alert_id']}")


async def thresholds(request: Request, reader: Reader) -> Response:
    """The thresholds in force."""
    return await _thresholds(request, reader, {}, None)


async def set_thresholds(request: Request, reader: Reader) -> Response:
    """Sets those that were changed, from now on."""
    form = await request.form()
    typed = {name: text(form, name) for name in THRESHOLDS}
    body = {name: int(value) if value.isascii() and value.isdecimal() else value for name, value in typed.items() if value}
    try:
        await reader.calls.send("/v1/monitoring/settings", body, method="PUT")
    except ApiRefused as refused:
        return await _thresholds(request, reader, typed, refused.problem)
    return see("/alerts/thresholds")


async def _shown(request: Request, reader: Reader, problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.get(f"/v1/alerts/{request.path_params['alert_id']}")
    records = [await _record(reader, each) for each in found["records"]]
    shown = {"alert": found, "records": records, "problem": problem, "may": reader.role in ("maker", "checker")}
    return page(request, reader, "alert.html", shown, status=200 if problem is None else 409)


async def _record(reader: Reader, record_id: str) -> Mapping[str, Any]:
    """A record that proves an alert, or its id alone where this replica has not got it yet."""
    try:
        return await reader.calls.get(f"/v1/records/{record_id}")
    except ApiRefused as refused:
        if refused.status != 404:
            raise
        return {"record_id": record_id, "type": None}


async def _thresholds(request: Request, reader: Reader, typed: Mapping[str, str], problem: Mapping[str, Any] | None) -> Response:
    found = await reader.calls.get("/v1/monitoring/settings")
    values = {name: typed.get(name) or found[name] for name in THRESHOLDS}
    shown = {"values": values, "problem": problem, "may": reader.role in ("admin", "checker")}
    return page(request, reader, "thresholds.html", shown, status=200 if problem is None else 422)


PAGES: Final = (
    Page("/alerts", listed, seats=frozenset({"authority"}), scope="alerts:read", heading=N_("Alerts")),
    Page("/alerts/thresholds", thresholds),
    Page("/alerts/thresholds", set_thresholds, ("POST",)),
    Page("/alerts/{alert_id}", shown),
    Page("/alerts/{alert_id}/{change}", change, ("POST",)),
)
