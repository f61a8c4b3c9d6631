"""The feed of events, as pages by cursor and as a stream (server-sent events, WHATWG HTML 9.2).

A caller is shown the events of those types whose resource it may read itself, by its role and by the scopes of its token; an exporter in
custody its own and what is public.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import look_ups
from api.authentication import authenticate
from api.context import ApiContext, Caller, Context
from api.heights import wait
from api.models import Limit
from api.permissions import PERMISSIONS
from api.preferences import wait_seconds
from api.principal import Principal
from api.problems import Unauthenticated
from api.responses import page
from ledger.errors import Refused, TallystickError
from ledger.limits import EVENT_HEARTBEAT_S
from nodes.events.catalogue import TYPES
from nodes.events.tables import CURSOR, START, Cursor, Event

STREAM: Final = "GET /v1/events/stream"
_LAST: Final = "last-event-id"
_AT_ONCE: Final = 100
_SILENCE: Final = b": nothing new\n\n"
# A stream that has nothing to send looks again after this at the earliest, however often it is woken.
_REST_S: Final = 0.05

After = Annotated[str | None, Query(pattern=CURSOR, description="the id of the last event that was seen; by default from the first one on")]
AfterOfStream = Annotated[
    str | None, Query(pattern=CURSOR, description="as `Last-Event-ID`, which counts before it; by default from now on")
]


async def list_events(request: Request, context: Context, caller: Caller, after: After = None, limit: Limit = 100) -> Response:
    """Events after a cursor, in an order that never changes. `Prefer: wait=SECONDS` waits for the first one where there is none yet. `next`
    is null where nothing more is known: go on after the id of the last event, later or with `Prefer: wait`.
    """
    wait_s = wait_seconds(request) or 0
    cursor = START if after is None else Cursor.parse(after)
    with context.events.watching() as grown:
        found = await run_in_threadpool(_shown, context, caller, cursor, limit)
        if not found and wait_s > 0:
            await wait(grown, wait_s)
            found = await run_in_threadpool(_shown, context, caller, cursor, limit)
    request.state.shows_nothing = not found
    return page([event.to_json() for event in found], str(found[-1].cursor) if len(found) == limit else None)


async def stream_events(request: Request, context: Context, caller: Caller, after: AfterOfStream = None) -> Response:
    """Events as they come, each with its `id` and `event`; a comment where nothing came for a while. It ends when the token does, and when
    the node stops: go on with `Last-Event-ID`.
    """
    last = request.headers.get(_LAST) or after
    cursor = await run_in_threadpool(context.node.events.newest) if last is None else Cursor.parse(last)
    if not context.streams.acquire(blocking=False):
        raise Refused("too-many-streams", "too many streams are open", hint="close one, or follow GET /v1/events with Prefer: wait")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    request.state.shows_nothing = True
    return _Stream(context, _sent(request, context, caller, cursor), headers)


def add_routes(app: FastAPI) -> None:
    tags: list[Any] = ["events"]
    app.add_api_route("/v1/events", list_events, methods=["GET"], tags=tags)
    app.add_api_route("/v1/events/stream", stream_events, methods=["GET"], tags=tags)


class _Stream(StreamingResponse):
    """A response that gives its place back however it ends, also if it never began."""

    def __init__(self, context: ApiContext, content: AsyncIterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(content, headers=headers, media_type="text/event-stream")
        self._context = context

    async def __call__(self, *given: Any) -> None:
        try:
            await super().__call__(*given)
        finally:
            self._context.streams.release()


async def _sent(request: Request, context: ApiContext, caller: Principal, cursor: Cursor) -> AsyncIterator[bytes]:
    """What goes out, until the token or the node ends."""
    yield _SILENCE
    while not context.events.closed:
        with context.events.watching() as grown:
            try:
                found = await run_in_threadpool(_still_shown, request, context, caller, cursor)
            except TallystickError:
                # The answer has begun; all that can be done is to end it, and the caller learns why when it comes back.
                return
            if found:
                cursor = found[-1].cursor
            else:
                await wait(grown, min(EVENT_HEARTBEAT_S, max(_REST_S, (caller.expires_ms - context.node.clock.now_ms()) / 1000)))
        if found:
            yield b"".join(_framed(event) for event in found)
        elif grown.is_set():
            await asyncio.sleep(_REST_S)
        else:
            yield _SILENCE


def _framed(event: Event) -> bytes:
    return f"id: {event.cursor}\nevent: {event.type}\ndata: ".encode("ascii") + orjson.dumps(event.to_json()) + b"\n\n"


def _still_shown(request: Request, context: ApiContext, caller: Principal, cursor: Cursor) -> list[Event]:
    """What is new, once the caller's token still holds; noted where such readings are. Raises `Unauthenticated`, and as the database."""
    if authenticate(context, request, uses=False).token_id != caller.token_id:
        raise Unauthenticated("token-ended", "the stream's token is no longer in force")
    found = _shown(context, caller, cursor, _AT_ONCE)
    if found and look_ups.is_noted(context, caller, STREAM, PERMISSIONS[STREAM]):
        request.state.shows_nothing = False
        shown = page([event.to_json() for event in found], None)
        look_ups.note(context, request, caller, STREAM, shown, look_ups.purpose_of(request))
    return found


def _shown(context: ApiContext, caller: Principal, cursor: Cursor, limit: int) -> list[Event]:
    """Of the node's owner, or of the exporter in custody that the caller acts for."""
    in_custody = caller.enterprise if context.node.config.node.role == "authority" else None
    return context.node.events.page(cursor, _types_for(caller), limit, in_custody or "")


def _types_for(caller: Principal) -> list[str]:
    reads = {name: PERMISSIONS[each.reads] for name, each in TYPES.items()}
    return [name for name, needed in reads.items() if caller.role in needed.roles and needed.scope in caller.scopes]
