"""The ledger as everybody sees it: blocks, the records in them and what became of each."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.portal.reading import ROOT, Page, Reader, page
from api.portal.words import N_

_PER_PAGE: Final = 20


async def blocks(request: Request, reader: Reader) -> Response:
    """The newest blocks, or those below a height; or a record by its id."""
    wanted = request.query_params.get("record", "").strip()
    if wanted:
        return RedirectResponse(f"{ROOT}/ledger/records/{wanted}", 303)
    newest = int(reader.network["as_of"]["height"])
    asked = request.query_params.get("below", "")
    top = min(newest, int(asked) - 1) if asked.isascii() and asked.isdecimal() and len(asked) < 16 else newest
    first = max(0, top - _PER_PAGE)
    found = (await reader.calls.get("/v1/blocks", after=first, limit=top - first))["items"] if top > first else []
    return page(request, reader, "blocks.html", {"blocks": list(reversed(found)), "below": first + 1 if first > 0 else None})


async def block(request: Request, reader: Reader) -> Response:
    """One block with its records."""
    return page(request, reader, "block.html", {"block": await reader.calls.get(f"/v1/blocks/{request.path_params['height']}")})


async def record(request: Request, reader: Reader) -> Response:
    """One record: who signed it, what became of it, and what this node's owner may read of it."""
    return page(request, reader, "record.html", {"record": await reader.calls.get(f"/v1/records/{request.path_params['record_id']}")})


PAGES: Final = (
    Page(
        "/ledger",
        blocks,
        seats=frozenset({"authority", "bank", "enterprise", "registrar", "auditor"}),
        scope="ledger:read",
        heading=N_("Ledger"),
    ),
    Page("/ledger/blocks/{height:int}", block),
    Page("/ledger/records/{record_id}", record),
)
