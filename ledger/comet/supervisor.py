"""Keeps CometBFT running: started again where it ends or complains, but never where going on would be wrong, and reminded of its peers.

It is started again sooner or later, the more often it ended of late. Where this ledger holds blocks and the engine none it is not started
at all: it would ask for nothing, say so in its log only, and end.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from ledger.clock import Clock
from ledger.comet.complaints import Log, engine_behind
from ledger.comet.process import CometProcess
from ledger.comet.rpc import Rpc
from ledger.errors import TallystickError, Unreachable

_TICK_S: Final = 0.25
_RESTART_S: Final = (0.2, 10.0)
_LASTED_MS: Final = 60_000
# CometBFT itself dials less and less often, and after a day no more.
_DIAL_MS: Final = 30_000
# After these nothing is started again until a person has seen to it.
_FINAL: Final = frozenset(
    {
        *("rules-missing", "position-damaged", "other-network", "engine-behind", "app-hash-differs", "state-damaged", "header-missing"),
        *("replay-differs", "other-history"),
    }
)

log = structlog.get_logger(__name__)


class Supervised(Protocol):
    """The engine, as far as it is known here."""

    trouble: TallystickError | None

    def fault(self, error: TallystickError) -> None:
        """Takes note of what went wrong, and calls `again`."""
        ...

    def is_ahead(self) -> bool:
        """Whether the ledger has taken in blocks of an engine that has none."""
        ...


class Supervisor:
    """A thread of its own, in which the process begins and ends. `peers` are whom the engine seeks, each `id@host:port`."""

    def __init__(self, engine: Supervised, process: CometProcess, rpc: Rpc, clock: Clock, log_file: Path, peers: Sequence[str]) -> None:
        self._engine, self._process, self._rpc, self._clock, self._log_file, self._peers = engine, process, rpc, clock, log_file, peers
        self._stopping, self._failed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="comet-process", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """CometBFT has ended when this returns."""
        self._stopping.set()
        self._failed.set()
        self._thread.join()

    def again(self) -> None:
        """CometBFT is to be started again. For any thread."""
        self._failed.set()

    def _run(self) -> None:
        pause_s = _RESTART_S[0]
        while not self._stopping.is_set():
            self._failed.clear()
            began_ms = self._clock.monotonic_ms()
            try:
                self._run_once()
            except Unreachable as error:
                self._engine.trouble = error
            finally:
                self._process.stop()
            if self._stopping.is_set():
                return
            trouble = self._engine.trouble
            if trouble is not None and trouble.code in _FINAL:
                log.error("engine-stays-down", code=trouble.code, reason=trouble.message)
                return
            log.warning("engine-starts-again", after_s=pause_s)
            if self._stopping.wait(pause_s):
                return
            lasted_ms = self._clock.monotonic_ms() - began_ms
            pause_s = _RESTART_S[0] if lasted_ms > _LASTED_MS else min(2 * pause_s, _RESTART_S[1])

    def _run_once(self) -> None:
        """One run, until it ends, complains, or is to end. Raises `Unreachable` where it cannot be started."""
        if self._engine.is_ahead():
            self._engine.fault(engine_behind())
            return
        told, dialled_ms = Log(self._log_file), self._clock.monotonic_ms()
        self._process.start()
        ended = False
        while not ended and not self._failed.wait(_TICK_S):
            ended = self._process.ended()
            complaint = told.complaint()
            if complaint is not None and not self._failed.is_set():
                self._engine.fault(complaint)
            if self._clock.monotonic_ms() - dialled_ms >= _DIAL_MS:
                dialled_ms = self._clock.monotonic_ms()
                self._dial()

    def _dial(self) -> None:
        with suppress(Unreachable):
            connected = self._rpc.connected()
            missing = [peer for peer in self._peers if peer.partition("@")[0] not in connected]
            if missing:
                self._rpc.dial(missing)
