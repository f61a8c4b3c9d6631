"""The `comet` engine: this node's own CometBFT orders blocks with those of the other members, and the application executes them.

One thread serves the engine's questions and owns the chain and everything that waits; others only hand it work. A record is looked at
here first, as any engine does, then sent to CometBFT, again and again until it is on a block or past its time. CometBFT is started again
with the application where either of them fails, for they are one unit; where going on would be wrong (rules that this program does not
have, a ledger that does not stand where its engine does), nothing more is started, and `trouble` says why.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ledger.clock import Clock
from ledger.comet.application import Application
from ledger.comet.condition import Condition, Watch
from ledger.comet.files import CometHome, Settings
from ledger.comet.position import Position
from ledger.comet.process import CometProcess, await_address, find_binary
from ledger.comet.rpc import Rpc
from ledger.comet.sealing import Sealer
from ledger.comet.sending import Sender
from ledger.comet.server import Answers, Connection
from ledger.comet.snapshot_maker import SnapshotMaker
from ledger.comet.snapshots import Snapshots
from ledger.comet.supervisor import Supervisor
from ledger.comet.validators import powers_of
from ledger.comet.waiting import Waiters, answer, no_quorum
from ledger.database import failing_as_unreachable
from ledger.engine import Heights, Receipt, stopped
from ledger.errors import InputError, Refused, TallystickError, Unreachable
from ledger.execution import Accepted, Execution
from ledger.file_lock import Lock
from ledger.record import parse
from ledger.rules import Rulebook
from ledger.solo import begin_ledger, receipt
from ledger.store import LedgerStore

_TICK_S: Final = 0.25
_SILENCE_MS: Final = 20_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CometSetup:
    """Where CometBFT's directory and log are, how it is to be found, and who may connect: a network identity of 40 hex characters."""

    home: CometHome
    log_file: Path
    settings: Settings
    peer_allowed: Callable[[str], bool]


