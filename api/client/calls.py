"""What is asked and how an answer is read, without any connection: a `Call` is the same for the sync and the async client.

Every POST carries an `Idempotency-Key`, the caller's or a fresh one, and keeps it however often it is sent: so it is done once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from api.client.errors import Problem, UnreadableAnswer

T = TypeVar("T")
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_IN_FLIGHT: Final = "idempotency-in-flight"
Params = Mapping[str, str | int | bool | Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form: its name, and its bytes or the path of it, which is opened anew for each attempt."""

    name: str
    content: bytes | Path
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` under the node's address, and a body as bytes, as a form's `fields` or as `files`."""

    method: str
    path: str
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    fields: Mapping[str, str] | None = field(default=None, repr=False)
    files: tuple[Upload, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    def json(self) -> Any:
        """Raises `UnreadableAnswer`."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise UnreadableAnswer(
                "unreadable-answer", f"the answer (status {self.status}) is not JSON", hint="is the address a node's?"
            ) from error

    def problem(self) -> Problem:
        """What an answer of 4xx or 5xx says."""
        kind = self.headers.get("content-type", "").partition(";")[0]
        body = self.json() if kind in ("application/problem+json", "application/json") else {}
        known = {"request_id": self.headers.get("x-request-id", "")} | (body if isinstance(body, dict) else {})
        return Problem.of(self.status, known)

    def may_change(self) -> bool:
        """Whether the same request, sent again, may well be answered otherwise."""
        if self.status < 400:
            return False
        return self.status in _AGAIN or "retry-after" in self.headers or (self.status == 409 and self.problem().code == _IN_FLIGHT)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and what its answer means. Where `settled` says of an answer that it is not there yet, it is asked for at its `Location`
    until it is, or until `wait_s` are over; by sending the same again where `resend` says so. `waits`: the request itself may wait at the
    node (`Prefer: wait`).
    """

    request: Request
    read: Callable[[Reply], T]
    settled: Callable[[T], bool] | None = None
    wait_s: float | None = None
    waits: bool = False
    resend: bool = False

    def within(self, wait_s: float | None) -> Call[T]:
        """The same, waiting for so long; None leaves it to the client."""
        return replace(self, wait_s=wait_s)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list; `next` is the cursor of the page after it, None on the last."""

    items: tuple[T, ...]
    next: str | None


def paged(read: Callable[[Any], T]) -> Callable[[Reply], Page[T]]:
    """A reader for pages of what `read` makes of each item."""

    def page(reply: Reply) -> Page[T]:
        body = reply.json()
        return Page(tuple(read(item) for item in body["items"]), body["next"])

    return page


def get(path: str, read: Callable[[Reply], T], params: Params | None = None) -> Call[T]:
    """A reading."""
    return Call(Request("GET", path, _texts(params or {})), read)


def post(path: str, read: Callable[[Reply], T], body: Any = None, *, key: str | None = None, params: Params | None = None) -> Call[T]:
    """A request with a JSON body. `key` is the `Idempotency-Key`."""
    return sent("POST", path, read, json.dumps({} if body is None else body).encode(), "application/json", key=key, params=params)


def sent(
    method: str,
    path: str,
    read: Callable[[Reply], T],
    content: bytes,
    media_type: str,
    *,
    key: str | None = None,
    params: Params | None = None,
) -> Call[T]:
    """A request with a body of any kind."""
    headers = {"Content-Type": media_type} | ({"Idempotency-Key": key or new_key()} if method == "POST" else {})
    return Call(Request(method, path, _texts(params or {}), headers, content), read, waits=method == "POST")


def upload(path: str, read: Callable[[Reply], T], files: Sequence[Upload], *, key: str | None = None) -> Call[T]:
    """A form of files."""
    return Call(Request("POST", path, headers={"Idempotency-Key": key or new_key()}, files=tuple(files)), read, waits=True)


def new_key() -> str:
    return secrets.token_hex(16)


def as_json(reply: Reply) -> Any:
    """A reader for answers that nothing is made of; None for one without a body."""
    return reply.json() if reply.content else None


def as_bytes(reply: Reply) -> bytes:
    """A reader for files."""
    return reply.content


def _texts(params: Params) -> dict[str, str | list[str]]:
    """Parameters as a query has them; None is left out."""
    texts: dict[str, str | list[str]] = {}
    for name, value in params.items():
        if isinstance(value, bool):
            texts[name] = "true" if value else "false"
        elif isinstance(value, str | int):
            texts[name] = str(value)
        elif value is not None:
            texts[name] = list(value)
    return texts
