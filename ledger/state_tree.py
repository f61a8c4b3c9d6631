"""The state tree: a compact sparse Merkle tree over a key-value state, which proves what is there and what is not.

A key's place is its path, SHA-256 of the key in UTF-8, most significant bit first, 0 to the left. The hash rules and the stored form are
those of `ledger.state_page`; since a subtree with one leaf is that leaf, the tree is about log2(n) deep, and its root depends on the set of
keys and values alone, never on the order or history of changes. Pages are named by the hex digits of the path that lead to them.
`update` reads and writes each page on the way to a changed key once.

Checking a proof needs only the root. There is exactly one proof for a key under an honest root, and verifiers refuse any that a correct
prover does not make; they never raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from ledger.errors import InputError
from ledger.hashing import HASH_BYTES
from ledger.limits import STATE_PROOF_SIBLINGS_MAX
from ledger.state_page import (
    BARE,
    EMPTY,
    HEX_DIGITS,
    LEVELS,
    SLOTS,
    KnownNodes,
    Leaf,
    Nodes,
    Slot,
    changed_nodes,
    damaged,
    decode,
    encode,
    inner_hash,
    leaf_hash,
    nodes_of,
    page_root,
)

__all__ = [
    "EMPTY",
    "JointProof",
    "KnownNodes",
    "Leaf",
    "PageReader",
    "StateProof",
    "Updated",
    "path_of",
    "prove",
    "prove_together",
    "root",
    "update",
    "verify_absence",
    "verify_presence",
]

# A change at a path, and the slot that it asks for: a leaf, or nothing for a deletion.
_Change = tuple[bytes, Slot]


class PageReader(Protocol):
    """Where the pages of one version of the tree are kept."""

    def page(self, prefix: str) -> bytes | None:
        """The stored page at this prefix ("" is the root page), or None if the tree has none there."""


@dataclass(frozen=True)
class Updated:
    """The root after an update, and the pages that it changed by prefix, sorted; None for a page that is no longer there."""

    root: bytes
    pages: dict[str, bytes | None]


@dataclass(frozen=True)
class StateProof:
    """The siblings on the way down from the root, and what stands at the end of the way.

    `terminal` is the key's own leaf (presence), another leaf whose path begins alike (absence), or None for nothing (absence).
    """

    siblings: tuple[bytes, ...]
    terminal: Leaf | None


@dataclass(frozen=True)
class JointProof:
    """One proof for several keys: of each the depth at which the way to it ends, and the leaf there, as `StateProof.terminal`; and the
    hashes that lead from all of these to the root, each once: those of the deepest level first, and of one level from left to right.
    """

    ends: tuple[tuple[int, Leaf | None], ...]
    siblings: tuple[bytes, ...]


def path_of(key: str) -> bytes:
    """The 32-byte place of a key in the tree. Raises `InputError` (`bad-state-key`) for a key that UTF-8 does not hold."""
    path = _path_or_none(key)
    if path is None:
        raise InputError("bad-state-key", "a state key must be a string of valid Unicode")
    return path


def root(reader: PageReader) -> bytes:
    """The root of the tree; 32 zero bytes if it is empty."""
    slots = _read(reader, "")
    return EMPTY if slots is None else page_root(slots)


def update(reader: PageReader, changes: Mapping[str, bytes | None], known: KnownNodes | None = None) -> Updated:
    """Set each key to its value, or delete it where the value is None; deleting what is not there changes nothing.

    `known` saves work and changes nothing else. Raises `VerificationFailed` (`page-damaged`) if a stored page on the way is not right,
    `InputError` (`bad-state-key`).
    """
    work = _Update(reader, KnownNodes() if known is None else known)
    top = work.apply("", work.nodes(""), sorted([_change(key, value) for key, value in changes.items()]))
    return Updated(top or EMPTY, dict(sorted(work.pages.items())))


def _change(key: str, value: bytes | None) -> _Change:
    path = path_of(key)
    return path, b"" if value is None else path + sha256(value).digest()


class _Update:
    """One update: the pages that it read and, in `pages`, those that it changed."""

    def __init__(self, reader: PageReader, known: KnownNodes) -> None:
        self._reader, self._known = reader, known
        self.pages: dict[str, bytes | None] = {}

    def nodes(self, prefix: str) -> Nodes | None:
        """The stored page at this prefix."""
        data = self._reader.page(prefix)
        if data is None:
            return None
        nodes = self._known.get(prefix, data)
        if nodes is None:
            nodes = nodes_of(decode(prefix, data))
            self._known.put(prefix, data, nodes)
        return nodes

    def apply(self, prefix: str, stored: Nodes | None, changes: list[_Change]) -> Slot:
        """Apply changes, sorted by path, to the page at `prefix`; what the parent's slot must hold afterwards.

        A page left with one leaf and no child is given up, and its leaf moves into the parent: that keeps the tree canonical.
        """
        before = BARE if stored is None else stored
        changed: dict[int, Slot] = {}
        for index, group in _by_digit(changes, len(prefix)):
            slot = before.slots[index]
            if len(slot) == HASH_BYTES:
                after = self._below(prefix + HEX_DIGITS[index], group)
            elif len(group) == 1 and (not slot or slot.startswith(group[0][0])):
                after = group[0][1]  # so it is with most changes: a new leaf at an empty place, or a new value of a leaf
            else:
                after = self._grow(prefix + HEX_DIGITS[index], slot, group)
            if after != slot:
                changed[index] = after
        nodes = changed_nodes(before, changed) if changed else before
        if nodes.leaves[1] == 0 or (prefix and nodes.leaves[1] == 1):
            if stored is not None:
                self.pages[prefix] = None
            return b"".join(nodes.slots)
        if changed:
            data = self.pages[prefix] = encode(nodes.slots)
            self._known.put(prefix, data, nodes)
        return nodes.hashes[1]

    def _below(self, prefix: str, changes: list[_Change]) -> Slot:
        """Apply changes to a child page, which its parent says is there."""
        child = self.nodes(prefix)
        if child is None:
            raise damaged(prefix, "its parent has it, and it is missing")
        return self.apply(prefix, child, changes)

    def _grow(self, below: str, leaf: Slot, changes: list[_Change]) -> Slot:
        """Apply changes where there is one leaf or none: with two leaves or more afterwards, new pages are made."""
        slots = {leaf[:HASH_BYTES]: leaf}
        slots.update(changes)
        present = sorted((path, slot) for path, slot in slots.items() if slot)
        return self.apply(below, None, present) if len(present) > 1 else present[0][1] if present else b""


def _by_digit(changes: list[_Change], place: int) -> Iterator[tuple[int, list[_Change]]]:
    """Changes, sorted by path, in groups that have the same hex digit at a place."""
    byte, shift = place >> 1, 0 if place & 1 else 4
    first, digit = 0, changes[0][0][byte] >> shift & 15 if changes else 0
    for end in range(1, len(changes)):
        following = changes[end][0][byte] >> shift & 15
        if following != digit:
            yield digit, changes[first:end]
            first, digit = end, following
    if changes:
        yield digit, changes[first:]


def prove(reader: PageReader, key: str) -> StateProof:
    """The proof of what the tree holds at a key, or that it holds nothing there.

    Raises `InputError` (`bad-state-key`), and `VerificationFailed` (`page-damaged`), also where a page does not have the hash that its
    parent gives: so what is proven hangs together with the root page.
    """
    path = path_of(key)
    siblings: list[bytes] = []
    digits, prefix, slots = path.hex(), "", _read(reader, "")
    nodes = None if slots is None else nodes_of(slots)
    while nodes is not None:
        node, digit = 1, int(digits[len(prefix)], 16)
        for level in range(LEVELS, -1, -1):
            if nodes.leaves[node] <= 1:
                first = (node << level) - SLOTS
                return StateProof(tuple(siblings), _only_leaf(nodes.slots[first : first + (1 << level)]))
            if level > 0:
                node = 2 * node + (digit >> (level - 1) & 1)
                siblings.append(nodes.hashes[node ^ 1])
        prefix, expected = prefix + HEX_DIGITS[digit], nodes.slots[digit]
        nodes = nodes_of(_read_child(reader, prefix))
        if nodes.hashes[1] != expected:
            raise damaged(prefix, "it does not have the hash that its parent gives")
    return StateProof((), None)


def prove_together(reader: PageReader, keys: Sequence[str]) -> JointProof:
    """One proof for several keys. Raises as `prove`."""
    ends: list[tuple[int, Leaf | None]] = []
    ways: set[str] = set()
    known: dict[str, bytes] = {}
    for key in keys:
        proof, bits = prove(reader, key), f"{int.from_bytes(path_of(key)):0{8 * HASH_BYTES}b}"
        depth = len(proof.siblings)
        ends.append((depth, proof.terminal))
        ways.add(bits[:depth])
        for level, sibling in enumerate(proof.siblings):
            known[bits[:level] + ("1" if bits[level] == "0" else "0")] = sibling
    siblings: list[bytes] = []
    for depth in range(max(map(len, ways), default=0), 0, -1):
        for above in sorted({way[:-1] for way in ways if len(way) == depth}):
            siblings += [known[way] for way in (above + "0", above + "1") if way not in ways]
            ways.add(above)
    return JointProof(tuple(ends), tuple(siblings))


def verify_presence(tree_root: bytes, key: str, value: bytes, proof: StateProof) -> bool:
    """Whether the proof shows that the tree with this root holds exactly this value at the key."""
    path = _path_or_none(key)
    if path is None or type(value) is not bytes or not _is_canonical(proof) or not _is_hash(tree_root):
        return False
    return proof.terminal == Leaf(path, sha256(value).digest()) and _climb(path, proof) == tree_root


def verify_absence(tree_root: bytes, key: str, proof: StateProof) -> bool:
    """Whether the proof shows that the tree with this root holds nothing at the key."""
    path = _path_or_none(key)
    if path is None or not _is_canonical(proof) or not _is_hash(tree_root):
        return False
    other = proof.terminal
    if other is not None and (other.path == path or _shared_bits(other.path, path) < len(proof.siblings)):
        return False
    return _climb(path, proof) == tree_root


def _climb(path: bytes, proof: StateProof) -> bytes:
    """The root that a proof leads to."""
    value = EMPTY if proof.terminal is None else leaf_hash(*proof.terminal)
    bits = int.from_bytes(path, "big")
    for depth in range(len(proof.siblings) - 1, -1, -1):
        sibling = proof.siblings[depth]
        value = inner_hash(sibling, value) if bits >> (8 * HASH_BYTES - 1 - depth) & 1 else inner_hash(value, sibling)
    return value


def _is_canonical(proof: Any) -> bool:
    """Whether a proof is well-formed and ends where a correct prover stops: never beside an empty subtree, which would have been folded."""
    if type(proof) is not StateProof or type(proof.siblings) is not tuple or len(proof.siblings) > STATE_PROOF_SIBLINGS_MAX:
        return False
    leaf = proof.terminal
    if leaf is not None and not (type(leaf) is Leaf and _is_hash(leaf.path) and _is_hash(leaf.value_hash)):
        return False
    return all(_is_hash(sibling) for sibling in proof.siblings) and (not proof.siblings or proof.siblings[-1] != EMPTY)


def _read(reader: PageReader, prefix: str) -> list[Slot] | None:
    data = reader.page(prefix)
    return None if data is None else decode(prefix, data)


def _read_child(reader: PageReader, prefix: str) -> list[Slot]:
    slots = _read(reader, prefix)
    if slots is None:
        raise damaged(prefix, "its parent has it, and it is missing")
    return slots


def _only_leaf(slots: Sequence[Slot]) -> Leaf | None:
    return next((Leaf(slot[:HASH_BYTES], slot[HASH_BYTES:]) for slot in slots if slot), None)


def _shared_bits(left: bytes, right: bytes) -> int:
    return 8 * HASH_BYTES - (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).bit_length()


def _path_or_none(key: Any) -> bytes | None:
    if type(key) is not str:
        return None
    try:
        return sha256(key.encode()).digest()
    except UnicodeEncodeError:
        return None


def _is_hash(value: Any) -> bool:
    return type(value) is bytes and len(value) == HASH_BYTES
