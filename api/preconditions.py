"""`If-Match` (RFC 9110, 13.1.1): a change is made only while the resource is as the caller saw it.

Which resource a route changes follows from its path: `PUT` and `DELETE` change what `GET` of the same path shows, and a step such as
`POST /v1/financings/{financing_id}/approve` what `GET` shows without its last word. That is asked as the caller itself would, so nobody
learns by a tag what it may not read. Requests that name a tag wait for each other at one resource.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakValueDictionary

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from api.permissions import OPEN, PERMISSIONS

_GONE: Final = frozenset({403, 404})


class Preconditions:
    """The requests in hand that name a tag, of one application."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, request: Request, route: str, handle: Callable[[], Awaitable[Response]]) -> Response:
        """What `handle` answers, if the resource is still as `If-Match` says. Raises `HTTPException` (412)."""
        wanted = request.headers.get("if-match")
        if wanted is None:
            return await handle()
        resource = resource_of(route)
        if resource is None:
            raise HTTPException(412)
        path = request.url.path if request.method != "POST" else request.url.path.rpartition("/")[0]
        lock = self._locks.setdefault(path, asyncio.Lock())
        async with lock:
            status, tag = await _shown(request, path)
            # What is not there, or not the caller's to see, the handler itself answers best.
            if status not in _GONE and not _matches(wanted, tag):
                raise HTTPException(412)
            return await handle()


def resource_of(route: str) -> str | None:
    """The route that shows what another one changes; None where there is none."""
    method, _, path = route.partition(" ")
    shown = f"GET {path if method != 'POST' else path.rpartition('/')[0]}"
    return shown if shown in PERMISSIONS or shown in OPEN else None


def _matches(wanted: str, tag: str | None) -> bool:
    """By strong comparison (RFC 9110, 8.8.3.2)."""
    if wanted.strip() == "*":
        return True
    return tag is not None and tag in [each.strip() for each in wanted.split(",")]


async def _shown(request: Request, path: str) -> tuple[int, str | None]:
    """Status and tag of the resource, asked as the caller would. Nothing of the answer's body is kept."""
    kept = [(name, value) for name, value in request.scope["headers"] if name in (b"authorization", b"cookie", b"host", b"x-purpose")]
    replaced = {"method": "GET", "path": path, "raw_path": path.encode("ascii"), "query_string": b"", "headers": kept}
    scope = {name: value for name, value in request.scope.items() if name not in ("route", "endpoint", "path_params")} | replaced
    scope["state"] = dict(request.scope.get("state", {}))
    head: Message = {"status": 500, "headers": []}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal head
        if message["type"] == "http.response.start":
            head = message

    try:
        await request.app.router(scope, receive, send)
    except HTTPException as error:
        return error.status_code, None
    tags = [value.decode("latin-1") for name, value in head["headers"] if name.lower() == b"etag"]
    return int(head["status"]), tags[0] if tags else None
