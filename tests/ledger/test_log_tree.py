"""The log's Merkle tree agrees with another implementation, and believes no proof but the right one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from ledger import log_tree
from ledger.errors import InputError, VerificationFailed

SIZE_MAX = 70


@dataclass
class Nodes:
    """The stored nodes of a log, in memory; a node may be written once and must be there when it is read."""

    size: int = 0
    frontier: tuple[bytes, ...] = ()
    stored: dict[int, bytes] = field(default_factory=dict)

    def append(self, leaf_hashes: list[bytes]) -> None:
        appended = log_tree.append(self.size, self.frontier, leaf_hashes)
        for level, index, value in appended.nodes:
            assert log_tree.position(level, index) not in self.stored
            self.stored[log_tree.position(level, index)] = value
        self.size, self.frontier = appended.size, appended.frontier

    def node(self, level: int, index: int) -> bytes:
        return self.stored[log_tree.position(level, index)]


def leaf(index: int) -> bytes:
    return b"leaf %d" % index


@cache
def log() -> Nodes:
    nodes = Nodes()
    nodes.append([log_tree.leaf_hash(leaf(index)) for index in range(SIZE_MAX)])
    return nodes


@cache
def other() -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    tree.append_entries([leaf(index) for index in range(SIZE_MAX)])
    return tree


def by_size() -> range:
    return range(SIZE_MAX + 1)


def test_roots_of_every_size_are_those_of_pymerkle() -> None:
    for size in by_size():
        assert log_tree.root_at(size, log()) == other().get_root(size)


def test_inclusion_proofs_of_every_leaf_in_every_size_are_those_of_pymerkle_and_verify() -> None:
    for size in by_size():
        root = log_tree.root_at(size, log())
        for index in range(size):
            proof = log_tree.inclusion_proof(index, size, log())
            assert proof == other().prove_inclusion(index + 1, size).path[1:]
            assert log_tree.verify_inclusion(log_tree.leaf_hash(leaf(index)), index, size, proof, root)


def test_consistency_proofs_of_every_pair_of_sizes_verify() -> None:
    roots = [log_tree.root_at(size, log()) for size in by_size()]
    for second in by_size():
        for first in range(second + 1):
            proof = log_tree.consistency_proof(first, second, log())
            assert log_tree.verify_consistency(first, second, proof, roots[first], roots[second])


def rfc_split(size: int) -> int:
    return max(1 << power for power in range(size.bit_length()) if 1 << power < size)


def rfc_root(leaf_hashes: list[bytes]) -> bytes:
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    k = rfc_split(len(leaf_hashes))
    return log_tree.node_hash(rfc_root(leaf_hashes[:k]), rfc_root(leaf_hashes[k:]))


def rfc_subproof(m: int, leaf_hashes: list[bytes], is_whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1, as it is written there."""
    if m == len(leaf_hashes):
        return [] if is_whole else [rfc_root(leaf_hashes)]
    k = rfc_split(len(leaf_hashes))
    if m <= k:
        return [*rfc_subproof(m, leaf_hashes[:k], is_whole), rfc_root(leaf_hashes[k:])]
    return [*rfc_subproof(m - k, leaf_hashes[k:], False), rfc_root(leaf_hashes[:k])]


def test_consistency_proofs_of_every_pair_are_those_of_the_rfc() -> None:
    # pymerkle arranges its consistency proofs in its own way, so the RFC's definition itself is the reference here.
    hashes = [log_tree.leaf_hash(leaf(index)) for index in range(SIZE_MAX)]
    for second in range(1, SIZE_MAX + 1):
        for first in range(1, second + 1):
            assert log_tree.consistency_proof(first, second, log()) == rfc_subproof(first, hashes[:second], True)


def test_consistency_proofs_of_pymerkle_hold_between_our_roots() -> None:
    for second in range(1, SIZE_MAX + 1):
        for first in range(1, second + 1):
            theirs = other().prove_consistency(first, second)
            theirs.verify(log_tree.root_at(first, log()), log_tree.root_at(second, log()), prior_size=first, later_size=second)


def test_proofs_show_the_values_of_the_rfc_6962_test_tree() -> None:
    leaves = [
        bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
    ]
    nodes = Nodes()
    nodes.append([log_tree.leaf_hash(each) for each in leaves])
    assert log_tree.root_at(1, nodes).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert log_tree.root_at(2, nodes).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert log_tree.root_at(8, nodes).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert [each.hex() for each in log_tree.consistency_proof(6, 8, nodes)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_the_empty_tree_has_the_root_of_the_rfc() -> None:
    assert log_tree.root(0, ()).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.lists(st.integers(0, 9), max_size=12))
def test_appending_in_any_portions_gives_the_same_nodes_and_frontier(portions: list[int]) -> None:
    hashes = [log_tree.leaf_hash(leaf(index)) for index in range(sum(portions))]
    in_portions, at_once = Nodes(), Nodes()
    for portion in portions:
        in_portions.append(hashes[in_portions.size : in_portions.size + portion])
    at_once.append(hashes)
    assert in_portions == at_once
    assert log_tree.frontier_of(at_once.size, at_once) == at_once.frontier
    assert log_tree.root(at_once.size, at_once.frontier) == log_tree.root_at(at_once.size, at_once)


def test_an_append_makes_every_complete_node_exactly_once() -> None:
    expected = {log_tree.position(level, index) for level in range(7) for index in range(SIZE_MAX >> level)}
    assert set(log().stored) == expected


def test_positions_number_the_nodes_in_order() -> None:
    assert [log_tree.position(0, index) for index in range(4)] == [0, 2, 4, 6]
    assert [log_tree.position(1, index) for index in range(2)] == [1, 5]
    assert log_tree.position(2, 0) == 3


