"""The `solo` engine: one operator orders records in process. What arrives within a few milliseconds shares a block and one database
transaction (group commit). Each block's log is signed with the operator's key as a checkpoint, in the same transaction.

Block time is `max(previous + 1, clock)`. A wall clock that moves more than an hour ahead of the time that has really passed stops the
engine until an operator confirms it: a wrong time would end holds and consents for good.
"""

from __future__ import annotations

import fcntl
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.exc import SQLAlchemyError

from ledger.admission import VerifiedSignatures
from ledger.chain import StoredChain
from ledger.checkpoint import Checkpoint, sign_note
from ledger.clock import Clock
from ledger.engine import Heights, Receipt, stopped
from ledger.errors import InputError, Refused, TallystickError, Unreachable
from ledger.execution import Accepted, Block, Dropped, Execution, execute, execute_genesis
from ledger.limits import BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX, CLOCK_JUMP_MS_MAX, QUEUE_RECORDS_MAX
from ledger.rules import Rulebook
from ledger.store import LedgerStore, genesis_matches

_Waiting = tuple[bytes, "Future[Receipt]"]
log = structlog.get_logger(__name__)


def origin_of(network: str) -> str:
    """The origin line of a network's checkpoints."""
    return f"tallystick/{network}"


class Operator:
    """Signs checkpoints: the name and Ed25519 key that genesis gives for the operator."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.name, self._private_key = name, private_key

    def checkpoint(self, execution: Execution) -> str:
        header = execution.header
        assert header is not None
        note = Checkpoint(origin_of(header.network), execution.log_size, execution.log_root)
        return sign_note(note, self.name, self._private_key)


def begin_ledger(store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, operator: Operator | None) -> None:
    """Writes height 0 into an empty store; on one that has it, checks that it is this genesis. Raises `Refused` (`other-network`)."""
    if store.is_new():
        execution = execute_genesis(genesis, rulebook)
        checkpoint = operator.checkpoint(execution) if operator is not None else None
        with store.engine.begin() as connection:
            store.commit(connection, execution, checkpoint)
    with store.reading() as reader:
        if not genesis_matches(reader, genesis):
            raise Refused("other-network", "the ledger in this home was begun by another genesis document", hint="check genesis.json")


class FileLock:
    """One engine a home: the operating system lets the lock go when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise Unreachable("home-in-use", "another process runs this home", hint="stop it, or use its API") from error
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class SoloEngine:
    """Orders, executes and stores. `group_ms` is how long the first record of a block waits for company."""

    def __init__(
        self,
        store: LedgerStore,
        genesis: Mapping[str, Any],
        rulebook: Rulebook,
        operator: Operator,
        clock: Clock,
        *,
        lock: FileLock | None = None,
        group_ms: int = 3,
    ) -> None:
        self.store = store
        self.heights = Heights()
        self._genesis, self._rulebook, self._operator, self._clock = genesis, rulebook, operator, clock
        self._lock = lock
        self._group_s = group_ms / 1000
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(QUEUE_RECORDS_MAX)
        self._verified = VerifiedSignatures()
        self._thread: threading.Thread | None = None
        self._gate = threading.Event()
        self._gate.set()
        self._clock_wrong = False
        self._clock_seen = (0, 0)
        self._chain: StoredChain | None = None

    def start(self) -> None:
        """Takes the home's lock, writes genesis where there is none, and begins to order. Raises `Unreachable`, `Refused`."""
        if self._lock is not None:
            self._lock.acquire()
        begin_ledger(self.store, self._genesis, self._rulebook, self._operator)
        self._chain = StoredChain(self.store)
        self.heights.publish(self._chain.head.height)
        self._clock_seen = (self._clock.now_ms(), self._clock.monotonic_ms())
        self._thread = threading.Thread(target=self._run, name="solo-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finishes the block in hand; records still waiting are answered with `engine-stopped`."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._gate.set()
            self._queue.put(None)
            thread.join()
        while not self._queue.empty():
            self._fail([item for item in [self._queue.get()] if item is not None], stopped())
        if self._chain is not None:
            self._chain.close()
            self._chain = None
        if self._lock is not None:
            self._lock.release()

    def submit(self, raw: bytes) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        try:
            if self._thread is None:
                raise stopped()
            self._queue.put_nowait((raw, future))
        except queue.Full:
            future.set_exception(Unreachable("engine-busy", "too many records are waiting", hint="send the same record again later"))
        except Unreachable as error:
            future.set_exception(error)
        return future

    def subscribe(self, callback: Callable[[int], None]) -> None:
        self.heights.subscribe(callback)

    def pause(self) -> None:
        """Lets records gather: whatever is submitted until `resume` shares the next block."""
        self._gate.clear()

    def resume(self) -> None:
        self._gate.set()

    def confirm_clock(self) -> None:
        """An operator says that the wall clock is right, after `clock-jumped`."""
        self._clock_seen = (self._clock.now_ms(), self._clock.monotonic_ms())
        self._clock_wrong = False

    def _run(self) -> None:
        carried: list[_Waiting] = []
        while True:
            batch, running = self._gather(carried)
            try:
                carried = self._one_block(batch) if batch else []
            except BaseException:
                self._thread = None
                self._fail(batch, Unreachable("engine-failed", "the engine met a fault and stopped", hint="see the node's log"))
                raise
            if not running:
                self._fail(carried, stopped())
                return

    def _gather(self, carried: list[_Waiting]) -> tuple[list[_Waiting], bool]:
        """The next block's transactions, and whether to go on after it."""
        batch = list(carried)
        size = sum(len(raw) for raw, _ in batch)
        closes_s = time.monotonic() + self._group_s
        while len(batch) < BLOCK_RECORDS_MAX and size < BLOCK_BYTES_MAX:
            try:
                item = self._queue.get(timeout=max(0.0, closes_s - time.monotonic()) if batch else None)
            except queue.Empty:
                if self._gate.wait(timeout=self._group_s):
                    break
                continue
            if item is None:
                return batch, False
            if not item[1].set_running_or_notify_cancel():
                continue
            if not batch:
                closes_s = time.monotonic() + self._group_s
            batch.append(item)
            size += len(item[0])
        return batch, True

    def _one_block(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Executes and stores one block and answers its senders; gives back those whose quota the block had used up."""
        assert self._chain is not None
        try:
            time_ms = self._block_time_ms(self._chain)
            block = Block(self._chain.head.height + 1, time_ms, [raw for raw, _ in batch])
            execution = execute(self._chain, block, self._rulebook, self._verified)
            if execution.header is None:
                self._chain.rest()
            else:
                self._chain.commit(execution, self._operator.checkpoint(execution))
        except (SQLAlchemyError, OSError) as error:
            log.error("block-not-stored", error=type(error).__name__)
            self._chain.close()
            self._fail(batch, Unreachable("storage-failed", "the block could not be stored", hint="check the disk, then send it again"))
            self._chain = StoredChain(self.store)
            return []
        except TallystickError as error:
            self._fail(batch, error)
            return []
        if execution.header is not None:
            self.heights.publish(execution.header.height)
        return self._answer(batch, execution)

    def _answer(self, batch: list[_Waiting], execution: Execution) -> list[_Waiting]:
        again: list[_Waiting] = []
        for waiting, outcome in zip(batch, execution.outcomes, strict=True):
            future = waiting[1]
            if isinstance(outcome, Accepted) and execution.header is not None:
                future.set_result(receipt(outcome, execution))
            elif isinstance(outcome, Dropped) and outcome.code == "quota-exceeded":
                again.append(waiting)
            elif isinstance(outcome, Dropped):
                future.set_exception(dropped_error(outcome))
        return again

    def _block_time_ms(self, chain: StoredChain) -> int:
        now, passed = self._clock.now_ms(), self._clock.monotonic_ms()
        ahead = (now - self._clock_seen[0]) - (passed - self._clock_seen[1])
        if self._clock_wrong or ahead > CLOCK_JUMP_MS_MAX:
            self._clock_wrong = True
            hint = "check the machine's time, then confirm it to the engine"
            raise Unreachable("clock-jumped", "the wall clock moved over an hour ahead of the time that passed", hint=hint)
        self._clock_seen = (now, passed)
        return max(chain.head.time_ms + 1, now)

    @staticmethod
    def _fail(batch: list[_Waiting], error: TallystickError) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)


def receipt(outcome: Accepted, execution: Execution) -> Receipt:
    """The receipt of a record of a block that is durable."""
    header = execution.header
    assert header is not None
    return Receipt(outcome.record.id, header.height, header.time_ms, outcome.log_index, outcome.position, outcome.result)


def dropped_error(outcome: Dropped) -> TallystickError:
    """The error for the sender of a transaction that left nothing."""
    kind = InputError if outcome.code in ("oversize", "not-json", "not-canonical", "malformed", "unknown-type") else Refused
    return kind(outcome.code, outcome.message)
