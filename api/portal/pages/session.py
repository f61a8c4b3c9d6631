"""Signing out."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.portal.calls import PURPOSE
from api.portal.reading import SIGN_IN, Page, Reader


async def sign_out(_request: Request, reader: Reader) -> Response:
    """Ends the session, and with it the reason for look-ups."""
    answer = await reader.calls.send("/v1/session", {}, method="DELETE")
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(PURPOSE)
    return answer.hand_on_cookies(response)


PAGES: Final = (Page("/sign-out", sign_out, ("POST",)),)
