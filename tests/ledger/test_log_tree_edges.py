"""The log's tree at its edges: every small size, every proof that is nearly right, each refusal word for word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from itertools import combinations
from typing import Any, Final

import pytest

from ledger import log_tree
from ledger.errors import InputError, TallystickError, VerificationFailed
from ledger.limits import INTEGER_MAX
from tests.ledger.test_log_tree import Nodes

SIZE_MAX: Final = 18
REBUILD_LOG: Final = "Rebuild it from the stored nodes."


def refusal(check: Callable[..., object], *arguments: Any) -> tuple[type[TallystickError], str, str, str]:
    with pytest.raises(TallystickError) as refused:
        check(*arguments)
    return type(refused.value), refused.value.code, refused.value.message, refused.value.hint


@cache
def log() -> Nodes:
    nodes = Nodes()
    nodes.append([log_tree.leaf_hash(b"%d" % index) for index in range(SIZE_MAX)])
    return nodes


def defined(start: int, end: int) -> bytes:
    """The hash of the leaves [start, end) by the definition of RFC 9162, 2.1.1."""
    if end - start == 1:
        return sha256(b"\x00" + b"%d" % start).digest()
    middle = start + max(power for power in (1, 2, 4, 8, 16) if power < end - start)
    return sha256(b"\x01" + defined(start, middle) + defined(middle, end)).digest()


@pytest.mark.parametrize("size", range(SIZE_MAX + 1))
def test_a_log_of_every_small_size(size: int) -> None:
    expected = defined(0, size) if size else sha256(b"").digest()
    frontier = log_tree.frontier_of(size, log())
    assert log_tree.root(size, frontier) == log_tree.root_at(size, log()) == expected
    assert len(frontier) == size.bit_count()
    added = log_tree.append(size, frontier, [])
    assert (added.size, added.frontier, added.nodes) == (size, frontier, [])
    for more in range(1, SIZE_MAX + 1 - size):
        added = log_tree.append(size, frontier, [log_tree.leaf_hash(b"%d" % index) for index in range(size, size + more)])
        assert (added.size, added.frontier) == (size + more, log_tree.frontier_of(size + more, log()))
        assert {(level, index): value for level, index, value in added.nodes} == dict(made(size, size + more))
        assert len(added.nodes) == len(dict(made(size, size + more)))


def made(before: int, after: int) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Every subtree that is complete after an append and was not before."""
    for level in range(6):
        for index in range(before >> level, after >> level):
            yield (level, index), defined(index << level, index + 1 << level)


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_an_inclusion_proof_holds_for_its_own_leaf_place_size_and_root_only(size: int) -> None:
    root = log_tree.root_at(size, log())
    for index in range(size):
        leaf, path = log_tree.leaf_hash(b"%d" % index), log_tree.inclusion_proof(index, size, log())
        assert log_tree.verify_inclusion(leaf, index, size, path, root)
        assert log_tree.verify_inclusion(leaf, index, size, tuple(path), root)
        others: list[Any] = [
            path[:-1],
            path[1:],
            [*path, root],
            [root, *path],
            [*path[:-1], root],
            [*path[:-1], root[:-1]],
            None,
            b"".join(path),
        ]
        for other in others:
            assert other == path or not log_tree.verify_inclusion(leaf, index, size, other, root)
        for at in {-1, 0, 1, index - 1, index + 1, size - 1, size, size + 1, INTEGER_MAX, INTEGER_MAX + 1} - {index}:
            assert not log_tree.verify_inclusion(leaf, at, size, path, root), at
        assert not log_tree.verify_inclusion(leaf, index, 0, path, root)
        assert not log_tree.verify_inclusion(leaf, index, index, path, root)
        assert not log_tree.verify_inclusion(leaf, index, -1, path, root)
        assert not log_tree.verify_inclusion(leaf[:-1], index, size, path, root)
        assert not log_tree.verify_inclusion(leaf, index, size, path, root[:-1])


