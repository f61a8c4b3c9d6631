"""The `solo` engine: one operator orders records in process. What arrives within a few milliseconds shares a block and one database
transaction (group commit). Each block's log is signed with the operator's key as a checkpoint, in the same transaction.

Block time is `max(previous + 1, clock)`. A wall clock that moves more than an hour ahead of the time that has really passed stops the
engine until an operator confirms it: a wrong time would end holds and consents for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ledger.admission import VerifiedSignatures
from ledger.chain import StoredChain
from ledger.clock import Clock
from ledger.database import failing_as_unreachable
from ledger.engine import Heights, Receipt
from ledger.errors import InputError, Refused, TallystickError, Unreachable
from ledger.execution import RULES_FAULT, Accepted, Block, Dropped, Execution, execute, execute_genesis
from ledger.file_lock import Lock
from ledger.halting import Show, halt, refuse_if_halted
from ledger.inbox import Inbox, Waiting, fail
from ledger.limits import CLOCK_JUMP_MS_MAX
from ledger.log_operator import Operator, operator_of
from ledger.rules import Rulebook
from ledger.store import LedgerStore, genesis_matches
from ledger.vouching import OperatorsWord

log = structlog.get_logger(__name__)


@failing_as_unreachable()
def begin_ledger(store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, operator: Operator | None) -> None:
    """Writes height 0 into an empty store; on one that has it, checks that it is this genesis. Raises `Refused` (`other-network`),
    `InputError` (`bad-genesis`), `Unreachable` (`database-busy`).
    """
    if store.is_new():
        execution = execute_genesis(genesis, rulebook)
        checkpoint = operator.checkpoint(execution) if operator is not None else None
        with store.writing() as connection:
            store.commit(connection, execution, checkpoint)
    with store.reading() as reader:
        if not genesis_matches(reader, genesis):
            raise Refused("other-network", "the ledger in this home was begun by another genesis document", hint="check genesis.json")


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
        lock: Lock | None = None,
        group_ms: int = 3,
    ) -> None:
        self.store = store
        self.heights = Heights()
        self._genesis, self._rulebook, self._operator, self._clock = genesis, rulebook, operator, clock
        self._lock = lock
        self._group_s = group_ms / 1000
        self._inbox = Inbox()
        # Whose quota the last block had used up: they come first in the next.
        self._carried: list[Waiting] = []
        self._verified = VerifiedSignatures()
        self._thread: threading.Thread | None = None
        # Held while a block is made and while the engine halts, so that evidence is about the head that it is kept beside.
        self._turn = threading.RLock()
        self._halted = False
        self.refusal: TallystickError | None = None
        """Why nothing is ordered for now, if so: see `stand_still`."""
        self._clock_wrong = False
        self._clock_seen = (0, 0)
        self._chain: StoredChain | None = None

    @failing_as_unreachable()
    def open(self) -> None:
        """Takes the home's lock, writes genesis where there is none, and lets records in. Raises `Unreachable`, `Refused`,
        and `VerificationFailed` for a ledger that has halted.
        """
        if self._operator.key != operator_of(self._genesis):
            hint = "checkpoints signed with another key would be refused by every follower"
            raise Refused("other-operator", "the operator key of this home is not the one that genesis names", hint=hint)
        if self._lock is not None:
            self._lock.acquire()
        try:
            refuse_if_halted(self.store)
            begin_ledger(self.store, self._genesis, self._rulebook, self._operator)
            self._chain = StoredChain(self.store)
        except BaseException:
            self._let_go()
            raise
        self.heights.publish(self._chain.head.height)
        self._clock_seen = (self._clock.now_ms(), self._clock.monotonic_ms())
        self._inbox.open()

    def start(self) -> None:
        """`open`, and then order in a thread of its own."""
        self.open()
        self._thread = threading.Thread(target=self._run, name="solo-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finishes the block in hand; records still waiting are answered with `engine-stopped`."""
        self._inbox.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.heights.close()
        self._let_go()

    def submit(self, raw: bytes) -> Future[Receipt]:
        return self._inbox.put(raw)

    def order(self) -> None:
        """One block of what waits now, if anything does. For a caller that only did `open`."""
        if (self._carried or self._inbox.waiting()) and (batch := self._inbox.gather(self._carried, 0)) is not None:
            self._carried = self._one_block(batch)

    def subscribe(self, callback: Callable[[int], None]) -> None:
        self.heights.subscribe(callback)

    def pause(self) -> None:
        """Lets records gather: whatever is submitted until `resume` shares the next block."""
        self._inbox.pause(paused=True)

    def resume(self) -> None:
        self._inbox.pause(paused=False)

    def waiting(self) -> int:
        """How many records wait for their block."""
        return self._inbox.waiting()

    def confirm_clock(self) -> None:
        """An operator says that the wall clock is right, after `clock-jumped`."""
        self._clock_seen = (self._clock.now_ms(), self._clock.monotonic_ms())
        self._clock_wrong = False

    def refuse(self, show: Show) -> None:
        """Orders no more, for good, where `show` finds in a reading of this ledger that its own key signed another history; for any thread.
        Raises `VerificationFailed` (`fork-seen`, `replica-damaged`) then.
        """
        with self._turn:
            refuse_if_halted(self.store)
            with self.store.reading() as reader:
                evidence = show(reader)
            if evidence is not None:
                try:
                    halt(self.store, self._genesis, self._rulebook, OperatorsWord(self._operator.key), evidence)
                finally:
                    self._halted = self.store.halted() is not None

    def stand_still(self, refusal: TallystickError) -> None:
        """Orders nothing more until the engine is made anew: every record is answered with this error. For any thread."""
        with self._turn:
            self.refusal = refusal

    def _let_go(self) -> None:
        self._forget_chain()
        if self._lock is not None:
            self._lock.release()

    def _run(self) -> None:
        while (batch := self._inbox.gather(self._carried, self._group_s)) is not None:
            try:
                self._carried = self._one_block(batch)
            except BaseException:
                fail(batch, Unreachable("engine-failed", "the engine met a fault and stopped", hint="see the node's log"))
                self._inbox.close()
                raise

    def _one_block(self, batch: list[Waiting]) -> list[Waiting]:
        """Executes and stores one block and answers its senders; gives back those whose quota the block had used up."""
        try:
            with self._turn:
                execution = self._execute_and_store(batch)
        except (SQLAlchemyError, OSError) as error:
            # Whether the block is durable may not be known, so the chain is read anew before the next one.
            log.error("block-not-stored", error=type(error).__name__)
            self._forget_chain()
            fail(batch, Unreachable("storage-failed", "the block could not be stored", hint="check the disk, then send it again"))
            return []
        except TallystickError as error:
            log.error("block-not-made", code=error.code, message=error.message, hint=error.hint)
            fail(batch, error)
            return []
        if execution.header is not None:
            self.heights.publish(execution.header.height)
        return _answer(batch, execution)

    def _execute_and_store(self, batch: list[Waiting]) -> Execution:
        if self._halted:
            refuse_if_halted(self.store)
        if self.refusal is not None:
            raise self.refusal
        chain = self._chain = self._chain or StoredChain(self.store)
        if chain.head.height > self.heights.height:
            self.heights.publish(chain.head.height)
        time_ms = self._block_time_ms(chain)
        block = Block(chain.head.height + 1, time_ms, [raw for raw, _ in batch])
        try:
            execution = execute(chain, block, self._rulebook, self._verified)
        finally:
            chain.rest()
        if execution.header is not None:
            chain.commit(execution, self._operator.checkpoint(execution))
        return execution

    def _forget_chain(self) -> None:
        chain, self._chain = self._chain, None
        if chain is not None:
            chain.close()

    def _block_time_ms(self, chain: StoredChain) -> int:
        """The time of the next block. A clock set back and then right again is no jump: time that the ledger had already is no news."""
        now, passed = self._clock.now_ms(), self._clock.monotonic_ms()
        expected = max(self._clock_seen[0] + passed - self._clock_seen[1], chain.head.time_ms)
        if self._clock_wrong or now - expected > CLOCK_JUMP_MS_MAX:
            self._clock_wrong = True
            hint = "set the machine's time right, then confirm it: SIGUSR1 to the node's process"
            raise Unreachable("clock-jumped", "the wall clock moved over an hour ahead of the time that passed", hint=hint)
        self._clock_seen = (now, passed)
        return max(chain.head.time_ms + 1, now)


def _answer(batch: list[Waiting], execution: Execution) -> list[Waiting]:
    """Answers senders, but for those who wait for the next block's quota. A block that took nothing in would carry them for ever."""
    again: list[Waiting] = []
    for waiting, outcome in zip(batch, execution.outcomes, strict=True):
        future = waiting[1]
        if isinstance(outcome, Accepted):
            if outcome.result["code"] == RULES_FAULT:
                log.error("rules-fault", record_id=outcome.record.id, type=outcome.record.type)
            future.set_result(receipt(outcome, execution))
        elif outcome.code == "quota-exceeded" and execution.header is not None:
            again.append(waiting)
        else:
            future.set_exception(dropped_error(outcome))
    return again


def receipt(outcome: Accepted, execution: Execution) -> Receipt:
    """The receipt of a record of a block that is durable."""
    header = execution.header
    assert header is not None
    return Receipt(outcome.record.id, header.height, header.time_ms, outcome.log_index, outcome.position, outcome.result)


def dropped_error(outcome: Dropped) -> TallystickError:
    """The error for the sender of a transaction that left nothing."""
    kind = InputError if outcome.code in ("oversize", "not-json", "not-canonical", "malformed", "unknown-type") else Refused
    return kind(outcome.code, outcome.message)
