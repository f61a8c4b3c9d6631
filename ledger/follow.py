"""The `follow` engine: a member's own replica beside a solo operator. It fetches blocks, executes every record again, checks every
signature, result, root and checkpoint against its own, and forwards its own member's records upstream.

It trusts the operator for order and time, and for nothing else. A block that does not follow from the blocks before it is not stored.
Where the operator's signature shows that it holds two histories (two different logs of which neither continues the other), the replica
halts for good and keeps both signed notes: `halted` in the store, code `fork-seen`. A block that is wrong but not signed as right by
the operator (a damaged transport, a proxy) is refused and asked for again: code `block-invalid`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from ledger import canonical, log_tree
from ledger.admission import VerifiedSignatures
from ledger.chain import StoredChain
from ledger.checkpoint import Checkpoint, verify_note
from ledger.engine import Heights, Receipt, stopped
from ledger.errors import InputError, TallystickError, Unreachable, VerificationFailed
from ledger.execution import Accepted, Block, Execution, execute, execute_genesis
from ledger.header import Header, record_leaf
from ledger.record import parse
from ledger.rules import Rulebook
from ledger.solo import FileLock, origin_of
from ledger.store import LedgerStore, genesis_matches

_FETCH_BLOCKS = 50
_FETCH_WAIT_S = 20.0
_RETRY_S_MAX = 10.0
_CATCH_UP_S = 30.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BlockBundle:
    """A block as an upstream node hands it out: header JSON, transactions and results in order, and the operator's signed note."""

    header: Mapping[str, Any]
    transactions: tuple[bytes, ...]
    results: tuple[Mapping[str, Any], ...]
    checkpoint: str

    def to_json(self) -> dict[str, Any]:
        records = [{**canonical.decode(raw), "result": dict(x)} for raw, x in zip(self.transactions, self.results, strict=True)]
        return {"checkpoint": self.checkpoint, "header": dict(self.header), "records": records}

    @classmethod
    def from_json(cls, value: Any) -> BlockBundle:
        """Reads what `to_json` makes. Raises `InputError` (`malformed-block`)."""
        try:
            transactions = [canonical.encode({"record": r["record"], "signatures": r["signatures"]}) for r in value["records"]]
            results = [dict(r["result"]) for r in value["records"]]
            return cls(dict(value["header"]), tuple(transactions), tuple(results), str(value["checkpoint"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed-block", "a block from upstream lacks a field") from error


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
class OperatorKey:
    """The operator's name and Ed25519 public key, from genesis."""

    name: str
    public: bytes


class FollowEngine:
    """Keeps a verified replica. Records are answered only when this replica itself holds them."""

    def __init__(
        self,
        store: LedgerStore,
        genesis: Mapping[str, Any],
        rulebook: Rulebook,
        operator: OperatorKey,
        upstream: Upstream,
        *,
        lock: FileLock | None = None,
    ) -> None:
        self.store = store
        self.heights = Heights()
        self._genesis, self._rulebook, self._operator, self._upstream = genesis, rulebook, operator, upstream
        self._lock = lock
        self._verified = VerifiedSignatures()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._forwarders = ThreadPoolExecutor(max_workers=8, thread_name_prefix="forward")
        self._chain: StoredChain | None = None

    def start(self) -> None:
        if self._lock is not None:
            self._lock.acquire()
        self._begin()
        self._chain = StoredChain(self.store)
        self.heights.publish(self._chain.head.height)
        self._thread = threading.Thread(target=self._run, name="follow-engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._forwarders.shutdown(wait=False, cancel_futures=True)
        if self._chain is not None:
            self._chain.close()
            self._chain = None
        if self._lock is not None:
            self._lock.release()

    def subscribe(self, callback: Callable[[int], None]) -> None:
        self.heights.subscribe(callback)

    def submit(self, raw: bytes) -> Future[Receipt]:
        if self._thread is None or self._stopping.is_set():
            future: Future[Receipt] = Future()
            future.set_exception(stopped())
            return future
        return self._forwarders.submit(self._forward, raw)

    def _forward(self, raw: bytes) -> Receipt:
        self._refuse_if_halted()
        answer = self._upstream.submit(raw)
        if not self.heights.wait_for(answer.height, _CATCH_UP_S):
            self._refuse_if_halted()
            hint = "the record may be on the ledger; send the same record again"
            raise Unreachable("replica-behind", "this node's replica has not reached the record's block yet", hint=hint)
        with self.store.reading() as reader:
            stored = reader.record(answer.record_id)
        if stored is None or stored.height != answer.height:
            raise VerificationFailed("receipt-untrue", "the upstream node answered for a record that its blocks do not hold")
        return Receipt(stored.id, stored.height, stored.time_ms, stored.log_index, stored.position, stored.result)

    def _refuse_if_halted(self) -> None:
        halted = self.store.halted()
        if halted is not None:
            raise VerificationFailed(
                halted["code"], "this replica refuses its upstream for good", hint="see tallystick audit; keep this home"
            )

    def _begin(self) -> None:
        self._refuse_if_halted()
        if self.store.is_new():
            execution = execute_genesis(self._genesis, self._rulebook)
            with self.store.engine.begin() as connection:
                self.store.commit(connection, execution, None)
        with self.store.reading() as reader:
            if not genesis_matches(reader, self._genesis):
                raise VerificationFailed("other-network", "the ledger in this home was begun by another genesis document")

    def _run(self) -> None:
        pause_s = 0.1
        while not self._stopping.is_set():
            try:
                self.advance(_FETCH_WAIT_S)
                pause_s = 0.1
            except Unreachable as error:
                log.info("upstream-unreachable", code=error.code)
            except TallystickError as error:
                log.error("block-refused", code=error.code)
                if self.store.halted() is not None:
                    return
            else:
                continue
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, _RETRY_S_MAX)

    def advance(self, wait_s: float) -> int:
        """One fetch: stores what is new and true, and gives the number of blocks. Raises `Unreachable`, `VerificationFailed`."""
        assert self._chain is not None
        bundles = self._upstream.blocks(self._chain.head.height, _FETCH_BLOCKS, wait_s)
        for bundle in bundles:
            if self._stopping.is_set():
                break
            self._take(self._chain, bundle)
            self.heights.publish(self._chain.head.height)
        if not bundles:
            self._compare_heads(self._chain)
        return len(bundles)

    def _take(self, chain: StoredChain, bundle: BlockBundle) -> None:
        theirs = Header.from_json(bundle.header)
        note = verify_note(bundle.checkpoint, self._operator.name, self._operator.public)
        follows = theirs.previous == chain.head.hash and theirs.height == chain.head.height + 1 and theirs.time_ms > chain.head.time_ms
        block = Block(theirs.engine_height, theirs.time_ms, bundle.transactions)
        execution = execute(chain, block, self._rulebook, self._verified) if follows else None
        if (
            execution is not None
            and execution.header == theirs
            and _results_agree(execution, bundle)
            and note == Checkpoint(origin_of(theirs.network), execution.log_size, execution.log_root)
        ):
            chain.commit(execution, bundle.checkpoint)
            return
        chain.rest()
        if follows:
            self._refuse_block(chain.head.height, bundle)
        self._refuse_block(self._last_common_height(chain.head.height), bundle)

    def _last_common_height(self, head: int) -> int:
        """The greatest height at which upstream and this replica hold the same header, by bisection: headers are a hash chain."""
        low, high = 0, head
        while low < high:
            middle = (low + high + 1) // 2
            found = self._upstream.blocks(middle - 1, 1, 0)
            with self.store.reading() as reader:
                same = bool(found) and Header.from_json(found[0].header).hash == reader.header_hash(middle)
            low, high = (middle, high) if same else (low, middle - 1)
        return low

    def _refuse_block(self, common: int, bundle: BlockBundle) -> None:
        """Is the block after the last common one really the operator's word? Only then is it evidence, and the end of this replica's
        trust; anything else may be a damaged transport, and is asked for again."""
        with self.store.reading() as reader:
            ours = reader.header(common + 1)
            base = reader.header(common)
            assert base is not None
            if ours is not None:
                found = self._upstream.blocks(common, 1, 0)
                bundle = found[0] if found else bundle
            note = verify_note(bundle.checkpoint, self._operator.name, self._operator.public)
            frontier = reader.frontier(base.log_size + 1)
            own_note = reader.checkpoint(common + 1 if ours is not None else common)
        signed = _checkpoint_of(bundle, base.log_size + 1, frontier)
        if signed != note:
            raise VerificationFailed("block-invalid", "a block from upstream does not hold; it was not stored")
        code = "fork-seen" if ours is not None else "operator-invalid"
        self.store.halt({"code": code, "height": common + 1, "ours": own_note, "theirs": bundle.to_json()})
        message = "the operator signed two histories" if ours is not None else "the operator signed a block that breaks the rules"
        raise VerificationFailed(code, message, hint="keep this home as evidence and tell the other members")

    def _compare_heads(self, chain: StoredChain) -> None:
        """Nothing new: is the operator's newest note a part of what this replica holds?"""
        text = self._upstream.checkpoint()
        note = verify_note(text, self._operator.name, self._operator.public)
        with self.store.reading() as reader:
            size = reader.head.log_size + 1
            if note.size > size or note.origin != origin_of(reader.head.network):
                return
            same, ours = reader.log_root(note.size) == note.root, reader.checkpoint()
        if not same:
            self.store.halt({"code": "fork-seen", "height": chain.head.height, "ours": ours, "theirs": text})
            hint = "keep this home as evidence and tell the other members"
            raise VerificationFailed("fork-seen", "the operator signed a history that this replica does not hold", hint=hint)


def _results_agree(execution: Execution, bundle: BlockBundle) -> bool:
    if len(execution.outcomes) != len(bundle.results):
        return False
    pairs = zip(execution.outcomes, bundle.results, strict=True)
    return all(isinstance(outcome, Accepted) and outcome.result == result for outcome, result in pairs)


def _checkpoint_of(bundle: BlockBundle, size: int, frontier: Sequence[bytes]) -> Checkpoint:
    """The checkpoint that a block's own words lead to, above a log that both sides hold."""
    theirs = Header.from_json(bundle.header)
    pairs = zip(bundle.transactions, bundle.results, strict=False)
    leaves = [record_leaf(parse(raw), result) for raw, result in pairs] + [theirs.leaf]
    after = log_tree.append(size, frontier, [log_tree.leaf_hash(leaf) for leaf in leaves])
    return Checkpoint(origin_of(theirs.network), after.size, log_tree.root(after.size, after.frontier))


def bundle_of(store: LedgerStore, height: int) -> BlockBundle | None:
    """A stored block as it is handed to followers."""
    with store.reading() as reader:
        header = reader.header(height)
        if header is None:
            return None
        found = reader.records_of_block(height)
        return BlockBundle(
            header.to_json(),
            tuple(item.record.raw for item in found),
            tuple(item.result for item in found),
            reader.checkpoint(height) or "",
        )


def operator_of(genesis: Mapping[str, Any]) -> OperatorKey:
    """The operator that a genesis document names."""
    operator = genesis["engine"]["operator"]
    return OperatorKey(operator["name"], bytes.fromhex(operator["public"]))
