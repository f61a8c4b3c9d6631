"""The application behind CometBFT: what each question of the engine is answered with, without sockets, clocks or threads.

- `prepare` and `process`: a proposal holds only records that can be authenticated, for honest validators refuse any other.
- `finalize` executes a block and keeps what follows in memory; `commit` makes all of it durable in one transaction. In between a crash
  loses nothing: the engine asks again for the block that was not committed.
- A block that leaves nothing on the ledger leaves the app hash as it was, or the engine would make blocks for ever.
- What was executed for a proposal is not executed again, and a signature that was found good is not checked again. Both are remembered by
  the hash of the whole transaction.

One thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection

from ledger.admission import Admitted, Place, VerifiedSignatures, admit
from ledger.chain import StoredChain
from ledger.comet.position import Misbehavior, Position, read_position, write_position
from ledger.comet.validators import STATE_KEY, powers_in, powers_of
from ledger.errors import Refused, VerificationFailed
from ledger.execution import Accepted, Block, Execution, execute, in_order, ruleset_at
from ledger.header import Header, network_of
from ledger.limits import BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX, MISBEHAVIOR_KEPT, QUEUE_RECORDS_MAX
from ledger.record import Record, parse
from ledger.rules import Rulebook
from ledger.snapshot_restore import Restoring
from ledger.state import Overlay
from ledger.store import LedgerStore

# Rounds of one height, whose proposals may come again.
_EXECUTIONS_KEPT: Final = 4
_CHAIN_ID_HEX: Final = 32


def chain_id_of(network: str) -> str:
    """The engine's name for a network. It has 50 characters at most."""
    return f"tallystick-{network[:_CHAIN_ID_HEX]}"


@dataclass(frozen=True, slots=True)
class Finalized:
    """What a decided block leads to: the app hash, and voting powers by public key before and after, both empty where none changes."""

    execution: Execution
    app_hash: bytes
    powers_before: dict[str, int]
    powers_after: dict[str, int]


class _Unlooked(VerifiedSignatures):
    """Takes every signature for good: of what was checked before it waited."""

    def check(self, record: Record, publics: list[bytes]) -> bool:
        return True


_UNLOOKED: Final = _Unlooked()


