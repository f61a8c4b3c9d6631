"""How this node's engine is, for whoever watches it: what keeps it from making blocks, and how many others it is connected to.

The engine is asked at most once a second, however many ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ledger.clock import Clock
from ledger.comet.rpc import Rpc
from ledger.errors import TallystickError, Unreachable

SYNCING: Final = "syncing"
NO_QUORUM: Final = "no-quorum"
_KEPT_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Condition:
    """`faults` are codes: of the engine's trouble, `engine-unreachable`, `syncing` (it fetches what others have), `no-quorum` (it made no
    block for longer than it should). `peers` is None where it does not say.
    """

    faults: tuple[str, ...]
    peers: int | None


class Watch:
    """`trouble` is what the engine stopped for; `silent` says whether blocks are overdue. Safe to share between threads."""

    def __init__(self, rpc: Rpc, clock: Clock, trouble: Callable[[], TallystickError | None], silent: Callable[[], bool]) -> None:
        self._rpc, self._clock, self._trouble, self._silent = rpc, clock, trouble, silent
        self._lock = threading.Lock()
        self._asked_ms = 0
        self._said: tuple[bool, int] | Unreachable | None = None

    def look(self) -> Condition:
        said = self._ask()
        trouble = self._trouble()
        peers = None if isinstance(said, Unreachable) else said[1]
        if trouble is not None:
            return Condition((trouble.code,), peers)
        if isinstance(said, Unreachable):
            return Condition((said.code,), None)
        if said[0]:
            return Condition((SYNCING,), peers)
        return Condition((NO_QUORUM,) if self._silent() else (), peers)

    def _ask(self) -> tuple[bool, int] | Unreachable:
        with self._lock:
            now_ms = self._clock.monotonic_ms()
            if self._said is None or now_ms - self._asked_ms >= _KEPT_MS:
                self._said = self._answer()
                self._asked_ms = now_ms
            return self._said

    def _answer(self) -> tuple[bool, int] | Unreachable:
        """Whether it is catching up, and its peers."""
        try:
            status: dict[str, Any] = self._rpc.status()
            return bool(status["sync_info"]["catching_up"]), self._rpc.peers()
        except Unreachable as unreachable:
            return unreachable
