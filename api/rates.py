"""How many requests a caller may make: a token bucket for each, in memory, refilled evenly and holding ten seconds' worth.

People and programs of a node, other nodes (which replicate, and may ask much more), and strangers who sign in, by the address that they
come from, are counted apart. Beyond it the answer is 429 `too-many-requests` (RFC 6585, 4) with `Retry-After`. Every answer to who is
counted says what is left (`RateLimit`, `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-10). Nothing is written down: a node that
starts anew begins with full buckets.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

from api.principal import GUEST_ROLES, Principal
from ledger.errors import TallystickError
from ledger.limits import RATE_BURST_S, RATE_CALLERS_KEPT
from nodes.home_config import ApiSection

_UNKNOWN: Final = "unknown"
_LEFT: Final = "rate_left"


@dataclass(frozen=True, slots=True)
class Left:
    """What is in a bucket after a request: `requests` of `quota`, and in how many whole seconds it is full again."""

    policy: str
    quota: int
    requests: int
    full_in_s: int

    def headers(self) -> dict[str, str]:
        """As structured fields: a quota within the time in which an empty bucket fills."""
        policy = f'"{self.policy}";q={self.quota};w={RATE_BURST_S}'
        return {"RateLimit-Policy": policy, "RateLimit": f'"{self.policy}";r={self.requests};t={self.full_in_s}'}


class TooManyRequests(TallystickError):
    """The caller asks more often than it may: 429, and after how many whole seconds it may ask again."""

    http_status: ClassVar[int] = 429

    def __init__(self, retry_after_s: int, left: Left) -> None:
        super().__init__("too-many-requests", "the caller makes more requests than it may", hint=f"ask again in {retry_after_s} s")
        self.retry_after_s, self.left = retry_after_s, left


class Buckets:
    """Buckets of one class of callers, which `policy` names. The one that was used longest ago goes where there are too many. Safe to
    share between threads.
    """

    def __init__(self, policy: str, per_s: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._per_s, self._full, self._now_s = per_s, float(per_s * RATE_BURST_S), now_s
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> Left:
        """One request: what is left after it. Raises `TooManyRequests`."""
        with self._lock:
            now_s = self._now_s()
            level, seen_s = self._held.pop(caller, (self._full, now_s))
            level = min(self._full, level + (now_s - seen_s) * self._per_s)
            taken = level >= 1
            level -= 1 if taken else 0
            self._held[caller] = (level, now_s)
            while len(self._held) > RATE_CALLERS_KEPT:
                self._held.popitem(last=False)
        left = Left(self._policy, int(self._full), int(level), math.ceil((self._full - level) / self._per_s))
        if not taken:
            raise TooManyRequests(math.ceil((1 - level) / self._per_s), left)
        return left


class Rates:
    """The bounds of one node."""

    def __init__(self, section: ApiSection) -> None:
        self._callers, self._guests = Buckets("caller", section.requests_per_s), Buckets("node", section.node_requests_per_s)
        self._strangers = Buckets("sign-in", section.sign_ins_per_s)

    def count(self, request: HTTPConnection, principal: Principal) -> None:
        """A request of a caller that signed in. Raises `TooManyRequests`."""
        _take(request, self._guests if principal.role in GUEST_ROLES else self._callers, principal.name)

    def count_sign_in(self, request: HTTPConnection) -> None:
        """An attempt to sign in, by whichever way, from an address. Raises `TooManyRequests`."""
        _take(request, self._strangers, request.client.host if request.client is not None else _UNKNOWN)


def left_of(scope: Scope) -> Left | None:
    """What was counted of a request, whatever became of it; None where nothing was."""
    left: Left | None = scope.get("state", {}).get(_LEFT)
    return left


def _take(request: HTTPConnection, buckets: Buckets, caller: str) -> None:
    try:
        request.scope["state"][_LEFT] = buckets.take(caller)
    except TooManyRequests as error:
        request.scope["state"][_LEFT] = error.left
        raise
