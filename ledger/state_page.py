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
HEX_DIGITS: Final = "0123456789abcdef"
LEAF_BYTES: Final = 2 * HASH_BYTES
_HEAD_BYTES: Final = 4

# What a slot holds is kept as it is stored, for speed: no bytes, the 64 of a leaf (path, value hash), or the 32 of a child page's root.
Slot = bytes


class Leaf(NamedTuple):
    """A key's path (SHA-256 of the key) and the SHA-256 of its value, 32 bytes each."""

    path: bytes
    value_hash: bytes


class Nodes(NamedTuple):
    """Every node of a page as a heap: node 1 is its root, 2n and 2n + 1 are the children of n, and slot i is node 16 + i.

    For each its hash, and how many leaves it has as far as the hash rules care: 0, 1, or 2 for more than one.
    """

    hashes: list[bytes]
    leaves: list[int]


def leaf_hash(path: bytes, value_hash: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x02" + path + value_hash).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two leaves or more below it."""
    return sha256(b"\x03" + left + right).digest()


def nodes_of(slots: Sequence[Slot]) -> Nodes:
    """Every node of a page, from its sixteen slots. This is where most of an update's time goes, hence the hashing in place."""
    hashes, leaves = [EMPTY] * (2 * SLOTS), [0] * (2 * SLOTS)
    for node, slot in enumerate(slots, start=SLOTS):
        if len(slot) == LEAF_BYTES:
            hashes[node], leaves[node] = sha256(b"\x02" + slot).digest(), 1
        elif slot:
            hashes[node], leaves[node] = slot, 2
    for node in range(SLOTS - 1, 0, -1):
        left = 2 * node
        count = leaves[left] + leaves[left + 1]
        if count > 1:
            hashes[node], leaves[node] = sha256(b"\x03" + hashes[left] + hashes[left + 1]).digest(), 2
        elif count:
            hashes[node], leaves[node] = hashes[left if leaves[left] else left + 1], 1
    return Nodes(hashes, leaves)


def page_root(slots: Sequence[Slot]) -> bytes:
    """The hash of the subtree that a page stands for."""
    return nodes_of(slots).hashes[1]


def encode(slots: Sequence[Slot]) -> bytes:
    """The stored form of a page."""
    leaf_bits = child_bits = 0
    for index, slot in enumerate(slots):
        if len(slot) == LEAF_BYTES:
            leaf_bits |= 1 << index
        elif slot:
            child_bits |= 1 << index
    return leaf_bits.to_bytes(2, "big") + child_bits.to_bytes(2, "big") + b"".join(slots)


def decode(prefix: str, data: bytes) -> list[Slot]:
    """The sixteen slots of the page at `prefix` (hex digits of the path, "" for the root page).

    Raises `VerificationFailed` (`page-damaged`) for bytes that `encode` never makes, for a leaf that does not belong here, and for a page
    that should have been folded into its parent.
    """
    leaf_bits, child_bits = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:_HEAD_BYTES], "big")
    leaves, children = leaf_bits.bit_count(), child_bits.bit_count()
    _require(len(data) == _HEAD_BYTES + LEAF_BYTES * leaves + HASH_BYTES * children, prefix, "its length is wrong")
    _require(not leaf_bits & child_bits, prefix, "a slot holds two things")
    _require(children > 0 or leaves > (1 if prefix else 0), prefix, "it holds too little to be a page")
    _require(children == 0 or len(prefix) < PATH_DIGITS - 1, prefix, "it lies too deep for a child")
    slots: list[Slot] = [b""] * SLOTS
    offset, digits = _HEAD_BYTES, len(prefix) + 1
    for index in range(SLOTS):
        if leaf_bits >> index & 1:
            slot = data[offset : offset + LEAF_BYTES]
            if slot[:HASH_BYTES].hex()[:digits] != prefix + HEX_DIGITS[index]:
                raise damaged(prefix, "a leaf lies at the wrong place")
        elif child_bits >> index & 1:
            slot = data[offset : offset + HASH_BYTES]
            if slot == EMPTY:
                raise damaged(prefix, "a child is empty")
        else:
            continue
        slots[index] = slot
        offset += len(slot)
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
