"""The `follow` engine: a member's own replica beside a solo operator. It fetches blocks, executes every record again, checks every
signature, result, root and checkpoint against its own, and forwards its own member's records upstream.

It trusts the operator for order and time, and for nothing else. A block that does not follow from the blocks before it is not stored.
Where the operator's own signature shows that it holds two histories (`fork-seen`), or that it signed a block that its rules do not lead
to (`operator-invalid`), the replica first audits itself, then halts for good and keeps the evidence: `halted` in the store. A block that
is wrong but not signed as right by the operator (a damaged transport, a proxy) is refused and asked for again: code `block-invalid`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ledger import canonical
from ledger.admission import VerifiedSignatures
from ledger.chain import StoredChain
from ledger.checkpoint import Checkpoint
from ledger.database import failing_as_unreachable
from ledger.engine import Heights, Receipt, stopped
from ledger.errors import TallystickError, Unreachable, VerificationFailed
from ledger.evidence import BlockBundle
from ledger.execution import Accepted, Block, Execution, execute, in_order
from ledger.file_lock import Lock
from ledger.halting import Show, halt, refuse_if_halted
from ledger.header import Header
from ledger.log_operator import checkpoint_of
from ledger.record import parse
from ledger.rules import Rulebook
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from ledger.vouching import Voucher

_FETCH_BLOCKS = 50
# How long one request may wait for news: also how long a stopping engine may have to wait for its answer.
_FETCH_WAIT_S = 1.0
_RETRY_S_MAX = 10.0
_CATCH_UP_S = 30.0
_FORWARDERS = 8
log = structlog.get_logger(__name__)


class Upstream(Protocol):
    """Where blocks come from and records go. All three raise `Unreachable` when there is no answer."""

    def blocks(self, after_height: int, limit: int, wait_s: float) -> list[BlockBundle]:
        """Blocks above a height, in order; waits up to `wait_s` for the first one."""
        ...

    def checkpoint(self) -> str:
        """The newest signed note."""
        ...

    def submit(self, raw: bytes) -> Receipt:
        """Hands a transaction in. Raises `InputError`/`Refused` with the admission code."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """How many seconds ago upstream last answered, and last had nothing that this replica had not. None where it never did since the
    start.
    """

    answered_s: float | None
    level_s: float | None


class FollowEngine:
    """Keeps a verified replica. Records are answered only when this replica itself holds them."""

    def __init__(
        self,
        store: LedgerStore,
        genesis: Mapping[str, Any],
        rulebook: Rulebook,
        voucher: Voucher,
        upstream: Upstream,
        *,
        lock: Lock | None = None,
    ) -> None:
        self.store = store
        self.heights = Heights()
        self._genesis, self._rulebook, self._voucher, self._upstream = genesis, rulebook, voucher, upstream
        self._lock = lock
        self._verified = VerifiedSignatures()
        # Held while a block is taken and while the replica halts, so that evidence is about the head that it is kept beside.
        self._turn = threading.RLock()
        self._stopping = threading.Event()
        self._stopping.set()
        self._thread: threading.Thread | None = None
        self._forwarders: ThreadPoolExecutor | None = None
        self._chain: StoredChain | None = None
        self._halted = False
        self._answered_at: float | None = None
        self._level_at: float | None = None

    @failing_as_unreachable()
    def open(self) -> None:
        """Takes the home's lock and reads the replica, which is begun from genesis where it is new. Raises `Unreachable`, `Refused`,
        and `VerificationFailed` for a replica that has halted.
        """
        if self._lock is not None:
            self._lock.acquire()
        try:
            refuse_if_halted(self.store)
            begin_ledger(self.store, self._genesis, self._rulebook, None)
            self._chain = StoredChain(self.store)
        except BaseException:
            self._let_go()
            raise
        self.heights.publish(self._chain.head.height)

    def start(self) -> None:
        """`open`, and then follow in a thread of its own."""
        self.open()
        self._stopping.clear()
        self._forwarders = ThreadPoolExecutor(_FORWARDERS, thread_name_prefix="forward")
        self._thread = threading.Thread(target=self._run, name="follow-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the request in hand. Records on their way are answered with `engine-stopped` and may be on the ledger."""
        self._stopping.set()
        self.heights.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._forwarders is not None:
            self._forwarders.shutdown(wait=False)
        self._let_go()

    def subscribe(self, callback: Callable[[int], None]) -> None:
        self.heights.subscribe(callback)

    def submit(self, raw: bytes) -> Future[Receipt]:
        try:
            if self._forwarders is None or self._stopping.is_set():
                raise stopped()
            return self._forwarders.submit(self._forward, raw)
        except (Unreachable, RuntimeError):  # the latter from a pool that was shut down in between
            future: Future[Receipt] = Future()
            future.set_exception(stopped())
            return future

    def heard(self) -> Heard:
        """For whoever watches the node; for any thread."""
        now_s = time.monotonic()
        return Heard(*(None if at is None else now_s - at for at in (self._answered_at, self._level_at)))

    def refuse(self, show: Show) -> None:
        """Halts for good where `show` finds evidence against the operator in a reading of this replica; for any thread. Raises
        `VerificationFailed` (`fork-seen`, `replica-damaged`) then.
        """
        with self._turn:
            refuse_if_halted(self.store)
            with self.store.reading() as reader:
                evidence = show(reader)
            if evidence is not None:
                self._halt(evidence)

    def _forward(self, raw: bytes) -> Receipt:
        if self._stopping.is_set():
            raise stopped()
        refuse_if_halted(self.store)
        record_id = parse(raw).id
        answer = self._upstream.submit(raw)
        if not self.heights.wait_for(answer.height, _CATCH_UP_S):
            if self._stopping.is_set():
                raise stopped()
            refuse_if_halted(self.store)
            hint = "the record may be on the ledger; send the same record again"
            raise Unreachable("replica-behind", "this node's replica has not reached the record's block yet", hint=hint)
        with self.store.reading() as reader:
            stored = reader.record(record_id)
        if stored is None:
            raise VerificationFailed("receipt-untrue", "the upstream node answered for a record that its blocks do not hold")
        return Receipt(stored.id, stored.height, stored.time_ms, stored.log_index, stored.position, stored.result)

    def _forget_chain(self) -> None:
        chain, self._chain = self._chain, None
        if chain is not None:
            chain.close()

    def _let_go(self) -> None:
        self._forget_chain()
        if self._lock is not None:
            self._lock.release()

    def _run(self) -> None:
        pause_s = 0.1
        while not self._stopping.is_set():
            try:
                self.advance(_FETCH_WAIT_S)
                pause_s = 0.1
            except Unreachable as error:
                log.info("upstream-unreachable", code=error.code)
            except TallystickError as error:
                log.error("block-refused", code=error.code, message=error.message, hint=error.hint)
                if self.store.halted() is not None:
                    self.heights.close()
                    return
            except (SQLAlchemyError, OSError) as error:
                log.error("block-not-stored", error=type(error).__name__)
                self._forget_chain()
            else:
                continue
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, _RETRY_S_MAX)

    def advance(self, wait_s: float) -> int:
        """One fetch: stores what is new and true, and gives the number of blocks. Raises `Unreachable`, `VerificationFailed`,
        `InputError`. For the engine's own thread, or for a caller that only did `open`.
        """
        chain = self._chain = self._chain or StoredChain(self.store)
        bundles = self._upstream.blocks(chain.head.height, _FETCH_BLOCKS, wait_s)
        self._answered_at = time.monotonic()
        if not bundles:
            self._level_at = self._answered_at
        for taken, bundle in enumerate(bundles):
            if taken and self._stopping.is_set() and self._thread is not None:
                break
            with self._turn:
                self._take(chain, bundle)
            self.heights.publish(chain.head.height)
        if self._halted:
            refuse_if_halted(self.store)
        if not bundles:
            self._compare_notes(self._upstream.checkpoint())
        return len(bundles)

    def _take(self, chain: StoredChain, bundle: BlockBundle) -> None:
        if self._halted:
            refuse_if_halted(self.store)
        theirs = Header.from_json(bundle.header)
        note = self._voucher.read(bundle.checkpoint)
        if theirs.previous != chain.head.hash or theirs.height != chain.head.height + 1:
            self._refuse_block(self._last_common_height(chain.head.height), bundle)
        try:
            execution = self._execute(chain, theirs, bundle)
            fits = self._voucher.fits(bundle.checkpoint, theirs, chain.state)
        finally:
            chain.rest()
        if execution is None or not fits or not _agrees(execution, theirs, bundle, note):
            self._refuse_block(chain.head.height, bundle)
        else:
            # What a proxy may have added to the checkpoint is nobody's word here.
            chain.commit(execution, self._voucher.kept(bundle.checkpoint))

    def _execute(self, chain: StoredChain, theirs: Header, bundle: BlockBundle) -> Execution | None:
        block = Block(theirs.engine_height, theirs.time_ms, bundle.transactions)
        return execute(chain, block, self._rulebook, self._verified) if in_order(chain.head, block) else None

    def _last_common_height(self, head: int) -> int:
        """The greatest height at which upstream and this replica hold the same header, by bisection: headers are a hash chain. Upstream
        may lie; what follows from it is believed only where the operator signed it.
        """
        low, high = 0, head
        while low < high:
            middle = (low + high + 1) // 2
            found = self._upstream.blocks(middle - 1, 1, 0)
            with self.store.reading() as reader:
                same = bool(found) and Header.from_json(found[0].header).hash == reader.header_hash(middle)
            low, high = (middle, high) if same else (low, middle - 1)
        return low

    def _refuse_block(self, common: int, bundle: BlockBundle) -> None:
        """Always raises; halts where the block after the last common one is the operator's word."""
        with self.store.reading() as reader:
            if common < reader.head.height:
                found = self._upstream.blocks(common, 1, 0)
                bundle = found[0] if found else bundle
            evidence = self._voucher.block_evidence(reader, common, bundle)
        if evidence is not None:
            self._halt(evidence)
        raise VerificationFailed("block-invalid", "a block from upstream does not hold; it was not stored")

    def _compare_notes(self, text: str) -> None:
        """Nothing new: is the operator's newest note about what this replica holds?"""
        self.refuse(lambda reader: self._voucher.note_evidence(reader, text))

    def _halt(self, evidence: Mapping[str, Any]) -> None:
        """Always raises, as `ledger.halting.halt`."""
        try:
            halt(self.store, self._genesis, self._rulebook, self._voucher, evidence)
        finally:
            self._halted = self.store.halted() is not None


def _agrees(execution: Execution, theirs: Header, bundle: BlockBundle, note: Checkpoint) -> bool:
    """Whether what this node computed is, to the byte, what upstream says and the operator signed."""
    if execution.header is None or execution.header != theirs or note != checkpoint_of(execution):
        return False
    results = [outcome.result for outcome in execution.outcomes if isinstance(outcome, Accepted)]
    return len(results) == len(execution.outcomes) and canonical.encode(results) == canonical.encode(list(bundle.results))


def bundle_of(store: LedgerStore, height: int) -> BlockBundle | None:
    """A stored block as it is handed to followers; None where there is none yet, or nobody has vouched for it yet."""
    with store.reading() as reader:
        header, checkpoint = reader.header(height), reader.checkpoint(height)
        if header is None or (checkpoint is None and height > 0):
            return None
        found = reader.records_of_block(height)
        return BlockBundle(
            header.to_json(),
            tuple(item.record.raw for item in found),
            tuple(item.result for item in found),
            checkpoint or "",
        )
