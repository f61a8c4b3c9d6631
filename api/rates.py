"""How many requests a caller may make: a token bucket for each, in memory, refilled evenly and holding ten seconds' worth.

People and programs of a node, other nodes (which replicate, and may ask much more), and strangers who sign in, by the address that they
come from, are counted apart. Beyond it the answer is 429 `too-many-requests` (RFC 6585, 4) with `Retry-After`. Nothing is written down: a
node that starts anew begins with full buckets.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar, Final

from api.principal import GUEST_ROLES, Principal
from ledger.errors import TallystickError
from ledger.limits import RATE_BURST_S, RATE_CALLERS_KEPT
from nodes.home_config import ApiSection

_UNKNOWN: Final = "unknown"


class TooManyRequests(TallystickError):
    """The caller asks more often than it may: 429, and after how many whole seconds it may ask again."""

    http_status: ClassVar[int] = 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too-many-requests", "the caller makes more requests than it may", hint=f"ask again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Buckets:
    """Buckets of one class of callers. The one that was used longest ago goes where there are too many. Safe to share between threads."""

    def __init__(self, per_s: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._full, self._now_s = per_s, float(per_s * RATE_BURST_S), now_s
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """One request. Raises `TooManyRequests`."""
        with self._lock:
            now_s = self._now_s()
            level, seen_s = self._held.pop(caller, (self._full, now_s))
            level = min(self._full, level + (now_s - seen_s) * self._per_s)
            taken = level >= 1
            self._held[caller] = (level - 1 if taken else level, now_s)
            while len(self._held) > RATE_CALLERS_KEPT:
                self._held.popitem(last=False)
        if not taken:
            raise TooManyRequests(math.ceil((1 - level) / self._per_s))


class Rates:
    """The bounds of one node."""

    def __init__(self, section: ApiSection) -> None:
        self._callers, self._guests = Buckets(section.requests_per_s), Buckets(section.node_requests_per_s)
        self._strangers = Buckets(section.sign_ins_per_s)

    def count(self, principal: Principal) -> None:
        """A request of a caller that signed in. Raises `TooManyRequests`."""
        (self._guests if principal.role in GUEST_ROLES else self._callers).take(principal.name)

    def count_sign_in(self, address: str | None) -> None:
        """A request at the token endpoint, from an address. Raises `TooManyRequests`."""
        self._strangers.take(address or _UNKNOWN)
