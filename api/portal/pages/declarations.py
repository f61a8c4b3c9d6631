"""Declarations as their exporter, a bank that may see them, or the authority sees them, and what each still carries."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.calls import ApiRefused
from api.portal.filled_in import status_of
from api.portal.reading import Page, Reader, page, today
from api.portal.words import N_


async def listed(request: Request, reader: Reader) -> Response:
    """The declarations, with what is left to finance on each."""
    found = await reader.calls.get("/v1/declarations", after=request.query_params.get("after"), limit=50)
    return page(request, reader, "declarations.html", {"declarations": found["items"], "next": found["next"]})


async def shown(request: Request, reader: Reader) -> Response:
    """One declaration; to its exporter with the statement of a month, to a bank with what came in for it."""
    declaration_id, month = request.path_params["declaration_id"], request.query_params.get("month") or today(reader)[:7]
    found = await reader.calls.get(f"/v1/declarations/{declaration_id}")
    statement: dict[str, Any] | None = None
    problem, collections = None, []
    if reader.seat == "enterprise":
        try:
            statement = await reader.calls.get(f"/v1/declarations/{declaration_id}/statement", month=month)
        except ApiRefused as refused:
            problem = refused.problem
    elif reader.seat == "bank":
        collections = (await reader.calls.get(f"/v1/declarations/{declaration_id}/collections"))["items"]
    shown = {"declaration": found, "month": month, "statement": statement, "collections": collections, "problem": problem}
    return page(request, reader, "declaration.html", shown, status=status_of(problem))


PAGES: Final = (
    Page(
        "/declarations",
        listed,
        seats=frozenset({"bank", "enterprise", "registrar"}),
        scope="declarations:read",
        heading=N_("Declarations"),
    ),
    Page("/declarations/{declaration_id}", shown),
)
