"""The log's Merkle tree after RFC 9162, section 2.1: append, roots, inclusion and consistency proofs, and their verification.

A leaf hashes to SHA-256(0x00 || leaf), an inner node to SHA-256(0x01 || left || right), the empty tree to SHA-256 of nothing.
What is stored is the hash of every *complete* subtree: node (level, index) covers the leaves [index * 2**level, (index + 1) * 2**level),
and never changes once it exists. The *frontier* of a tree is the hashes of its maximal complete subtrees, the largest first; it is all
that appending needs. Proofs list hashes from the leaf towards the root, as the RFC does, and work at any size that the log ever had.

Provers raise `InputError` (`outside-log`) for an index or size that the log does not have. Verifiers never raise:
what is malformed is False.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from ledger.errors import InputError, VerificationFailed
from ledger.hashing import HASH_BYTES
from ledger.limits import INTEGER_MAX

EMPTY_ROOT: Final = sha256(b"").digest()


class NodeReader(Protocol):
    """Where the hashes of complete subtrees are kept."""

    def node(self, level: int, index: int) -> bytes:
        """The 32-byte hash of the complete subtree (level, index); level 0 holds the leaf hashes."""


@dataclass(frozen=True)
class Appended:
    """The tree after an append: its size and frontier, and every complete node that the append made, by level and index."""

    size: int
    frontier: tuple[bytes, ...]
    nodes: list[tuple[int, int, bytes]]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node from the hashes of its two children."""
    return sha256(b"\x01" + left + right).digest()


def position(level: int, index: int) -> int:
    """The in-order number of a node: unique over all levels and the same for ever, however far the tree grows."""
    return ((2 * index + 1) << level) - 1


def append(size: int, frontier: Sequence[bytes], leaf_hashes: Sequence[bytes]) -> Appended:
    """Append leaf hashes to a tree given by its size and frontier.

    Works a level at a time: the new nodes of a level, led by the old node that waited for a partner, pair up into the next.
    Raises `VerificationFailed` (`frontier-damaged`) if the frontier is not that of a tree of this size.
    """
    waiting = _waiting_by_level(size, frontier)
    nodes: list[tuple[int, int, bytes]] = []
    level, first, hashes = 0, size, list(leaf_hashes)
    while hashes:
        nodes.extend([(level, first + offset, value) for offset, value in enumerate(hashes)])
        if first & 1:
            hashes.insert(0, waiting.pop(level))
        if len(hashes) & 1:
            waiting[level] = hashes[-1]
        pairs = zip(hashes[0::2], hashes[1::2], strict=False)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level, first = level + 1, first >> 1
    return Appended(size + len(leaf_hashes), tuple(waiting[each] for each in sorted(waiting, reverse=True)), nodes)


def root(size: int, frontier: Sequence[bytes]) -> bytes:
    """The root of a tree given by its size and frontier. Raises `VerificationFailed` (`frontier-damaged`)."""
    _waiting_by_level(size, frontier)
    return _fold(frontier) if frontier else EMPTY_ROOT


def frontier_of(size: int, reader: NodeReader) -> tuple[bytes, ...]:
    """The frontier that the tree had at a size, read from the stored nodes."""
    _require(size >= 0, "a tree has no negative size")
    return _complete_subtrees(0, size, reader)


def root_at(size: int, reader: NodeReader) -> bytes:
    """The root that the tree had at a size, read from the stored nodes."""
    return root(size, frontier_of(size, reader))


def inclusion_proof(index: int, size: int, reader: NodeReader) -> list[bytes]:
    """The audit path (RFC 9162, 2.1.3.1) of the leaf at `index`, counted from zero, in the tree of `size` leaves."""
    return joint_inclusion_proof((index,), size, reader)


def joint_inclusion_proof(indexes: Sequence[int], size: int, reader: NodeReader) -> list[bytes]:
    """The hashes that lead from several leaves to the root of the tree of `size` leaves, each once, and none that the leaves give: those of
    the deepest level first, and of one level from left to right.
    """
    _require(bool(indexes) and all(0 <= index < size for index in indexes), "the index lies outside the tree")
    levels: list[list[tuple[int, int]]] = []
    passed = [(0, size, set(indexes))]
    while passed:
        beside: list[tuple[int, int]] = []
        below: list[tuple[int, int, set[int]]] = []
        for start, end, inside in passed:
            if end - start > 1:
                middle = start + _split(end - start)
                halves = [(start, middle, {i for i in inside if i < middle}), (middle, end, {i for i in inside if i >= middle})]
                beside += [(first, last) for first, last, found in halves if not found]
                below += [half for half in halves if half[2]]
        levels.append(beside)
        passed = below
    return [_subtree(start, end, reader) for beside in reversed(levels) for start, end in beside]


