"""One page of the state tree: four levels of it in one stored value, and the hash rules of the whole tree.

A page has sixteen slots, one for each next hex digit of the path. A slot is empty, holds one leaf, or holds the root hash of a child
page, which has at least two leaves below it. Hashes: a leaf is SHA-256(0x02 || path || value hash), an inner node
SHA-256(0x03 || left || right), an empty subtree 32 zero bytes, and a subtree with exactly one leaf is that leaf's hash.

Stored form, the only one accepted: two bytes that say which slots hold a leaf (slot 0 is the lowest bit), two bytes that say which hold a
child, both big-endian, then in the order of the slots 64 bytes for a leaf (path, value hash) or 32 bytes for a child.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
# The nodes above each slot, in the heap of a page's nodes.
_ABOVE: Final = [[SLOTS + index >> level for level in range(1, LEVELS + 1)] for index in range(SLOTS)]

# What a slot holds is kept as it is stored, for speed: no bytes, the 64 of a leaf (path, value hash), or the 32 of a child page's root.
Slot = bytes


class Leaf(NamedTuple):
    """A key's path (SHA-256 of the key) and the SHA-256 of its value, 32 bytes each."""

    path: bytes
    value_hash: bytes


class Nodes(NamedTuple):
    """The slots of a page, and all of its nodes as a heap: node 1 is its root, 2n and 2n + 1 are the children of n, and slot i is node
    16 + i. For each node its hash, and how many leaves it has as far as the hash rules care: 0, 1, or 2 for more than one.

    Thousands are kept, in tuples and bytes: Python's garbage collector need not look through these, as it would through lists.
    """

    slots: tuple[Slot, ...]
    hashes: tuple[bytes, ...]
    leaves: bytes


def leaf_hash(path: bytes, value_hash: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x02" + path + value_hash).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two leaves or more below it."""
    return sha256(b"\x03" + left + right).digest()


def nodes_of(slots: Sequence[Slot]) -> Nodes:
    """Every node of a page, from its sixteen slots."""
    return changed_nodes(BARE, {index: slot for index, slot in enumerate(slots) if slot})


def changed_nodes(nodes: Nodes, changes: Mapping[int, Slot]) -> Nodes:
    """The nodes of a page after some of its slots were changed: only those above the changed ones are hashed anew.

    This is where most of an update's time goes, hence the hashing in place.
    """
    slots, hashes, leaves = list(nodes.slots), list(nodes.hashes), bytearray(nodes.leaves)
    above: set[int] = set()
    for index, slot in changes.items():
        slots[index] = slot
        if len(slot) == LEAF_BYTES:
            hashes[SLOTS + index], leaves[SLOTS + index] = sha256(b"\x02" + slot).digest(), 1
        else:
            hashes[SLOTS + index], leaves[SLOTS + index] = (slot, 2) if slot else (EMPTY, 0)
        above.update(_ABOVE[index])
    for node in sorted(above, reverse=True):  # so that children come before their parents
        left = 2 * node
        count = leaves[left] + leaves[left + 1]
        if count > 1:
            hashes[node], leaves[node] = sha256(b"\x03" + hashes[left] + hashes[left + 1]).digest(), 2
        else:
            hashes[node], leaves[node] = hashes[left if leaves[left] else left + 1], count
    return Nodes(tuple(slots), tuple(hashes), bytes(leaves))


BARE: Final = Nodes((b"",) * SLOTS, (EMPTY,) * (2 * SLOTS), bytes(2 * SLOTS))
# Enough for the upper pages of a large tree and those that were changed in the blocks before.
KNOWN_PAGES: Final = 4_096


class KnownNodes:
    """The nodes of pages that were met lately, by prefix and bytes: a page has no others, so nothing here can be out of date.

    For whoever updates a tree again and again: of a page that is known, only what lies above a change is hashed. Two generations, as in
    `ledger.cache`, with `pages_max` pages in all, some 3 KB each. Not for use by two threads at once.
    """

    def __init__(self, pages_max: int = KNOWN_PAGES) -> None:
        self._half = pages_max // 2
        self._young: dict[tuple[str, bytes], Nodes] = {}
        self._old: dict[tuple[str, bytes], Nodes] = {}

    def get(self, prefix: str, data: bytes) -> Nodes | None:
        """The nodes of a page that was decoded at this prefix before."""
        found = self._young.get((prefix, data))
        if found is None and (found := self._old.get((prefix, data))) is not None:
            self.put(prefix, data, found)
        return found

    def put(self, prefix: str, data: bytes, nodes: Nodes) -> None:
        """Remembers the nodes of a page. Nobody may change them from here on."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[prefix, data] = nodes


def page_root(slots: Sequence[Slot]) -> bytes:
    """The hash of the subtree that a page stands for."""
    return nodes_of(slots).hashes[1]


def encode(slots: Sequence[Slot]) -> bytes:
    """The stored form of a page."""
    leaf_bits = child_bits = 0
    for index, slot in enumerate(slots):
        if slot:
            if len(slot) == LEAF_BYTES:
                leaf_bits |= 1 << index
            else:
                child_bits |= 1 << index
    return (leaf_bits << 16 | child_bits).to_bytes(_HEAD_BYTES, "big") + b"".join(slots)


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
    enough = digits + 1 >> 1
    for index in range(SLOTS):
        if leaf_bits >> index & 1:
            slot = data[offset : offset + LEAF_BYTES]
            if slot[:enough].hex()[:digits] != prefix + HEX_DIGITS[index]:
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
