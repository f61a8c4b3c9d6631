"""A bank's statement of its financings over a period: on the screen, on paper, and as files."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import status_of
from api.portal.reading import Page, Reader, page, today


async def statement(request: Request, reader: Reader) -> Response:
    """What was chosen; at first the month so far, of every exporter."""
    query, now = request.query_params, date.fromisoformat(today(reader))
    chosen = {
        "from": query.get("from") or now.replace(day=1).isoformat(),
        "to": query.get("to") or now.isoformat(),
        "enterprise_id": query.get("enterprise_id", ""),
        "branch": query.get("branch", "").strip(),
    }
    problem, found = None, None
    asked = {name: value for name, value in chosen.items() if value}
    try:
        found = await reader.calls.get("/v1/statements/financings", **asked)
    except ApiRefused as refused:
        problem = refused.problem
    before = now.replace(day=1) - timedelta(1)
    shown = {
        "statement": found,
        "chosen": chosen,
        "names": {each["exporter"]["uscc"]: each["exporter"]["name"] for each in found["items"]} if found else {},
        "exporters": await _exporters(reader),
        "files": urlencode(asked),
        "last_month": urlencode({"from": before.replace(day=1).isoformat(), "to": before.isoformat()}),
        "problem": problem,
    }
    return page(request, reader, "statement.html", shown, status=status_of(problem))


async def _exporters(reader: Reader) -> list[dict[str, Any]]:
    """The exporters whose consents this bank holds or held, each once, by name."""
    found = {each["enterprise_id"]: each["exporter"]["name"] for each in await reader.calls.all("/v1/consents")}
    return [{"id": enterprise, "name": name} for enterprise, name in sorted(found.items(), key=lambda item: item[1])]


PAGES: Final = (Page("/statements", statement),)
