"""One page of the state tree: four levels of it in one stored value, and the hash rules of the whole tree.

A page has sixteen slots, one for each next hex digit of the path. A slot is empty, holds one leaf, or holds the root hash of a child
page, which has at least two leaves below it. Hashes: a leaf is SHA-256(0x02 || path || value hash), an inner node
SHA-256(0x03 || left || right), an empty subtree 32 zero bytes, and a subtree with exactly one leaf is that leaf's hash.

Stored form, the only one accepted: two bytes that say which slots hold a leaf (slot 0 is the lowest bit), two bytes that say which hold a
child, both big-endian, then in the order of the slots 64 bytes for a leaf (path, value hash) or 32 bytes for a child.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.errors import VerificationFailed
from ledger.hashing import HASH_BYTES

EMPTY: Final = bytes(HASH_BYTES)
PATH_DIGITS: Final = 2 * HASH_BYTES
LEVELS: Final = 4
SLOTS: Final = 1 << LEVELS
_HEAD_BYTES: Final = 4


class Leaf(NamedTuple):
    """A key's path (SHA-256 of the key) and the SHA-256 of its value, 32 bytes each."""

    path: bytes
    value_hash: bytes


# What a slot holds: nothing, a leaf, or the root hash of a child page.
Slot = Leaf | bytes | None

# A subtree's hash, and how many leaves it has as far as the hash rules care: 0, 1, or 2 for more than one.
Node = tuple[bytes, int]


def leaf_hash(leaf: Leaf) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x02" + leaf.path + leaf.value_hash).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two leaves or more below it."""
    return sha256(b"\x03" + left + right).digest()


def levels(slots: Sequence[Slot]) -> list[list[Node]]:
    """Every node of a page, from its sixteen slots (first) to its root (last)."""
    nodes: list[Node] = []
    for slot in slots:
        if slot is None:
            nodes.append((EMPTY, 0))
        elif isinstance(slot, Leaf):
            nodes.append((leaf_hash(slot), 1))
        else:
            nodes.append((slot, 2))
    result = [nodes]
    for _ in range(LEVELS):
        nodes = [_parent(nodes[left], nodes[left + 1]) for left in range(0, len(nodes), 2)]
        result.append(nodes)
    return result


def _parent(left: Node, right: Node) -> Node:
    if left[1] + right[1] < 2:
        return left if left[1] else right
    return sha256(b"\x03" + left[0] + right[0]).digest(), 2


def page_root(slots: Sequence[Slot]) -> bytes:
    """The hash of the subtree that a page stands for."""
    return levels(slots)[LEVELS][0][0]


def encode(slots: Sequence[Slot]) -> bytes:
    """The stored form of a page."""
    leaf_bits = child_bits = 0
    entries: list[bytes] = []
    for index, slot in enumerate(slots):
        if slot is None:
            continue
        if isinstance(slot, Leaf):
            leaf_bits |= 1 << index
            entries.extend(slot)
        else:
            child_bits |= 1 << index
            entries.append(slot)
    return leaf_bits.to_bytes(2, "big") + child_bits.to_bytes(2, "big") + b"".join(entries)


def decode(prefix: str, data: bytes) -> list[Slot]:
    """The sixteen slots of the page at `prefix` (hex digits of the path, "" for the root page).

    Raises `VerificationFailed` (`page-damaged`) for bytes that `encode` never makes, for a leaf that does not belong here, and for a page
    that should have been folded into its parent.
    """
    leaf_bits, child_bits = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:_HEAD_BYTES], "big")
    leaves, children = leaf_bits.bit_count(), child_bits.bit_count()
    _require(len(data) == _HEAD_BYTES + 2 * HASH_BYTES * leaves + HASH_BYTES * children, prefix, "its length is wrong")
    _require(not leaf_bits & child_bits, prefix, "a slot holds two things")
    _require(children > 0 or leaves > (1 if prefix else 0), prefix, "it holds too little to be a page")
    _require(children == 0 or len(prefix) < PATH_DIGITS - 1, prefix, "it lies too deep for a child")
    slots: list[Slot] = [None] * SLOTS
    offset, digits = _HEAD_BYTES, len(prefix) + 1
    for index in range(SLOTS):
        if leaf_bits >> index & 1:
            path = data[offset : offset + HASH_BYTES]
            _require(path.hex()[:digits] == f"{prefix}{index:x}", prefix, "a leaf lies at the wrong place")
            slots[index] = Leaf(path, data[offset + HASH_BYTES : offset + 2 * HASH_BYTES])
            offset += 2 * HASH_BYTES
        elif child_bits >> index & 1:
            child = data[offset : offset + HASH_BYTES]
            _require(child != EMPTY, prefix, "a child is empty")
            slots[index] = child
            offset += HASH_BYTES
    return slots


def _require(condition: bool, prefix: str, reason: str) -> None:
    if not condition:
        raise damaged(prefix, reason)


def damaged(prefix: str, reason: str) -> VerificationFailed:
    """The error for a stored page that cannot be right."""
    return VerificationFailed(
        "page-damaged",
        f"the state page '{prefix}' is damaged: {reason}",
        hint="Restore the database, or rebuild the state by replaying the log.",
    )
