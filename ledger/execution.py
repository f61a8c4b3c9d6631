"""`execute(chain, block)`: a pure function from a chain and an ordered list of transactions to everything that follows from them.

It reads no clock, no randomness, no database of its own and no sealed part; the same chain and block give the same bytes on every
machine. Nothing is written here: an engine makes the `Execution` durable in one transaction and only then moves the chain on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from ledger import canonical, keyring, log_tree, state_tree
from ledger.admission import Admitted, Place, VerifiedSignatures, admit, policy_value
from ledger.errors import InputError, Refused
from ledger.header import NO_PREVIOUS, Header, genesis_leaf, network_of, record_leaf
from ledger.record import Record
from ledger.replay_guard import ReplayGuard, entry_key
from ledger.rules import Context, Rulebook, Ruleset
from ledger.state import EmptyState, Overlay, StateReader


class Chain(Protocol):
    """The chain as it stands before a block."""

    @property
    def head(self) -> Header: ...

    @property
    def frontier(self) -> Sequence[bytes]:
        """The log's complete subtrees, after the head's own leaf."""
        ...

    @property
    def state(self) -> StateReader: ...

    @property
    def pages(self) -> state_tree.PageReader: ...

    @property
    def known(self) -> state_tree.KnownNodes:
        """What is remembered of the pages, for speed."""
        ...

    @property
    def guard(self) -> ReplayGuard: ...

    def header_hash(self, height: int) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Block:
    """What an engine ordered: transactions and the time they are judged by. `engine_height` counts the engine's own blocks."""

    engine_height: int
    time_ms: int
    transactions: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record that is on the ledger, with its result."""

    record: Record
    result: Mapping[str, Any]
    log_index: int
    position: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A transaction that left nothing: the code and message for its sender."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Execution:
    """What a block does. `header` is None where no record was authenticated: then nothing changes at all."""

    outcomes: tuple[Accepted | Dropped, ...]
    header: Header | None
    leaves: tuple[bytes, ...] = ()
    first_log_index: int = 0
    log_nodes: tuple[tuple[int, int, bytes], ...] = ()
    frontier: tuple[bytes, ...] = ()
    state_changes: Mapping[str, bytes | None] | None = None
    page_changes: Mapping[str, bytes | None] | None = None
    seen_pruned: tuple[int, ...] = ()
    seen_entry: Any = None

    @property
    def log_size(self) -> int:
        """The size of the log after the header's leaf."""
        return self.first_log_index + len(self.leaves)

    @property
    def log_root(self) -> bytes:
        """The root of the log after the header's leaf: what a checkpoint covers."""
        return log_tree.root(self.log_size, self.frontier)


# A fault in a rule is the same on every node. It ends the record that met it, and not the ledger: one record must not be able to stop
# every other. Nothing of the fault's text may reach the result.
RULES_FAULT: Final = "rules-fault"
_FAULT: Final = canonical.encode({"code": RULES_FAULT})
_FAULTS: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, InputError)


def in_order(head: Header, block: Block) -> bool:
    """Whether a block may stand after this head: its time and its engine height must be greater."""
    return block.time_ms > head.time_ms and block.engine_height > head.engine_height


def rules_listed(state: StateReader) -> list[tuple[int, int]]:
    """Every version that governs, did or will: (the time in ms that it starts at, version), in their order. They stand in the state entry
    `rules`.
    """
    data = state.get_bytes("rules")
    assert data is not None, "genesis writes the rules in force"
    return sorted((int(entry["at"]), int(entry["version"])) for entry in canonical.decode(data))


def rules_in_force(state: StateReader, time_ms: int) -> int:
    """The rules version that governs a block of that time: the latest to start."""
    return max(started for started in rules_listed(state) if started[0] <= time_ms)[1]


def ruleset_at(state: StateReader, time_ms: int, rulebook: Rulebook) -> Ruleset:
    """The rules that govern a block of that time. Raises `Refused` (`rules-missing`) where this node has no code for them."""
    version = rules_in_force(state, time_ms)
    rules = rulebook.get(version)
    if rules is None:
        known = ", ".join(str(each) for each in sorted(rulebook))
        hint = "upgrade this node's program, and it goes on where it stopped: nothing was written"
        raise Refused("rules-missing", f"rules version {version} is in force, and this program has only {known}", hint=hint)
    return rules


def execute_genesis(genesis: Mapping[str, Any], rulebook: Rulebook) -> Execution:
    """The block at height 0: the genesis document as leaf 0, the first state, and the first header.

    Raises `InputError` (`bad-genesis`) for a document that does not begin a ledger under these rules.
    """
    version, time_ms = genesis.get("rules"), genesis.get("time")
    if type(version) is not int or type(time_ms) is not int or version not in rulebook:
        raise InputError("bad-genesis", "the genesis document names no time, or rules that this software does not have")
    overlay = Overlay(EmptyState())
    overlay.put("rules", [{"at": 0, "version": version}])
    try:
        rulebook[version].genesis(overlay, genesis["application"], time_ms)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError("bad-genesis", "the rules cannot begin with the application part of the genesis document") from error
    opening = _Opening(network_of(genesis), 0, 0, time_ms, NO_PREVIOUS, version)
    return _close(overlay, _NoPages(), state_tree.KnownNodes(), [genesis_leaf(genesis)], [], 0, (), opening)


