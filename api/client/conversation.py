"""What the client does, as steps without any connection (sans-io): signing in, sending again, following a `Location`, turning pages.

A generator yields a `Step` and is given what came of it: a `Send` the reply, or `ConnectionFailed` thrown in; a `Pause` nothing. The shells
in `api.client.shells` carry steps out with httpx, one by blocking and one by awaiting; they decide nothing.

Sending again is safe: readings change nothing, and every POST has its `Idempotency-Key`. It happens when a connection failed, on 429, 500,
502, 503 and 504, on whatever carries `Retry-After`, and while the node has the same request in hand; within the bounds of `Retries`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import Any, Final, Generic, TypeVar

from api.client.calls import Call, Page, Reply, Request
from api.client.credentials import Credentials
from api.client.errors import AnswerLate, NodeUnreachable, SignInFailed, UnreadableAnswer

T = TypeVar("T")
_RANDOM: Final = SystemRandom()
_RENEWABLE: Final = frozenset({"token-expired", "token-ended", "token-invalid"})
_TOKEN_PATH: Final = "/oauth2/token"
_RENEWED_BEFORE_S: Final = 60.0
# The longest that a node keeps a request waiting for the ledger.
_WAIT_S_MAX: Final = 30.0
_LOOK_AGAIN_S: Final = 0.2


class ConnectionFailed(Exception):
    """No answer came: the request may or may not have been done."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and give back the reply."""

    request: Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Open:
    """Send this and leave the answer open where it is good, to be read bit by bit; what was open before is closed."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Give the next bytes of what is open; none at its end."""


@dataclass(frozen=True, slots=True)
class Emit(Generic[T]):
    """Hand this to whoever iterates."""

    item: T


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The end of a conversation, with its answer."""

    answer: T


Step = Send | Pause | Open | Read
Outcome = Reply | ConnectionFailed | None
Steps = Generator[Step, Reply | None, T]
Series = Generator[Step | Emit[T], Reply | None, None]


def advance(conversation: Generator[Any, Reply | None, Any], outcome: Outcome) -> Any:
    """The next step after what came of the one before, None before the first; `Done` at the end."""
    try:
        return conversation.throw(outcome) if isinstance(outcome, ConnectionFailed) else conversation.send(outcome)
    except StopIteration as end:
        return Done(end.value)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a request is sent again: at most `attempts` times in all, within `total_s`. Between them the client waits
    `first_s`, then twice as long each time up to `longest_s`, less a random part; or as long as the node says in `Retry-After`.
    """

    attempts: int = 8
    first_s: float = 0.25
    longest_s: float = 8.0
    total_s: float = 120.0

    def pause_s(self, attempt: int, headers: Mapping[str, str] | None = None) -> float:
        """How long to wait after that many attempts, the last of which was answered with these headers."""
        asked_s = _retry_after_s((headers or {}).get("retry-after"))
        if asked_s is not None:
            return asked_s
        longest_s = min(self.longest_s, self.first_s * float(2 ** (attempt - 1)))
        # So that programs which failed together do not come back together.
        return longest_s * (0.5 + _RANDOM.random() / 2)