def test_an_inclusion_proof_holds_for_no_other_index_size_leaf_or_root() -> None:
    for size in range(1, 20):
        root = log_tree.root_at(size, log())
        for index in range(size):
            proof, hashed = log_tree.inclusion_proof(index, size, log()), log_tree.leaf_hash(leaf(index))
            assert not any(log_tree.verify_inclusion(hashed, wrong, size, proof, root) for wrong in range(-1, size + 2) if wrong != index)
            assert not log_tree.verify_inclusion(log_tree.leaf_hash(b"other"), index, size, proof, root)
            assert not log_tree.verify_inclusion(hashed, index, size, proof, log_tree.root_at(size + 1, log()))


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    root = log_tree.root_at(4, log())
    assert not log_tree.verify_inclusion(log().node(1, 0), 0, 4, [log().node(1, 1)], root)


@pytest.mark.parametrize(("first", "second"), [(1, 2), (3, 7), (4, 7), (6, 8), (8, 9), (21, 64), (64, 70), (69, 70)])
def test_a_changed_shortened_or_lengthened_consistency_proof_fails(first: int, second: int) -> None:
    old, new = log_tree.root_at(first, log()), log_tree.root_at(second, log())
    proof = log_tree.consistency_proof(first, second, log())
    assert log_tree.verify_consistency(first, second, proof, old, new)
    variants = [proof[:-1], proof[1:], [*proof, new], [old, *proof], proof[::-1] if len(proof) > 1 else [], []]
    for place in range(len(proof)):
        for byte in range(32):
            changed = bytearray(proof[place])
            changed[byte] ^= 1
            variants.append([*proof[:place], bytes(changed), *proof[place + 1 :]])
    assert not any(log_tree.verify_consistency(first, second, variant, old, new) for variant in variants)
    assert not log_tree.verify_consistency(first, second, proof, new, new)
    assert not log_tree.verify_consistency(first, second, proof, old, old)
    assert not log_tree.verify_consistency(second, first, proof, new, old)


def test_a_rewritten_history_is_not_consistent() -> None:
    forged = Nodes()
    forged.append([log_tree.leaf_hash(b"forged" if index == 3 else leaf(index)) for index in range(20)])
    for first in range(4, 20):
        proof = log_tree.consistency_proof(first, 20, forged)
        assert not log_tree.verify_consistency(first, 20, proof, log_tree.root_at(first, log()), log_tree.root_at(20, forged))


def test_every_tree_begins_with_the_empty_tree_and_with_no_other_tree_of_size_zero() -> None:
    root = log_tree.root_at(5, log())
    assert log_tree.verify_consistency(0, 5, [], log_tree.EMPTY_ROOT, root)
    assert log_tree.verify_consistency(0, 0, [], log_tree.EMPTY_ROOT, log_tree.EMPTY_ROOT)
    assert not log_tree.verify_consistency(0, 5, [], root, root)
    assert not log_tree.verify_consistency(0, 0, [], root, root)
    assert not log_tree.verify_consistency(0, 5, [root], log_tree.EMPTY_ROOT, root)
    assert not log_tree.verify_consistency(5, 5, [], root, log_tree.EMPTY_ROOT)


HOSTILE: list[Any] = [
    None,
    -1,
    True,
    1.0,
    "1",
    2**53,
    10**400,
    [],
    b"",
    b"\0" * 31,
    "0" * 32,
    bytearray(32),
    [None],
    ["0" * 32],
    [b"\0" * 33],
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_false_and_never_an_exception(value: Any) -> None:
    hashed, root = log_tree.leaf_hash(leaf(0)), log_tree.root_at(2, log())
    proof = log_tree.inclusion_proof(0, 2, log())
    assert log_tree.verify_inclusion(hashed, 0, 2, proof, root)
    assert not log_tree.verify_inclusion(value, 0, 2, proof, root)
    assert not log_tree.verify_inclusion(hashed, value, 2, proof, root)
    assert not log_tree.verify_inclusion(hashed, 0, value, proof, root)
    assert not log_tree.verify_inclusion(hashed, 0, 2, value, root)
    assert not log_tree.verify_inclusion(hashed, 0, 2, proof, value)
    old, step = log_tree.root_at(3, log()), log_tree.consistency_proof(3, 7, log())
    new = log_tree.root_at(7, log())
    assert not log_tree.verify_consistency(value, 7, step, old, new)
    assert not log_tree.verify_consistency(3, value, step, old, new)
    assert not log_tree.verify_consistency(3, 7, value, old, new)
    assert not log_tree.verify_consistency(3, 7, step, value, new)
    assert not log_tree.verify_consistency(3, 7, step, old, value)


def test_a_proof_of_what_the_log_does_not_have_is_refused() -> None:
    for index, size in [(-1, 3), (3, 3), (0, 0)]:
        with pytest.raises(InputError) as refused:
            log_tree.inclusion_proof(index, size, log())
        assert refused.value.code == "outside-log"
    with pytest.raises(InputError):
        log_tree.consistency_proof(4, 3, log())
    with pytest.raises(InputError):
        log_tree.root_at(-1, log())


def test_a_frontier_that_does_not_fit_the_size_is_refused() -> None:
    for size, frontier in [(3, (b"\0" * 32,)), (0, (b"\0" * 32,)), (1, ()), (1, (b"short",)), (-1, ())]:
        with pytest.raises(VerificationFailed) as refused:
            log_tree.append(size, frontier, [b"\0" * 32])
        assert refused.value.code == "frontier-damaged"
