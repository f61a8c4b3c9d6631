"""HTTP/1.1 on one connection, whose peer may be slow, silent or many.

uvicorn bounds what one request may hold, and not how long it takes to come. Here a head has some seconds, and of a body or an answer so
much must go on in some seconds as any line carries, or all that is left. Whoever is slower is cut off, so that nobody holds a place for
nothing. Time in which this node itself does not read is not counted. Beyond so many connections the one goes that has waited longest
without asking anything; where all have asked, the newest is answered 503.

What is no HTTP, or whose head is too long, is a problem (RFC 9457) like every other bad request, and leaves no line in the log.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import BadRequest, problem_of
from ledger.errors import TallystickError, Unreachable
from ledger.limits import HTTP_BYTES_PER_S_MIN, HTTP_CONNECTIONS_MAX, HTTP_HEAD_SECONDS_MAX, HTTP_SILENCE_SECONDS_MAX

_LOOK_S: Final = 1.0
# What a peer has time for; between requests uvicorn ends a connection itself.
_SECONDS: Final = {"head": HTTP_HEAD_SECONDS_MAX, "body": HTTP_SILENCE_SECONDS_MAX, "answer": HTTP_SILENCE_SECONDS_MAX}


def raise_descriptor_limit() -> None:
    """Lets this process open as many files as its user may: each connection is one, and so is each database."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_max() -> int:
    """How many connections a node holds; half of the files that its process may open are left for its databases."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return HTTP_CONNECTIONS_MAX if soft == resource.RLIM_INFINITY else min(HTTP_CONNECTIONS_MAX, soft // 2)


class BoundedProtocol(H11Protocol):
    """One connection. `_phase` is what is awaited of the peer, and `_since_s` since when; both are looked at once a second."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's own
        super().connection_made(transport)
        self._received = self._answers = self._done_before = 0
        self._phase: tuple[str, int] = ("head", 0)
        self._since_s = self.loop.time()
        self._look = self.loop.call_later(_LOOK_S, self._look_again)
        if len(self.connections) > connections_max():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._answers += 1
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """A problem, and the end of the connection. In the middle of an answer there is the end only."""
        if not self.waits:
            self.transport.abort()
            return
        self._refuse(BadRequest("invalid-request", "what came is no request of HTTP/1.1, or its head is too long"))

    def _unsupported_upgrade_warning(self) -> None:
        """A header that asks for another protocol is passed over (RFC 9110, 7.8)."""

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if each is not self and isinstance(each, BoundedProtocol) and each.waits]
        if waiting:
            let_go = min(waiting, key=lambda each: each.since_s)
            # Its end is told in a moment; until then others may come.
            self.connections.discard(let_go)
            let_go.transport.abort()
        else:
            self._refuse(Unreachable("too-many-connections", "this node holds as many connections as it may"))

    @property
    def waits(self) -> bool:
        """Nothing was asked on it that is not answered."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # there is none before the first request

    @property
    def since_s(self) -> float:
        """Since when its peer is waited for, on the loop's clock."""
        return self._since_s

    def _refuse(self, error: TallystickError) -> None:
        request_id = secrets.token_hex(12)
        response = problem_of(error, request_id)
        assert response is not None, "every error of the family is a problem"
        response.headers.update({"X-Request-Id": request_id, "Connection": "close"})
        head = h11.Response(status_code=response.status_code, headers=response.raw_headers)
        for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _look_again(self) -> None:
        now_s = self.loop.time()
        phase = self._phase_now()
        done = self._done_bytes(phase[0])
        paused = phase[0] == "body" and self.flow.read_paused  # The handler takes its time.
        if phase != self._phase or paused or done - self._done_before >= HTTP_SILENCE_SECONDS_MAX * HTTP_BYTES_PER_S_MIN:
            self._phase, self._since_s, self._done_before = phase, now_s, done
        if now_s - self._since_s > _SECONDS.get(phase[0], float("inf")):
            self.transport.abort()
            return
        self._look = self.loop.call_later(_LOOK_S, self._look_again)

    def _phase_now(self) -> tuple[str, int]:
        """What is awaited, and of which request."""
        if self.flow.write_paused or self.transport.is_closing():
            return "answer", self._answers
        if self.waits:
            return ("rest" if self.timeout_keep_alive_task is not None else "head"), self._answers
        return ("body" if self.cycle.more_body else "handler"), self._answers

    def _done_bytes(self, phase: str) -> int:
        """What the peer has sent of a body, or taken of an answer; of a head nothing counts before its end."""
        return {"body": self._received, "answer": -self.transport.get_write_buffer_size()}.get(phase, 0)
