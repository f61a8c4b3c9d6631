"""Calls of this node's API by a page, within the process and in the session of the page's reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, unquote

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

# How long a page waits for the ledger's answer to what a person sent.
WAIT_S: Final = 20
# The cookie that holds why its reader looks things up, percent-encoded; the authority's node notes it with each look-up.
PURPOSE: Final = "tallystick-purpose"
PURPOSE_HEADER: Final = "X-Purpose"
_FORWARDED: Final = ("cookie", "sec-fetch-site", "user-agent")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered to something that was done: its status, its body, and where to look for what is not decided yet."""

    status: int
    body: dict[str, Any]
    location: str | None
    cookies: list[str] = field(default_factory=list)

    def hand_on_cookies(self, response: Response) -> Response:
        """The same response, which tells the browser of the session what the API said of it."""
        for cookie in self.cookies:
            response.headers.append("set-cookie", cookie)
        return response


class ApiRefused(Exception):
    """A problem that the API answered with (RFC 9457). `errors` names fields that do not fit."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("code", ""))
        self.status, self.problem = status, problem
        self.code = str(problem.get("code", "internal"))


class Calls:
    """The API as one reader may use it. `csrf` goes with what changes anything."""

    def __init__(self, client: httpx.AsyncClient, csrf: str = "") -> None:
        self._client, self._csrf = client, csrf

    @property
    def purpose(self) -> str:
        """Why the reader looks things up, as it said; empty where it did not."""
        return unquote(self._client.headers.get(PURPOSE_HEADER, ""))

    def say(self, purpose: str) -> None:
        """Looks things up for this reason from now on."""
        self._client.headers[PURPOSE_HEADER] = quote(purpose, safe="")

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """A resource. Raises `ApiRefused`."""
        answer = await self._client.get(path, params={name: value for name, value in query.items() if value not in (None, "")})
        return _body_of(answer)

    async def all(self, path: str, *, most: int = 1_000, **query: Any) -> list[dict[str, Any]]:
        """The items of a list, page after page, `most` at the most. Raises `ApiRefused`."""
        items: list[dict[str, Any]] = []
        after: str | None = None
        while len(items) < most:
            page = await self.get(path, after=after, limit=100, **query)
            items += page["items"]
            after = page["next"]
            if after is None:
                break
        return items[:most]

    async def file(self, path: str, **query: Any) -> Response:
        """A file, with its name, to be handed on as it is. Raises `ApiRefused`."""
        answer = await self._client.get(path, params={name: value for name, value in query.items() if value not in (None, "")})
        if answer.is_error:
            _body_of(answer)
        kept = {name: answer.headers[name] for name in ("content-disposition", "content-type") if name in answer.headers}
        return Response(answer.content, headers=kept)

    async def send(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        method: str = "POST",
        key: str | None = None,
        query: Mapping[str, Any] | None = None,
        wait: bool = True,
    ) -> Answer:
        """Does something, once for each `key`, and waits for the ledger, unless it is not to. Raises `ApiRefused`."""
        headers = {"X-CSRF-Token": self._csrf, **({"Prefer": f"wait={WAIT_S}"} if wait else {})}
        if key:
            headers["Idempotency-Key"] = key
        answer = await self._client.request(method, path, json=body, headers=headers, params=dict(query or {}))
        return Answer(answer.status_code, _body_of(answer), answer.headers.get("location"), answer.headers.get_list("set-cookie"))

    async def hand_over(self, path: str, content: bytes, media_type: str, *, key: str) -> Answer:
        """Sends a file as the body itself, of that media type. Raises `ApiRefused`."""
        headers = {"X-CSRF-Token": self._csrf, "Idempotency-Key": key, "Content-Type": media_type}
        answer = await self._client.post(path, content=content, headers=headers)
        return Answer(answer.status_code, _body_of(answer), answer.headers.get("location"))

    async def hand_in(self, path: str, name: str, content: bytes, media_type: str, *, key: str) -> Answer:
        """Uploads a file. Raises `ApiRefused`."""
        return await self.hand_in_all(path, [(name, content)], media_type, key=key)

    async def hand_in_all(self, path: str, files: Iterable[tuple[str, bytes]], media_type: str, *, key: str) -> Answer:
        """Uploads files together. Raises `ApiRefused`."""
        headers = {"X-CSRF-Token": self._csrf, "Idempotency-Key": key}
        parts = [("file", (name, content, media_type)) for name, content in files]
        answer = await self._client.post(path, files=parts, headers=headers)
        return Answer(answer.status_code, _body_of(answer), answer.headers.get("location"))


@asynccontextmanager
async def calls_of(api: ASGIApp, request: Request, csrf: str = "") -> AsyncIterator[Calls]:
    """Calls on behalf of who asked for a page, from that person's address and in that session."""
    headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
    if PURPOSE in request.cookies:
        headers[PURPOSE_HEADER] = request.cookies[PURPOSE]
    client = (request.client.host, request.client.port) if request.client is not None else ("127.0.0.1", 0)
    transport = httpx.ASGITransport(app=api, client=client, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=str(request.base_url), headers=headers) as asking:
        yield Calls(asking, csrf)


def _body_of(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else {}
    if answer.is_error:
        raise ApiRefused(answer.status_code, body)
    assert isinstance(body, dict), "the API answers with objects"
    return body
