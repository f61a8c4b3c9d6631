"""Audits that a running node makes of its own home, one at a time, each in a process of its own: the replay takes a core for as long as it
lasts, and the node goes on beside it. What the node alone can compare, and the signature of the report, come after it in this process.

Runs and their files are kept in memory, the newest `AUDITS_KEPT` of them, until the node stops; whoever wants a report for longer keeps it.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final

import structlog

from contracts.ruleset import RULEBOOK
from ledger.audit import AuditReport, Manner, audit
from ledger.collecting import collect_seldom
from ledger.errors import NotFound, Refused, TallystickError, Unreachable
from ledger.limits import AUDITS_KEPT
from ledger.store import LedgerStore
from ledger.vouching import voucher_of
from nodes.auditing.files import AuditedHome, AuditFiles, files_of
from nodes.auditing.whole import HomeAudit, with_parts
from nodes.node import Node

RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
_ID_BYTES: Final = 16
_TOLD_EVERY: Final = 16

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class AuditRun:
    """`begun_ms` is when it was asked for, `height` the last one done, `last` the one that it ends with, both None before the first; `code`
    says why it failed.
    """

    id: str
    sample: int
    begun_ms: int
    state: str = RUNNING
    height: int | None = None
    last: int | None = None
    code: str | None = None
    audited: HomeAudit | None = None
    files: AuditFiles | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class AuditRuns:
    """Of one node. `close` before the node stops."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._runs: dict[str, AuditRun] = {}
        self._lock = threading.Lock()
        self._child: multiprocessing.process.BaseProcess | None = None
        self._closing = False

    def start(self, sample: int) -> AuditRun:
        """Begins an audit whose report draws so many records. Raises `Refused` (`audit-running`)."""
        with self._lock:
            if any(run.state == RUNNING for run in self._runs.values()):
                raise Refused("audit-running", "an audit of this node is running already", hint="wait for it to end")
            run = AuditRun(self._node.random(_ID_BYTES).hex(), sample, self._node.clock.now_ms())
            self._runs[run.id] = run
            while len(self._runs) > AUDITS_KEPT:
                del self._runs[next(iter(self._runs))]
        threading.Thread(target=self._live, args=(run,), name="audit", daemon=True).start()
        return run

    def list(self) -> Sequence[AuditRun]:
        """Those that are kept, the newest first."""
        with self._lock:
            return list(reversed(self._runs.values()))

    def get(self, run_id: str) -> AuditRun:
        """Raises `NotFound` (`unknown-audit`)."""
        with self._lock:
            run = self._runs.get(run_id)
        if run is None:
            raise NotFound("unknown-audit", "this node knows no such audit", hint="audits are kept until the node stops; make another")
        return run

    def close(self) -> None:
        """Ends an audit that is running: it fails."""
        with self._lock:
            self._closing = True
            running = [run for run in self._runs.values() if run.state == RUNNING]
            if self._child is not None:
                self._child.terminate()
        for run in running:
            run.ended.wait()

    def _live(self, run: AuditRun) -> None:
        """A thread's whole life: whatever happens, the run ends."""
        try:
            node = self._node
            run.audited = with_parts(self._ledger(run), node.store, node.private)
            home = AuditedHome(node.config, node.store, node.private, node.identity_key)
            run.files = files_of(run.audited, home, node.clock, run.sample)
            run.state = DONE
        except TallystickError as error:
            log.warning("audit-broken", code=error.code)
            run.code = error.code
        except Exception as error:
            log.exception("audit-failed", error=type(error).__name__)
            run.code = "internal"
        finally:
            if run.state == RUNNING:
                run.state = FAILED
            run.ended.set()

    def _ledger(self, run: AuditRun) -> AuditReport:
        """The ledger's own audit, in another process. Raises `Unreachable` (`audit-ended`)."""
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe(duplex=False)
        child = spawn.Process(target=audit_apart, args=(theirs, self._node.store.url, self._node.genesis), daemon=True)
        with self._lock:
            if self._closing:
                raise _ended()
            self._child = child
            child.start()
        theirs.close()
        try:
            while not isinstance(told := ours.recv(), AuditReport):
                run.height, run.last = told
        except EOFError as error:
            raise _ended() from error
        finally:
            ours.close()
            child.join()
            with self._lock:
                self._child = None
        return told


def _ended() -> Unreachable:
    return Unreachable("audit-ended", "the process that audited has ended before it was done", hint="try again")


def audit_apart(pipe: Connection, url: str, genesis: Mapping[str, Any]) -> None:
    """The life of the process that audits: it sends the height done and the last one now and then, and at the end the report."""

    def tell(height: int, last: int) -> None:
        if height % _TOLD_EVERY == 0 or height == last:
            pipe.send((height, last))

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the node, which ends this
    collect_seldom()
    store = LedgerStore(url, read_only=True)
    try:
        pipe.send(audit(store, genesis, RULEBOOK, voucher_of(genesis), Manner(on_progress=tell)))
    finally:
        store.close()
        pipe.close()
