"""What the authority watches: stock and flow by currency, month, bank, region, product and exporter, stage times, money against shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.reading import Page, Reader, page
from api.portal.words import N_

_AUTHORITY: Final = frozenset({"authority"})
_FILTERS: Final = ("from", "to", "bank", "region", "currency", "product")
_MONTHLY: Final = ("applied", "disbursed", "repaid")
_HEIGHT: Final = 120


async def dashboard(request: Request, reader: Reader) -> Response:
    """Stock and flow, as far as the filters let them through."""
    chosen = {name: request.query_params.get(name, "").strip() for name in _FILTERS}

    async def figures(name: str, **more: Any) -> list[dict[str, Any]]:
        return list((await reader.calls.get(f"/v1/monitoring/{name}", **chosen, **more))["items"])

    shown = {
        "chosen": chosen,
        "query": {name: value for name, value in chosen.items() if value},
        "summary": await figures("summary"),
        "months": _columns(await figures("series", by="month")),
        "stages": await figures("stages"),
        "groups": {name: _measured(await figures(f"{name}s")) for name in ("bank", "region", "product")},
        "exporters": _measured(await figures("exporters")),
        "banks": [each for each in await reader.calls.all("/v1/members") if each["role"] == "bank"],
    }
    return page(request, reader, "dashboard.html", shown)


async def reconciliation(request: Request, reader: Reader) -> Response:
    """Sealed money against public shares: all declarations, or only those that do not agree."""
    differences = request.query_params.get("differences", "") == "true"
    asked = {"differences": "true" if differences else "", "after": request.query_params.get("after"), "limit": 50}
    found = await reader.calls.get("/v1/monitoring/reconciliation", **asked)
    return page(request, reader, "reconciliation.html", {"declarations": found["items"], "next": found["next"], "differences": differences})


def _columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What happened month by month in each currency, with the height of each column in a drawing of `_HEIGHT`."""
    by_currency: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_currency.setdefault(row["currency"], []).append(dict(row))
    for months in by_currency.values():
        most = max((Decimal(each[name]["value"]) for each in months for name in _MONTHLY), default=Decimal(0))
        for each in months:
            each["heights"] = {name: int(_HEIGHT * Decimal(each[name]["value"]) / most) if most else 0 for name in _MONTHLY}
    return by_currency


def _measured(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with what is outstanding in each, in millionths of the most that is in a row of its currency."""
    found = [dict(row) for row in rows]
    most: dict[str, Decimal] = {}
    for row in found:
        most[row["currency"]] = max(most.get(row["currency"], Decimal(0)), Decimal(row["outstanding"]["value"]))
    for row in found:
        whole = most[row["currency"]]
        row["measure"] = int(1_000_000 * Decimal(row["outstanding"]["value"]) / whole) if whole else 0
    return found


PAGES: Final = (
    Page("/monitoring", dashboard, seats=_AUTHORITY, scope="monitoring:read", heading=N_("Stock and flow")),
    Page("/reconciliation", reconciliation),
)
