"""Signing out."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.portal.reading import SIGN_IN, Page, Reader


async def sign_out(_request: Request, reader: Reader) -> Response:
    """Ends the session."""
    answer = await reader.calls.send("/v1/session", {}, method="DELETE")
    return answer.hand_on_cookies(RedirectResponse(SIGN_IN, 303))


PAGES: Final = (Page("/sign-out", sign_out, ("POST",)),)
