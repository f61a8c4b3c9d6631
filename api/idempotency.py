"""`Idempotency-Key`: a POST that is sent again gets the answer that it got, and does nothing twice.

The key is the caller's, up to 128 printable characters, and is kept for thirty days with a hash of the request and the answer. The same
key with another request is 422 `idempotency-conflict`; while the first is in hand it is 409 `idempotency-in-flight`. An answer of 5xx is
not kept, nor one that only says to ask again: the request may be sent again.

A crash may come between what a request does and the keeping of its answer. `reference_of` names the cause of a record (or of anything
else with an id) durably, so that the request, sent again, finds what it made (see `nodes.outbox`). What only the private database holds
is written in one transaction with the answer: `done_once`, which `api.routing` puts around the handlers of such routes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Final

import orjson
import sqlalchemy as sa
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.problems import BadRequest, Conflict
from ledger.clock import Clock
from ledger.errors import InputError
from ledger.hashing import tagged_json
from ledger.limits import IDEMPOTENCY_DAYS, IDEMPOTENCY_KEY_CHARS_MAX
from nodes.private import PrivateStore, idempotency

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}\Z")
_DAY_MS: Final = 86_400_000
_IN_HAND: Final = 0
_KEPT_HEADERS: Final = ("location", "etag", "content-type", "cache-control", "preference-applied")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is kept."""

    status: int
    body: str

    def response(self) -> Response:
        value = orjson.loads(self.body)
        return Response(value["body"], self.status, {**value["headers"], "Idempotency-Replayed": "true"})


@dataclass(slots=True)
class _InHand:
    """A request whose answer is to be kept, and whether it is."""

    private: PrivateStore
    keep: Callable[[Response], None]
    kept: bool = False


_in_hand: ContextVar[_InHand | None] = ContextVar("in_hand", default=None)


def done_once(do: Callable[[], Response]) -> Response:
    """What `do` answers: all that it writes to the private database, and the answer under the request's key, become durable together or
    not at all. For what runs in one thread, waits for no other, and has no effect elsewhere.
    """
    request = _in_hand.get()
    if request is None:
        return do()
    with request.private.as_one():
        response = do()
        request.keep(response)
    request.kept = True
    return response


class Idempotency:
    """The kept answers of one node. One process runs a node, so what is in hand is known in memory."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock
        self._in_hand: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    async def answer(self, request: Request, client: str, content_hash: str, handle: Callable[[], Awaitable[Response]]) -> Response:
        """The kept answer to this request, or the one that `handle` gives, which is then kept."""
        key = key_of(request)
        if key is None:
            return await handle()
        request_hash = tagged_json("http-request", [request.method, request.url.path, request.url.query, content_hash])
        request.state.request_hash = request_hash
        request.state.cut_short = False
        with self._lock:
            if (client, key) in self._in_hand:
                raise Conflict(
                    "idempotency-in-flight", "the request with this Idempotency-Key is still in hand", hint="ask again in a moment"
                )
            self._in_hand.add((client, key))
        try:
            kept, request.state.cut_short = await run_in_threadpool(self._begin, client, key, request_hash)
            if kept is not None:
                return kept.response()
            in_hand = _InHand(self._private, partial(self._keep, client, key))
            token = _in_hand.set(in_hand)
            try:
                response = await handle()
            except (RequestValidationError, HTTPException):
                # Nothing was begun: the caller corrects the request and keeps its key.
                await run_in_threadpool(self._drop, client, key)
                raise
            finally:
                _in_hand.reset(token)
            if _is_final(response) and not in_hand.kept:
                await run_in_threadpool(self._keep, client, key, response)
            return response
        finally:
            with self._lock:
                self._in_hand.discard((client, key))

    def _begin(self, client: str, key: str, request_hash: str) -> tuple[Kept | None, bool]:
        """The kept answer, and whether the request was begun before and has none."""
        mine = sa.and_(idempotency.c.client == client, idempotency.c.key == key)
        now_ms = self._clock.now_ms()
        with self._private.begin() as connection:
            connection.execute(sa.delete(idempotency).where(idempotency.c.created_ms < now_ms - IDEMPOTENCY_DAYS * _DAY_MS))
            row = connection.execute(sa.select(idempotency).where(mine)).first()
            if row is None:
                new = {"client": client, "key": key, "request_hash": request_hash, "status": _IN_HAND, "body": "", "created_ms": now_ms}
                connection.execute(sa.insert(idempotency), [new])
                return None, False
        if row.request_hash != request_hash:
            raise InputError("idempotency-conflict", "this Idempotency-Key was used for another request", hint="take a new key")
        return (None, True) if row.status == _IN_HAND else (Kept(row.status, row.body), False)

    def _keep(self, client: str, key: str, response: Response) -> None:
        headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
        body = orjson.dumps({"headers": headers, "body": bytes(response.body).decode("utf-8")}).decode("utf-8")
        mine = sa.and_(idempotency.c.client == client, idempotency.c.key == key)
        with self._private.begin() as connection:
            connection.execute(sa.update(idempotency).where(mine).values(status=response.status_code, body=body))

    def _drop(self, client: str, key: str) -> None:
        with self._private.begin() as connection:
            connection.execute(sa.delete(idempotency).where(idempotency.c.client == client, idempotency.c.key == key))


def _is_final(response: Response) -> bool:
    """Not a fault, and not an answer that asks to come back for another."""
    return response.status_code < 500 and "retry-after" not in response.headers


def key_of(request: Request) -> str | None:
    """Raises `BadRequest` (`bad-idempotency-key`)."""
    keys: list[Any] = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    if len(keys) > 1 or _KEY.match(keys[0]) is None:
        raise BadRequest("bad-idempotency-key", f"an Idempotency-Key is one word of up to {IDEMPOTENCY_KEY_CHARS_MAX} printable characters")
    return str(keys[0])


def reference_of(request: Request, client: str) -> str | None:
    """What names the record of this request for ever, inside `Idempotency.answer`; None where the caller gave no key.

    The request is part of it: records are for ever and keys are not, so a key that is used anew must not find another request's record.
    """
    key = key_of(request)
    return None if key is None else f"http:{tagged_json('http-cause', [client, key, request.state.request_hash])}"


def was_cut_short(request: Request) -> bool:
    """Whether this request was begun before under its key and got no answer that was kept: it may have had its effect."""
    return bool(getattr(request.state, "cut_short", False))


async def body_hash(request: Request) -> str:
    """The hash of a body that fits in memory."""
    return sha256(await request.body()).hexdigest()
