"""Where an exporter begins: what waits for its word, and what was done with its data lately."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from api.portal.pages.consents import numbers_of
from api.portal.reading import Reader, page

_LATELY: Final = 5


async def home(request: Request, reader: Reader) -> Response:
    """Requests that a bank sent back, papers that nobody confirmed, and the newest uses."""
    sent_back = await reader.calls.get("/v1/financing-requests", state="SENT_BACK", limit=20)
    consents = await reader.calls.all("/v1/consents")
    shown = {
        "sent_back": sent_back["items"],
        "papers": [each for each in consents if each["basis_state"] == "unconfirmed"],
        "accesses": (await reader.calls.get("/v1/accesses", order="newest", limit=_LATELY))["items"],
        "numbers": await numbers_of(reader),
    }
    return page(request, reader, "exporter.html", shown)