def consistency_proof(first: int, second: int, reader: NodeReader) -> list[bytes]:
    """The proof (RFC 9162, 2.1.4.1) that the tree of `second` leaves begins with that of `first`; empty if `first` is 0 or `second`."""
    _require(0 <= first <= second, "the first tree must be the smaller one")
    if first == 0:
        return []
    path: list[bytes] = []
    start, end = 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_subtree(middle, end, reader))
            end = middle
        else:
            path.append(_subtree(start, middle, reader))
            start = middle
    if start > 0:
        # The verifier knows the old root itself, but not this last part of it.
        path.append(_subtree(start, end, reader))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> bool:
    """Whether the audit path leads from this leaf hash at `index` to the root of the tree of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not (_is_size(size) and _is_size(index) and index < size and _are_hashes((leaf, tree_root))):
        return False
    inner, border = _path_shape(index, size)
    if not _is_proof(proof, inner + border):
        return False
    return _climb(leaf, index, inner, proof) == tree_root


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether the tree of `second` leaves with `second_root` begins with the tree of `first` leaves with `first_root`.

    RFC 9162, 2.1.4.2, which leaves out the empty tree: every tree begins with it, so its proof is empty and its root the known one.
    """
    if not (_is_size(first) and _is_size(second) and first <= second and _are_hashes((first_root, second_root))):
        return False
    if first == second:
        return _is_proof(proof, 0) and first_root == second_root and (first > 0 or first_root == EMPTY_ROOT)
    if first == 0:
        return _is_proof(proof, 0) and first_root == EMPTY_ROOT
    inner, border = _path_shape(first - 1, second)
    shift = (first & -first).bit_length() - 1
    # An old tree that is one complete subtree is itself the start of the path, so its root is not sent.
    seeds = 0 if first == 1 << shift else 1
    inner -= shift
    if not _is_proof(proof, seeds + inner + border):
        return False
    seed = proof[0] if seeds else first_root
    path = proof[seeds:]
    last = (first - 1) >> shift
    old = _climb_left(seed, [step for level, step in enumerate(path) if level >= inner or last >> level & 1])
    return old == first_root and _climb(seed, last, inner, path) == second_root


def _climb(value: bytes, index: int, inner: int, path: Sequence[bytes]) -> bytes:
    """Hash up a path: `inner` steps on the side that the bits of the index say, the rest always from the left."""
    for level in range(inner):
        value = node_hash(path[level], value) if index >> level & 1 else node_hash(value, path[level])
    return _climb_left(value, path[inner:])


def _climb_left(value: bytes, path: Sequence[bytes]) -> bytes:
    for left in path:
        value = node_hash(left, value)
    return value


def _path_shape(index: int, size: int) -> tuple[int, int]:
    """Steps below the point where the paths of this leaf and of the last leaf meet, and left-hand steps above it."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _split(width: int) -> int:
    """The largest power of two smaller than `width`, where RFC 9162 divides a tree of two or more leaves."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(start: int, end: int, reader: NodeReader) -> bytes:
    """The hash of the leaves [start, end), a range at which an RFC 9162 tree divides."""
    return _fold(_complete_subtrees(start, end, reader))


def _complete_subtrees(start: int, end: int, reader: NodeReader) -> tuple[bytes, ...]:
    """The stored nodes that cover such a range exactly, the largest first."""
    found: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append(reader.node(level, start >> level))
        start += 1 << level
    return tuple(found)


def _fold(subtrees: Sequence[bytes]) -> bytes:
    return _climb_left(subtrees[-1], subtrees[-2::-1])


def _waiting_by_level(size: int, frontier: Sequence[bytes]) -> dict[int, bytes]:
    """The frontier by level: a tree has a maximal complete subtree of a level exactly where its size has that bit."""
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    if size < 0 or len(levels) != len(frontier) or not _are_hashes(frontier):
        raise VerificationFailed(
            "frontier-damaged", f"the frontier is not that of a tree of {size} leaves", hint="Rebuild it from the stored nodes."
        )
    return dict(zip(levels, frontier, strict=True))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError("outside-log", message)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= INTEGER_MAX


def _is_proof(proof: Any, length: int) -> bool:
    return isinstance(proof, list | tuple) and len(proof) == length and _are_hashes(proof)


def _are_hashes(values: Sequence[Any]) -> bool:
    return all(type(value) is bytes and len(value) == HASH_BYTES for value in values)