@dataclass
class Session:
    """A sign-in at one node: credentials, and the token while it lasts. Threads may share it; at worst two of them sign in at once."""

    base_url: str
    credentials: Credentials | None
    retries: Retries
    wait_s: float
    clock: Callable[[], float] = time.monotonic
    _token: str | None = field(default=None, repr=False)
    _ends_s: float = 0.0

    def ask(self, call: Call[T]) -> Steps[T]:
        """The answer to a call, once it is there. Raises `ClientError`."""
        wait_s = self.wait_s if call.wait_s is None else call.wait_s
        end_s = self.clock() + wait_s
        reply = yield from self.exchange(_waiting(call.request, wait_s) if call.waits or call.settled else call.request)
        answer = call.read(reply)
        location = _path_of(reply, call.request)
        while call.settled is not None and not call.settled(answer) and wait_s > 0:
            rest_s = end_s - self.clock()
            if rest_s <= 0:
                raise AnswerLate(location)
            began_s = self.clock()
            reply = yield from self.exchange(_waiting(call.request if call.resend else Request("GET", location), rest_s))
            answer = call.read(reply)
            # A resource that does not wait answers at once.
            if not call.settled(answer) and self.clock() - began_s < _LOOK_AGAIN_S:
                yield Pause(_LOOK_AGAIN_S)
        return answer

    def exchange(self, request: Request) -> Steps[Reply]:
        """The good reply to one request, with a token that holds. Raises `Problem`, `NodeUnreachable`, `UnreadableAnswer`."""
        yield from self.sign_in_where_needed()
        try:
            return (yield from self._persist(self.signed(request)))
        except SignInFailed as error:
            # The node ended the token before its time, for instance because it was started anew.
            if self.credentials is None or error.code not in _RENEWABLE:
                raise
        yield from self._sign_in()
        return (yield from self._persist(self.signed(request)))

    def sign_in_where_needed(self) -> Steps[None]:
        """Before the token ends, so that no request finds it ended."""
        if self.credentials is not None and (self._token is None or self.clock() >= self._ends_s - _RENEWED_BEFORE_S):
            yield from self._sign_in()

    def signed(self, request: Request) -> Request:
        """The request with the token, where there is one."""
        return request if self._token is None else replace(request, headers={**request.headers, "Authorization": f"Bearer {self._token}"})

    def forget(self) -> None:
        """The next request signs in anew."""
        self._token = None

    def _sign_in(self) -> Steps[None]:
        assert self.credentials is not None, "asked for by callers that have some"
        form = self.credentials.form(self.base_url + _TOKEN_PATH)
        asked_s = self.clock()
        body = (yield from self._persist(Request("POST", _TOKEN_PATH, fields=form))).json()
        try:
            self._token, self._ends_s = str(body["access_token"]), asked_s + float(body["expires_in"])
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableAnswer("unreadable-answer", "the node's answer holds no access token") from error

    def _persist(self, request: Request) -> Steps[Reply]:
        """Sends until there is an answer to keep."""
        end_s, attempt = self.clock() + self.retries.total_s, 0
        while True:
            attempt += 1
            reply, failed = None, ""
            try:
                reply = yield Send(request)
            except ConnectionFailed as error:
                failed = str(error)
            if reply is not None and not reply.may_change():
                return _kept(reply)
            pause_s = self.retries.pause_s(attempt, None if reply is None else reply.headers)
            if attempt >= self.retries.attempts or self.clock() + pause_s > end_s:
                if reply is None:
                    raise NodeUnreachable(
                        "node-unreachable", f"no answer came from {self.base_url}: {failed}", hint="is the node being served there?"
                    )
                return _kept(reply)
            yield Pause(pause_s)


def _kept(reply: Reply) -> Reply:
    if reply.status >= 400:
        raise reply.problem()
    return reply


def _path_of(reply: Reply, request: Request) -> str:
    """Where the answer will be, at the same node: the token goes nowhere else. Raises `UnreadableAnswer`."""
    location = reply.headers.get("location", request.path)
    if not location.startswith("/") or location.startswith("//"):
        raise UnreadableAnswer("unreadable-answer", "the answer is said to be at another node")
    return location


def _waiting(request: Request, wait_s: float) -> Request:
    """With the wish to wait at the node (RFC 7240)."""
    seconds = int(max(0.0, min(wait_s, _WAIT_S_MAX)))
    return request if seconds == 0 else replace(request, headers={**request.headers, "Prefer": f"wait={seconds}"})


def _retry_after_s(value: str | None) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3). What is neither counts for nothing."""
    if value is None:
        return None
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def every(session: Session, call: Call[Page[T]]) -> Series[T]:
    """Everything on a list, page after page."""
    while True:
        page = yield from session.ask(call)
        for item in page.items:
            yield Emit(item)
        if page.next is None:
            return
        call = replace(call, request=replace(call.request, params={**call.request.params, "after": page.next}))