class CometEngine:
    """Implements `ledger.engine.Engine`."""

    def __init__(
        self,
        store: LedgerStore,
        genesis: Mapping[str, Any],
        rulebook: Rulebook,
        clock: Clock,
        setup: CometSetup,
        *,
        lock: Lock | None = None,
    ) -> None:
        self.store = store
        self.heights = Heights()
        self.trouble: TallystickError | None = None
        """Why no blocks are made here for now, if so."""
        self._genesis, self._rulebook, self._clock, self._setup, self._lock = genesis, rulebook, clock, setup, lock
        self._maker = SnapshotMaker(store, setup.home.snapshots, setup.settings)
        self.heights.subscribe(self._maker.reached)
        self._waiters = Waiters(setup.settings.stalled_ms)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._application: Application | None = None
        self._last_block_ms = 0
        self._runtime: Path | None = None

    @failing_as_unreachable()
    def start(self) -> None:
        """Takes the home's lock, opens the ledger, and starts CometBFT. Blocks come once enough of the others are there.

        Raises `Unreachable` (`engine-missing`, `engine-version`, `address-in-use`, ...), `InputError` (`bad-engine-key`), `Refused`,
        `VerificationFailed`.
        """
        binary = find_binary()
        self._setup.home.keys()
        if self._lock is not None:
            self._lock.acquire()
        try:
            await_address(self._setup.settings.listen)
            begin_ledger(self.store, self._genesis, self._rulebook, None)
            application = self._application = Application(self.store, self._genesis, self._rulebook, self._committed)
            with self.store.reading() as reader:
                powers = powers_of(reader.state_at(0))
            self._setup.home.write(self._genesis, powers, self._setup.settings)
            self._maker.start()
        except BaseException:
            self._let_go()
            raise
        self.heights.publish(application.chain.head.height)
        self._last_block_ms = self._clock.monotonic_ms()
        # Names of sockets are short by nature, and those of homes are not.
        runtime = self._runtime = Path(tempfile.mkdtemp(prefix="tallystick-"))
        sockets = runtime / "abci.sock", runtime / "rpc.sock"
        self._process = CometProcess(binary, self._setup.home.path, *sockets, self._setup.log_file, self._setup.settings.rpc_listen)
        self.rpc = Rpc(runtime / "rpc.sock")
        self._watch = Watch(self.rpc, self._clock, lambda: self.trouble, lambda: self._silent(self._clock.monotonic_ms()))
        self._sealer = Sealer(self.store, self._genesis, powers, self.rpc, lambda: self.heights.publish(self.heights.height))
        self._sealer.reached(application.position.height)
        setup = self._setup
        self._supervisor = Supervisor(self, self._process, self.rpc, self._clock, setup.log_file, setup.settings.peers)
        self._stopping.clear()
        listening = threading.Event()
        self._sender = Sender(self.rpc, self._clock)
        self._thread = threading.Thread(target=self._serve, args=(listening,), name="comet-abci", daemon=True)
        self._thread.start()
        listening.wait()
        self._sender.start()
        self._supervisor.start()
        self._sealer.start()

    def stop(self) -> None:
        """Ends CometBFT and then its application. What waits is answered with `engine-stopped`, and may be on the ledger."""
        if self._loop is None or self._thread is None:
            return
        self._stopping.set()
        self._supervisor.stop()
        self._sender.stop()
        self._sealer.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None
        self._loop = None
        self.heights.close()
        self._let_go()

    def subscribe(self, callback: Callable[[int], None]) -> None:
        self.heights.subscribe(callback)

    def submit(self, raw: bytes) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        loop = self._loop
        if loop is None or self._stopping.is_set():
            future.set_exception(stopped())
            return future
        with suppress(RuntimeError):  # from a loop that was closed in between
            loop.call_soon_threadsafe(self._take, raw, future)
            return future
        answer(future, stopped())
        return future

    @property
    def position(self) -> Position:
        """Where CometBFT is, as this application last committed."""
        assert self._application is not None, "the engine was started"
        return self._application.position

    def condition(self) -> Condition:
        """How the engine is. It was started."""
        return self._watch.look()

    def waiting(self) -> int:
        """How many records wait for their block."""
        return len(self._waiters)

    def _let_go(self) -> None:
        self._maker.stop()
        if self._application is not None:
            self._application.close()
            self._application = None
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None
        if self._lock is not None:
            self._lock.release()

    # In the application's thread.

    def _serve(self, listening: threading.Event) -> None:
        application = self._application
        assert application is not None, "the engine opens its application first"
        loop = self._loop = asyncio.new_event_loop()
        snapshots = self._snapshots = Snapshots(application, self._maker.files, self._restored)
        answers = Answers(application, self._clock, self._setup.peer_allowed, snapshots, self._refused)
        # Those of a CometBFT that runs, and of the one before it.
        connections: deque[Connection] = deque(maxlen=8)

        def connection() -> Connection:
            connections.append(Connection(answers, self.fault))
            return connections[-1]

        runtime = self._runtime
        assert runtime is not None, "sockets have a place"
        server = loop.run_until_complete(loop.create_unix_server(connection, str(runtime / "abci.sock")))
        listening.set()
        loop.call_later(_TICK_S, self._tick)
        try:
            loop.run_forever()
        finally:
            self._waiters.fail(stopped())
            snapshots.close()
            server.close()
            for each in connections:
                each.end()
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(server.wait_closed())
            loop.close()

    def _take(self, raw: bytes, future: Future[Receipt]) -> None:
        application = self._application
        if application is None or self._stopping.is_set():
            answer(future, stopped())
            return
        if self.trouble is not None:
            answer(future, _not_now(self.trouble))
            return
        try:
            record = application.check(raw, self._clock.now_ms()).record
            if self._waiters.add(record.id, raw, record.core["not_after"], future, self._clock.monotonic_ms()):
                self._sender.send(raw)
        except TallystickError as error:
            answer(future, self._final(raw, error))
        except (SQLAlchemyError, OSError) as error:
            log.error("record-not-checked", error=type(error).__name__)
            answer(future, Unreachable("storage-failed", "the ledger cannot be read", hint="check the disk, then send it again"))

    def _committed(self, position: Position, execution: Execution) -> None:
        self._last_block_ms = self._clock.monotonic_ms()
        self.trouble = None
        self._sealer.reached(position.height)
        if execution.header is not None:
            self.heights.publish(execution.header.height)
        for outcome in execution.outcomes:
            if isinstance(outcome, Accepted):
                self._waiters.settle(receipt(outcome, execution))
        self._waiters.expire(position.time_ms)

    def _restored(self, height: int) -> None:
        self._last_block_ms = self._clock.monotonic_ms()
        self._sealer.reached(self.position.height)
        self.heights.publish(height)

    def _tick(self) -> None:
        loop = self._loop
        if loop is None or self._stopping.is_set():
            return
        now_ms = self._clock.monotonic_ms()
        if self._silent(now_ms) or self._waiters.stalled(now_ms, self._last_block_ms):
            self._waiters.fail(no_quorum() if self.trouble is None else _not_now(self.trouble))
        for raw in self._waiters.due(now_ms):
            self._sender.send(raw)
        if self._setup.settings.state_sync is not None and self._snapshots.stalled(now_ms):
            self._supervisor.again()
        loop.call_later(_TICK_S, self._tick)

    def _silent(self, now_ms: int) -> bool:
        """Whether blocks are long overdue, those too that are made where nothing happens."""
        return now_ms - self._last_block_ms >= self._setup.settings.empty_blocks_interval_s * 1_000 + _SILENCE_MS

    def _refused(self, raw: bytes, error: TallystickError) -> None:
        """The engine let go of a transaction, for what another did since it was sent. Whether one is past its time is for blocks to say."""
        if error.code == "expired" or not len(self._waiters):
            return
        with suppress(InputError):
            record_id = parse(raw).id
            if self._waiters.holds(record_id, raw):
                self._waiters.refuse(record_id, self._final(raw, error))

    def _final(self, raw: bytes, error: TallystickError) -> TallystickError:
        """What a refusal is worth. A replica that is behind does not know what became of a record that was sent before."""
        application = self._application
        assert application is not None, "the engine was started"
        if not isinstance(error, Refused):
            return error
        age_ms = self._clock.now_ms() - application.position.time_ms
        ahead = error.code == "unknown-seen" and application.names_newer(raw)
        if not ahead and age_ms < self._setup.settings.empty_blocks_interval_s * 1_000 + _SILENCE_MS:
            return error
        message = f"this node may be behind the consortium, and would refuse the record ({error.code})"
        return Unreachable("replica-behind", message, hint="send the same record again once newer blocks are here")

    def fault(self, error: TallystickError) -> None:
        """Something keeps the engine from going on: CometBFT is started again, if it may be. For any thread."""
        log.error("engine-stopped", code=error.code, reason=error.message)
        self.trouble = error
        self._supervisor.again()

    def is_ahead(self) -> bool:
        """Whether the ledger has taken in blocks of an engine that has none."""
        return self.position.height > 0 and not self._setup.home.holds_blocks()


def _not_now(trouble: TallystickError) -> Unreachable:
    """For a sender: whatever is wrong here says nothing of the record, which may be on the ledger, or come to be."""
    return Unreachable(trouble.code, trouble.message, hint=trouble.hint)