@pytest.mark.parametrize("size", range(1, SIZE_MAX + 1))
def test_several_leaves_have_one_proof_in_which_no_hash_is_twice_or_needless(size: int) -> None:
    root = log_tree.root_at(size, log())
    some = [indexes for count in (1, 2, 3) for indexes in combinations(range(size), count)]
    for indexes in some if size < 12 else some[:: len(some) // 50 or 1]:
        path = log_tree.joint_inclusion_proof(indexes, size, log())
        assert path == log_tree.joint_inclusion_proof(indexes[::-1] + indexes, size, log())
        given, known = iter(path), {way(index, size): log_tree.leaf_hash(b"%d" % index) for index in indexes}
        for depth in range(max(map(len, known)), 0, -1):
            for above in sorted({each[:-1] for each in known if len(each) == depth}):
                left, right = (known.pop(each) if each in known else next(given) for each in (above + "0", above + "1"))
                known[above] = log_tree.node_hash(left, right)
        assert known == {"": root}
        assert not list(given)


def way(index: int, size: int) -> str:
    """The way down to a leaf: 0 to the left, 1 to the right."""
    if size == 1:
        return ""
    half = 1 << (size - 1).bit_length() - 1
    return "0" + way(index, half) if index < half else "1" + way(index - half, size - half)


@pytest.mark.parametrize("second", range(SIZE_MAX + 1))
def test_a_consistency_proof_holds_for_its_own_sizes_and_roots_only(second: int) -> None:
    new = log_tree.root_at(second, log())
    for first in range(second + 1):
        old, path = log_tree.root_at(first, log()), log_tree.consistency_proof(first, second, log())
        assert log_tree.verify_consistency(first, second, path, old, new)
        assert log_tree.verify_consistency(first, second, tuple(path), old, new)
        others: list[Any] = [path[:-1], path[1:], [*path, new], [old, *path], [*path[:-1], bytes(31)], None]
        for other in others:
            assert other == path or not log_tree.verify_consistency(first, second, other, old, new), (first, other)
        for roots in ((bytes(32), new), (old, bytes(32)), (old[:-1], new), (old, new[:-1])):
            # Every log begins with the empty one, whatever its root.
            begins = first == 0 < second and roots[0] == old and len(roots[1]) == 32
            assert log_tree.verify_consistency(first, second, path, *roots) is begins, (first, roots)
        if first < second:
            assert not log_tree.verify_consistency(second, first, path, new, old)
            assert not log_tree.verify_consistency(-1, second, path, old, new)
            assert not log_tree.verify_consistency(first, -1, path, old, new)


def test_the_largest_log_that_there_can_be() -> None:
    """Of which only the way up is made: the last leaf stands beside 53 complete subtrees."""
    leaf, others = log_tree.leaf_hash(b"last"), [sha256(b"%d" % level).digest() for level in range(52)]
    root = leaf
    for left in others:
        root = log_tree.node_hash(left, root)
    assert INTEGER_MAX == 2**53 - 1
    assert log_tree.verify_inclusion(leaf, INTEGER_MAX - 1, INTEGER_MAX, others, root)
    root = log_tree.node_hash(sha256(b"52").digest(), root)
    assert not log_tree.verify_inclusion(leaf, INTEGER_MAX, INTEGER_MAX + 1, [*others, sha256(b"52").digest()], root)
    same = bytes(32)
    assert log_tree.verify_consistency(INTEGER_MAX, INTEGER_MAX, [], same, same)
    assert not log_tree.verify_consistency(INTEGER_MAX + 1, INTEGER_MAX + 1, [], same, same)


def test_the_log_says_what_it_refuses() -> None:
    outside = (InputError, "outside-log", "the index lies outside the tree", "")
    for index, size in ((-1, 3), (3, 3), (4, 3), (0, 0)):
        found = refusal(log_tree.inclusion_proof, index, size, log())
        assert found == outside
        assert refusal(log_tree.joint_inclusion_proof, (index, 0), size, log()) == outside
    assert refusal(log_tree.joint_inclusion_proof, (), 3, log()) == outside
    for first, second in ((-1, 3), (4, 3), (1, 0)):
        found = refusal(log_tree.consistency_proof, first, second, log())
        assert found == (InputError, "outside-log", "the first tree must be the smaller one", "")
    for check in (log_tree.frontier_of, log_tree.root_at):
        assert refusal(check, -1, log()) == (InputError, "outside-log", "a tree has no negative size", "")
    assert log_tree.inclusion_proof(0, 1, log()) == []
    assert log_tree.consistency_proof(0, 0, log()) == log_tree.consistency_proof(0, 3, log()) == []


@pytest.mark.parametrize(("size", "lengths"), [(3, [32]), (0, [32]), (1, []), (1, [31]), (1, [33]), (-1, []), (-1, [32]), (2, [32, 32])])
def test_the_log_says_that_a_frontier_is_not_its_own(size: int, lengths: list[int]) -> None:
    frontier = tuple(bytes(length) for length in lengths)
    expected = (VerificationFailed, "frontier-damaged", f"the frontier is not that of a tree of {size} leaves", REBUILD_LOG)
    assert refusal(log_tree.append, size, frontier, [bytes(32)]) == expected
    assert refusal(log_tree.root, size, frontier) == expected
