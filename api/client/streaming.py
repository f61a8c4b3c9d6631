"""Events as they come: server-sent events (WHATWG HTML, 9.2), taken up again after the last one that was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from api.client.calls import Request
from api.client.conversation import ConnectionFailed, Emit, Open, Pause, Read, Series, Session
from api.client.errors import NodeUnreachable, SignInFailed, UnreadableAnswer
from api.client.models import Event

_PATH: Final = "/v1/events/stream"
_BUFFER_BYTES_MAX: Final = 1_048_576


class Frames:
    """Frames out of bytes, however these are cut. `last_id` is the newest id that was said, with or without an event."""

    def __init__(self, last_id: str | None) -> None:
        self.last_id = last_id
        self._buffer = b""

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """The data of each whole frame, as JSON. Raises `UnreadableAnswer` for what never ends, or is not JSON."""
        self._buffer += chunk.replace(b"\r", b"")
        *frames, self._buffer = self._buffer.split(b"\n\n")
        if len(self._buffer) > _BUFFER_BYTES_MAX:
            raise UnreadableAnswer("unreadable-answer", "an event of the stream does not end")
        for frame in frames:
            data: list[str] = []
            for line in frame.decode("utf-8", "replace").split("\n"):
                name, _, value = line.partition(":")
                if name == "id":
                    self.last_id = value.removeprefix(" ")
                elif name == "data":
                    data.append(value.removeprefix(" "))
            if data:
                yield _json("\n".join(data))

    def cut(self) -> None:
        """The connection ended; half a frame is forgotten."""
        self._buffer = b""


def stream(session: Session, after: str | None) -> Series[Event]:
    """Without end. It comes back, after the last event that was seen, whenever the token or the connection ends. Raises `NodeUnreachable`
    once that was in vain as often as `Retries` allow, and `Problem` where the node refuses.
    """
    frames, failures = Frames(after), 0
    while True:
        try:
            yield from _opened(session, frames.last_id)
            while True:
                reply = yield Read()
                assert reply is not None, "a read is answered with bytes, or their end"
                if not reply.content:
                    break
                failures = 0
                for data in frames.feed(reply.content):
                    yield Emit(Event.model_validate(data))
        except ConnectionFailed as error:
            failures += 1
            if failures >= session.retries.attempts:
                raise NodeUnreachable("node-unreachable", f"the stream at {session.base_url} does not come back") from error
        frames.cut()
        yield Pause(session.retries.pause_s(failures + 1))


def _opened(session: Session, last_id: str | None) -> Series[Event]:
    """Opens the stream, signed in anew where the token has ended."""
    headers = {"Accept": "text/event-stream"} | ({} if last_id is None else {"Last-Event-ID": last_id})
    for attempt in range(session.retries.attempts):
        yield from session.sign_in_where_needed()
        reply = yield Open(session.signed(Request("GET", _PATH, headers=headers)))
        assert reply is not None, "what is opened has an answer"
        if reply.status < 400:
            return
        problem = reply.problem()
        if isinstance(problem, SignInFailed):
            session.forget()
        elif not reply.may_change():
            raise problem
        if attempt + 1 == session.retries.attempts:
            raise problem
        yield Pause(session.retries.pause_s(attempt + 1, reply.headers))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableAnswer("unreadable-answer", "an event of the stream is not JSON") from error
