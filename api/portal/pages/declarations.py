"""Declarations as their exporter, a bank that may see them, or the authority sees them, and what each still carries."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.reading import Page, Reader, page
from api.portal.words import N_


async def listed(request: Request, reader: Reader) -> Response:
    """The declarations, with what is left to finance on each."""
    found = await reader.calls.get("/v1/declarations", after=request.query_params.get("after"), limit=50)
    return page(request, reader, "declarations.html", {"declarations": found["items"], "next": found["next"]})


PAGES: Final = (
    Page(
        "/declarations",
        listed,
        seats=frozenset({"bank", "enterprise", "registrar"}),
        scope="declarations:read",
        heading=N_("Declarations"),
    ),
)