def execute(chain: Chain, block: Block, rulebook: Rulebook, verified: VerifiedSignatures) -> Execution:
    """Runs a block that is `in_order`. Raises `Refused` (`rules-missing`) where this node has no code for the rules in force."""
    head = chain.head
    assert in_order(head, block), "whoever orders blocks keeps time and engine height growing"
    rules = ruleset_at(chain.state, block.time_ms, rulebook)
    overlay = Overlay(chain.state)
    begin_block(overlay, rules, block.time_ms)
    run = _Run(chain, block, rules, overlay, verified)
    pruned = chain.guard.prune(overlay, block.time_ms)
    outcomes = tuple(run.one(raw) for raw in block.transactions)
    accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
    if not accepted:
        return Execution(outcomes, None)
    height = head.height + 1
    seen = {"ids": [a.record.id for a in accepted], "until": max(a.record.core["not_after"] for a in accepted)}
    overlay.put(entry_key(height), seen)
    opening = _Opening(head.network, height, block.engine_height, block.time_ms, head.hash, rules.version)
    return _close(overlay, chain.pages, chain.known, run.leaves, outcomes, head.log_size + 1, chain.frontier, opening, tuple(pruned), seen)


def begin_block(overlay: Overlay, rules: Ruleset, time_ms: int) -> None:
    """Does what the rules have due at a block's time, in a layer of its own: a fault of theirs drops all of it, and not the block."""
    layer = Overlay(overlay)
    try:
        if rules.begin_block is not None:
            rules.begin_block(layer, time_ms)
    except _FAULTS:
        return
    layer.merge_into(overlay)


@dataclass(frozen=True, slots=True)
class _Opening:
    network: str
    height: int
    engine_height: int
    time_ms: int
    previous: str
    rules: int


class _NoPages:
    def page(self, prefix: str) -> bytes | None:
        return None


class _Run:
    """The records of one block, one after the other."""

    def __init__(self, chain: Chain, block: Block, rules: Ruleset, overlay: Overlay, verified: VerifiedSignatures) -> None:
        self._chain, self._block, self._rules, self._overlay, self._verified = chain, block, rules, overlay, verified
        self._first = chain.head.log_size + 1
        self.leaves: list[bytes] = []
        self._ids: set[str] = set()
        self._used: dict[str | None, int] = {}
        self._quota = int(policy_value(overlay, "records_per_member_block"))

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._ids or record_id in self._chain.guard

    def one(self, raw: bytes) -> Accepted | Dropped:
        position = len(self._ids)
        place = Place(self._chain.head.network, self._block.time_ms, self._first + position, self._chain.header_hash)
        try:
            admitted = admit(raw, place, self._overlay, self, self._rules, self._verified)
        except (InputError, Refused) as error:
            return Dropped(error.code, error.message)
        used = self._used.get(admitted.payer, 0)
        if used >= self._quota:
            return Dropped("quota-exceeded", "the member that pays for the record has used its quota of this block")
        self._used[admitted.payer] = used + 1
        result = self._handle(admitted, place, position)
        self._ids.add(admitted.record.id)
        self.leaves.append(record_leaf(admitted.record, result))
        # What is answered is what is stored: values as JSON gives them back, not for instance a tuple for a list.
        return Accepted(admitted.record, orjson.loads(result), place.log_index, position)

    def _handle(self, admitted: Admitted, place: Place, position: int) -> bytes:
        """The record's result in canonical JSON."""
        context = Context(
            network=place.network,
            record_id=admitted.record.id,
            type=admitted.kind.name,
            height=self._chain.head.height + 1,
            position=position,
            log_index=place.log_index,
            time_ms=place.time_ms,
            signers=admitted.signers,
            sealed_parts=frozenset(admitted.record.core["sealed"]),
        )
        layer = Overlay(self._overlay)
        try:
            result = admitted.kind.handle(layer, context, admitted.body).to_json()
            encoded = canonical.encode(result)
            if result["code"] == "ok":
                self._register_one_time_key(admitted, layer, place.log_index)
                layer.merge_into(self._overlay)
        except _FAULTS:
            return _FAULT
        return encoded

    def _register_one_time_key(self, admitted: Admitted, layer: Overlay, log_index: int) -> None:
        if admitted.kind.one_time_key is not None:
            key = admitted.kind.one_time_key(admitted.body)
            fresh = keyring.register(layer, key, member=None, purpose="once", person=None, added_at=log_index, object_id=admitted.record.id)
            assert fresh, "admission refuses a one-time key that is registered already"


def _close(
    overlay: Overlay,
    pages: state_tree.PageReader,
    known: state_tree.KnownNodes,
    leaves: list[bytes],
    outcomes: Sequence[Accepted | Dropped],
    first_log_index: int,
    frontier: Sequence[bytes],
    opening: _Opening,
    pruned: tuple[int, ...] = (),
    seen: Any = None,
) -> Execution:
    updated = state_tree.update(pages, overlay.changes, known)
    before = log_tree.append(first_log_index, frontier, [log_tree.leaf_hash(leaf) for leaf in leaves])
    header = Header(
        network=opening.network,
        height=opening.height,
        engine_height=opening.engine_height,
        time_ms=opening.time_ms,
        previous=opening.previous,
        log_size=before.size,
        log_root=log_tree.root(before.size, before.frontier).hex(),
        state_root=updated.root.hex(),
        rules=opening.rules,
    )
    after = log_tree.append(before.size, before.frontier, [log_tree.leaf_hash(header.leaf)])
    return Execution(
        outcomes=tuple(outcomes),
        header=header,
        leaves=(*leaves, header.leaf),
        first_log_index=first_log_index,
        log_nodes=(*before.nodes, *after.nodes),
        frontier=tuple(after.frontier),
        state_changes=dict(sorted(overlay.changes.items())),
        page_changes=updated.pages,
        seen_pruned=pruned,
        seen_entry=seen,
    )
