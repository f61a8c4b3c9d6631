"""What happens to every request before routing and after: an id, a bound on its body, what its caller may ask still, and an end to every
exception. Over TLS browsers are told to come by nothing else (`Strict-Transport-Security`, RFC 6797).

The request id is the caller's `X-Request-Id` where it is a plain word, else a fresh one; it is in the response, in problems and in the
log. An exception that nobody expected is logged as its kind and place, never with its text, which may hold what is sealed.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import internal_problem, problem_of
from api.rates import left_of
from ledger.limits import (
    ADD_CHECKPOINT_BYTES_MAX,
    ATTACHMENT_BYTES_MAX,
    HSTS_SECONDS,
    HTTP_BODY_BYTES_MAX,
    HTTP_UPLOAD_BYTES_MAX,
    TOKEN_FORM_BYTES_MAX,
)
from nodes.witnessing.peers import WITNESS

UPLOADS: Final = {
    "/v1/attachments": ATTACHMENT_BYTES_MAX + HTTP_BODY_BYTES_MAX,
    "/v1/declaration-imports": HTTP_UPLOAD_BYTES_MAX,
}
STRANGERS: Final = {
    "/oauth2/token": TOKEN_FORM_BYTES_MAX,
    "/v1/session": TOKEN_FORM_BYTES_MAX,
    f"{WITNESS}/add-checkpoint": ADD_CHECKPOINT_BYTES_MAX,
}
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}\Z")

log = structlog.get_logger(__name__)


class RequestBounds:
    """The outermost layer. `random` gives that many random bytes. In a `sandbox` every answer says that it is of one. Below `pages` people
    send forms: one that is too large is received to its end, as far as is bearable, because a browser shows no answer before that; then
    the application is told, which has a page for it.
    """

    def __init__(self, app: ASGIApp, random: Callable[[int], bytes], *, pages: str, sandbox: bool = False) -> None:
        self._app, self._random, self._pages, self._sandbox = app, random, pages, sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        offered = headers.get("x-request-id", "")
        request_id = offered if _REQUEST_ID.match(offered) else self._random(12).hex()
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                said = MutableHeaders(scope=message)
                said["X-Request-Id"] = request_id
                if self._sandbox:
                    said["X-Tallystick-Sandbox"] = "true"
                if scope["scheme"] == "https":
                    said["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
                if (left := left_of(scope)) is not None:
                    said.update(left.headers())
            await send(message)

        bytes_max = _bytes_max(scope["path"], headers)
        try:
            is_page = scope["path"].startswith(f"{self._pages}/")
            app = self._app if is_page or _declared(headers) <= bytes_max else _too_large
            await app(scope, _bounded(receive, bytes_max, HTTP_UPLOAD_BYTES_MAX if is_page else 0), send_with_id)
        except Exception as error:
            response = problem_of(error, request_id)
            if response is None:
                frame = traceback.extract_tb(error.__traceback__)[-1]
                log.error("request-failed", request_id=request_id, error=type(error).__name__, place=f"{frame.filename}:{frame.lineno}")
                response = internal_problem(request_id)
            if started:
                # Half an answer has gone out. Only a broken connection tells the caller that it is no answer.
                raise
            await response(scope, receive, send_with_id)


async def _too_large(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise HTTPException(413)


def _bytes_max(path: str, headers: Headers) -> int:
    """Only what is spooled to disk may be large: JSON is held in memory, and of a stranger only what it needs to say."""
    if path in STRANGERS:
        return STRANGERS[path]
    is_json = headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
    return HTTP_BODY_BYTES_MAX if is_json else UPLOADS.get(path, HTTP_BODY_BYTES_MAX)


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0


def _bounded(receive: Receive, bytes_max: int, let_go_max: int) -> Receive:
    """Counts the body as it comes, since a declared length may be missing or untrue. Of one that is too large the rest is let go, until it
    is larger than `let_go_max` too.
    """
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            while bytes_max < total <= let_go_max and message["type"] == "http.request" and message.get("more_body", False):
                message = await receive()
                total += len(message.get("body", b""))
            if total > bytes_max:
                raise HTTPException(413)
        return message

    return bounded
