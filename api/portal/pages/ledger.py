"""The ledger as everybody sees it: blocks, the records in them, what became of each, and whose heads agree about it."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.portal.reading import ROOT, Page, Reader, page
from api.portal.words import N_

_PER_PAGE: Final = 20
_SIGNERS: Final = ("maker", "checker")


async def blocks(request: Request, reader: Reader) -> Response:
    """The newest blocks, or those below a height; or what was looked for: a record by its id, a block by its height."""
    wanted = request.query_params.get("record", "").strip()
    if wanted:
        place = f"blocks/{wanted}" if wanted.isascii() and wanted.isdecimal() and len(wanted) < 16 else f"records/{wanted}"
        return RedirectResponse(f"{ROOT}/ledger/{place}", 303)
    newest = int(reader.network["as_of"]["height"])
    asked = request.query_params.get("below", "")
    top = min(newest, int(asked) - 1) if asked.isascii() and asked.isdecimal() and len(asked) < 16 else newest
    first = max(0, top - _PER_PAGE)
    found = (await reader.calls.get("/v1/blocks", after=first, limit=top - first))["items"] if top > first else []
    return page(request, reader, "blocks.html", {"blocks": list(reversed(found)), "below": first + 1 if first > 0 else None})


async def block(request: Request, reader: Reader) -> Response:
    """One block with its records."""
    found = await reader.calls.get(f"/v1/blocks/{request.path_params['height']}")
    records = [{**each, "id": record_id} for each, record_id in zip(found["records"], found["record_ids"], strict=True)]
    return page(request, reader, "block.html", {"block": found, "records": records})


async def record(request: Request, reader: Reader) -> Response:
    """One record: what it says, who signed it, what became of it, and what this node's owner may read of its sealed parts."""
    found = await reader.calls.get(f"/v1/records/{request.path_params['record_id']}")
    opened: dict[str, Any] = found.get("parts", {})
    closed = [name for name in found["record"]["sealed"] if name not in opened]
    shown = {"record": found, "opened": opened, "closed": closed, "may_reveal": bool(opened) and reader.role in _SIGNERS}
    return page(request, reader, "record.html", shown)


async def witnesses(request: Request, reader: Reader) -> Response:
    """The newest checkpoint, and which heads the witnesses cosigned."""
    checkpoint = await reader.calls.get("/v1/checkpoint")
    return page(
        request, reader, "witnesses.html", {"checkpoint": checkpoint, "witnesses": (await reader.calls.get("/v1/witnesses"))["items"]}
    )


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
    Page("/ledger/witnesses", witnesses),
)