class Application:
    """Over a store that holds genesis. `on_commit` is told of each of the engine's blocks once it is durable."""

    def __init__(
        self, store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, on_commit: Callable[[Position, Execution], None]
    ) -> None:
        self._store, self._genesis, self._rulebook, self._on_commit = store, genesis, rulebook, on_commit
        self._network = network_of(genesis)
        self._verified = VerifiedSignatures()
        self._executions: dict[tuple[int, int, bytes], Execution] = {}
        self._decided: tuple[Position, Execution] | None = None
        self._doubted = False
        self._strange: dict[bytes, None] = {}
        self._open()

    def _open(self) -> None:
        self.chain = StoredChain(self._store)
        with self._store.engine.connect() as connection:
            stored = read_position(connection)
        if stored is None:
            self.position = Position(0, self.chain.head.time_ms, self.chain.log_root)
        else:
            self.position = stored
        if self.position.app_hash != self.chain.log_root or self.position.height < self.chain.head.engine_height:
            self.chain.close()
            raise VerificationFailed("position-damaged", "the ledger does not stand where its engine does", hint="run tallystick audit")

    def close(self) -> None:
        self.chain.close()

    def begin(self, chain_id: str, powers: Mapping[str, int]) -> bytes:
        """The app hash before the first block; the engine may ask twice. Raises `Refused` (`other-network`)."""
        try:
            known = powers_of(self.chain.state)
        finally:
            self.chain.rest()
        if chain_id != chain_id_of(self._network) or dict(powers) != known:
            message = "the engine was begun for another network, or with other validators than genesis names"
            raise Refused("other-network", message, hint="remove the engine's data; the node writes its genesis file itself")
        if self.position.height != 0:
            message = "the engine begins anew, and this ledger has its blocks already"
            raise Refused("engine-behind", message, hint="see in the manual: a validator is lost")
        return self.position.app_hash

    def check(self, raw: bytes, now_ms: int) -> Admitted:
        """Whether a transaction may wait for a block. Raises `InputError` or `Refused` with an admission code.

        A record that names a header above this replica's comes from a node that is ahead: whether it holds is seen by those who propose
        and execute it, and by `recheck`, which takes it but once.
        """
        chain = self.chain
        try:
            try:
                return self._admit(raw, now_ms, self._verified, chain.header_hash)
            except Refused as refused:
                seen = parse(raw).core["seen"]
                if refused.code != "unknown-seen" or seen["height"] <= chain.head.height or sha256(raw).digest() in self._strange:
                    raise
                return self._admit(raw, now_ms, self._verified, lambda _: str(seen["hash"]))
        finally:
            chain.rest()

    def recheck(self, raw: bytes, now_ms: int) -> Admitted:
        """Whether a transaction that waited through a block may wait on: only what could stand in the next one, for the engine makes blocks
        as long as anything waits. Signatures are not looked at again. Raises as `check`.
        """
        try:
            return self._admit(raw, now_ms, _UNLOOKED, self.chain.header_hash)
        except Refused as refused:
            if refused.code == "unknown-seen":
                self._keep_out(raw)
            raise
        finally:
            self.chain.rest()

    def _keep_out(self, raw: bytes) -> None:
        """A record of a header that did not come with the next block: else it waits, and has blocks made, as often as it is sent."""
        while len(self._strange) >= QUEUE_RECORDS_MAX:
            del self._strange[next(iter(self._strange))]
        self._strange[sha256(raw).digest()] = None

    def names_newer(self, raw: bytes) -> bool:
        """Whether a record names a header above this replica's, so that others may know it."""
        return int(parse(raw).core["seen"]["height"]) > self.chain.head.height

    def _admit(self, raw: bytes, now_ms: int, verified: VerifiedSignatures, header_hash: Callable[[int], str | None]) -> Admitted:
        chain, time_ms = self.chain, max(self.position.time_ms, now_ms)
        rules = ruleset_at(chain.state, time_ms, self._rulebook)
        place = Place(self._network, time_ms, chain.head.log_size + 1, header_hash)
        return admit(raw, place, Overlay(chain.state), chain.guard, rules, verified)

    def prepare(self, height: int, time_ms: int, candidates: Sequence[bytes], bytes_max: int) -> list[bytes]:
        """The transactions of a proposal: those of the candidates that can be authenticated, in their order, as many as fit."""
        fitting = _fitting(candidates, min(bytes_max, BLOCK_BYTES_MAX))
        execution = self._execute(height, time_ms, fitting)
        outcomes = execution.outcomes
        kept = [raw for raw, outcome in zip(fitting, outcomes, strict=True) if isinstance(outcome, Accepted)]
        accepted = tuple(outcome for outcome in outcomes if isinstance(outcome, Accepted))
        # What was dropped left nothing, so the rest comes to the same without it.
        self._remember(height, time_ms, kept, replace(execution, outcomes=accepted))
        return kept

    def process(self, height: int, time_ms: int, transactions: Sequence[bytes]) -> str | None:
        """Why a proposal is refused, or None: more than a block may hold, or a transaction that leaves nothing."""
        if len(transactions) > BLOCK_RECORDS_MAX or sum(map(len, transactions)) > BLOCK_BYTES_MAX:
            return "oversize"
        if height != self.position.height + 1 or time_ms <= self.chain.head.time_ms:
            return "out-of-order"
        for outcome in self._execute(height, time_ms, transactions).outcomes:
            if not isinstance(outcome, Accepted):
                return outcome.code
        return None

    def finalize(self, height: int, time_ms: int, transactions: Sequence[bytes], misbehavior: Sequence[Misbehavior] = ()) -> Finalized:
        """What a decided block leads to. Raises `Refused` (`rules-missing`), and
        `VerificationFailed` (`out-of-order`) for a block that no engine may send.
        """
        if height != self.position.height + 1:
            raise VerificationFailed("out-of-order", f"the engine decided height {height} after {self.position.height}")
        execution = self._execute(height, time_ms, transactions)
        app_hash = self.position.app_hash if execution.header is None else execution.log_root
        seen = (*self.position.misbehavior, *misbehavior)[-MISBEHAVIOR_KEPT:]
        self._decided = Position(height, time_ms, app_hash, seen), execution
        return Finalized(execution, app_hash, *self._powers(execution))

    def _powers(self, execution: Execution) -> tuple[dict[str, int], dict[str, int]]:
        changes = execution.state_changes or {}
        if STATE_KEY not in changes:
            return {}, {}
        try:
            return powers_of(self.chain.state), powers_in(changes[STATE_KEY])
        finally:
            self.chain.rest()

    def commit(self) -> None:
        """Makes the decided block durable, in one transaction, and moves on. After a failure, `forget` and `recover`: a server may
        have stored it all the same.
        """
        if self._decided is None:
            raise VerificationFailed("out-of-order", "the engine commits a block that it has not decided")
        position, execution = self._decided
        if execution.header is None:
            self.chain.note(lambda connection: write_position(connection, position))
        else:
            self.chain.commit(execution, None, lambda connection: write_position(connection, position))
        self.position, self._decided = position, None
        self._executions.clear()
        self._on_commit(position, execution)

    def forget(self) -> None:
        """After any fault: a block that was decided and not committed is let go, and what is durable is in doubt."""
        self._decided, self._doubted = None, True

    def recover(self) -> None:
        """Before an engine is told where the ledger stands: after a fault that is read anew. Else nothing is in doubt, and a decided block
        waits for its commit: it may be somebody curious who asks, and an engine that starts decides such a block again.
        """
        if self._doubted:
            self._reopen()

    def _reopen(self) -> None:
        self.chain.close()
        self._executions.clear()
        self._open()
        self._doubted = False

    def restoring(self, engine_height: int, app_hash: bytes) -> Restoring:
        """A snapshot begins to come in, of a height whose app hash the consortium signed; `restored` is told when all of it is there."""
        return Restoring(self._store, self._genesis, self._rulebook, engine_height, app_hash)

    def restored(self, restoring: Restoring) -> None:
        """Makes a snapshot durable and stands where it ends. Raises as `Restoring.finish`."""

        def place(connection: Connection, head: Header) -> None:
            write_position(connection, Position(head.engine_height, head.time_ms, restoring.log_root, self.position.misbehavior))

        restoring.finish(place)
        self.forget()
        self._reopen()

    def _execute(self, height: int, time_ms: int, transactions: Sequence[bytes]) -> Execution:
        key = (height, time_ms, _digest(transactions))
        known = self._executions.get(key)
        if known is not None:
            return known
        block = Block(height, time_ms, transactions)
        if not in_order(self.chain.head, block):
            raise VerificationFailed("out-of-order", "a block of the engine is not later than the one before")
        try:
            execution = execute(self.chain, block, self._rulebook, self._verified)
        finally:
            self.chain.rest()
        self._keep(key, execution)
        return execution

    def _remember(self, height: int, time_ms: int, transactions: Sequence[bytes], execution: Execution) -> None:
        self._keep((height, time_ms, _digest(transactions)), execution)

    def _keep(self, key: tuple[int, int, bytes], execution: Execution) -> None:
        while len(self._executions) >= _EXECUTIONS_KEPT:
            del self._executions[next(iter(self._executions))]
        self._executions[key] = execution


def _digest(transactions: Sequence[bytes]) -> bytes:
    """Of a list of transactions: the hash of their hashes, so that where one ends and the next begins is part of it."""
    return sha256(b"".join(sha256(raw).digest() for raw in transactions)).digest()


def _fitting(candidates: Sequence[bytes], bytes_max: int) -> list[bytes]:
    fitting, size = [], 0
    for raw in candidates[:BLOCK_RECORDS_MAX]:
        size += len(raw) + _TX_OVERHEAD_BYTES
        if size > bytes_max:
            break
        fitting.append(raw)
    return fitting


# What the engine's encoding of a block adds to a transaction at the most: a tag and a length.
_TX_OVERHEAD_BYTES: Final = 6
