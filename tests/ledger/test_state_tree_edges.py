"""The state tree at its edges: single pages, proofs of every form, each refusal word for word."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import pytest

from ledger import state_page, state_tree
from ledger.errors import InputError, TallystickError, VerificationFailed
from ledger.state_page import KnownNodes
from ledger.state_tree import JointProof, Leaf, StateProof
from tests.ledger.test_log_tree_edges import refusal
from tests.ledger.test_state_tree import SAMPLE, Pages, built, naive_root, page, sharing

REBUILD_STATE: Final = "Restore the database, or rebuild the state by replaying the log."


def damaged(prefix: str, reason: str) -> tuple[type[TallystickError], str, str, str]:
    return VerificationFailed, "page-damaged", f"the state page '{prefix}' is damaged: {reason}", REBUILD_STATE


def leaf(prefix: str, last: str = "0") -> bytes:
    return bytes.fromhex(prefix.ljust(63, "0") + last) + bytes(32)


CHILD: Final = b"\1" * 32


@pytest.mark.parametrize(
    ("prefix", "data", "reason"),
    [
        ("", b"", "it holds too little to be a page"),
        ("", bytes(3), "its length is wrong"),
        ("", bytes(4), "it holds too little to be a page"),
        ("", bytes(5), "its length is wrong"),
        ("", page(1, 0, bytes(63)), "its length is wrong"),
        ("", page(1, 0, bytes(65)), "its length is wrong"),
        ("", page(0, 1, bytes(31)), "its length is wrong"),
        ("", page(1, 1, leaf("0"), CHILD), "a slot holds two things"),
        ("", page(0x8000, 0x8000, leaf("f"), CHILD), "a slot holds two things"),
        ("0", page(1, 0, leaf("00")), "it holds too little to be a page"),
        ("0" * 63, page(0, 1, CHILD), "it lies too deep for a child"),
        ("", page(2, 0, leaf("0")), "a leaf lies at the wrong place"),
        ("1", page(3, 0, leaf("10"), leaf("01")), "a leaf lies at the wrong place"),
        ("12", page(3, 0, leaf("120"), leaf("131")), "a leaf lies at the wrong place"),
        ("", page(0, 1, bytes(32)), "a child is empty"),
        ("", page(0, 3, CHILD, bytes(32)), "a child is empty"),
    ],
)
def test_the_state_says_what_is_wrong_with_a_page(prefix: str, data: bytes, reason: str) -> None:
    if data:
        assert refusal(state_page.decode, prefix, data) == damaged(prefix, reason)
    else:
        assert refusal(state_page.decode, prefix, data)[:2] == damaged(prefix, reason)[:2]


@pytest.mark.parametrize(
    ("prefix", "slots"),
    [
        ("", {0: leaf("0")}),
        ("", {15: leaf("f")}),
        ("", {3: CHILD}),
        ("a", {0: leaf("a0"), 15: leaf("af")}),
        ("a", {7: CHILD}),
        ("ab", {0: leaf("ab0"), 8: CHILD, 9: leaf("ab9")}),
        ("0" * 62, {0: leaf("0" * 63, "0"), 1: CHILD}),
        ("0" * 63, {0: leaf("0" * 63, "0"), 15: leaf("0" * 63, "f")}),
        ("", {place: leaf(f"{place:x}") for place in range(16)}),
        ("", dict.fromkeys(range(16), CHILD)),
    ],
)
def test_a_page_comes_back_as_it_was_stored(prefix: str, slots: dict[int, bytes]) -> None:
    listed = [slots.get(place, b"") for place in range(16)]
    data = state_page.encode(listed)
    leaves = sum(1 << place for place, slot in slots.items() if len(slot) == 64)
    children = sum(1 << place for place, slot in slots.items() if len(slot) == 32)
    assert data == page(leaves, children, *(slots[place] for place in sorted(slots)))
    assert state_page.decode(prefix, data) == listed
    nodes = state_page.nodes_of(listed)
    assert list(nodes.slots) == listed
    assert nodes.hashes[1] == state_page.page_root(listed)
    for place in range(16):
        assert nodes.leaves[16 + place] == {64: 1, 32: 2, 0: 0}[len(listed[place])]
    assert nodes.leaves[1] == min(2, sum(nodes.leaves[16:]))
    for node in range(1, 16):
        assert nodes.leaves[node] == min(2, nodes.leaves[2 * node] + nodes.leaves[2 * node + 1])


def test_what_was_changed_in_a_page_is_the_same_as_made_anew() -> None:
    full = state_page.nodes_of([leaf(f"{place:x}") for place in range(16)])
    for changes in (
        {0: b""},
        {15: CHILD},
        {3: leaf("3", "1"), 4: b""},
        dict.fromkeys(range(16), b""),
        dict.fromkeys(range(1, 16), b""),
        {},
    ):
        after = state_page.changed_nodes(full, changes)
        assert after == state_page.nodes_of([changes.get(place, full.slots[place]) for place in range(16)])
    assert full == state_page.nodes_of([leaf(f"{place:x}") for place in range(16)])


class Counting(KnownNodes):
    """What was known, and what was not."""

    def __init__(self, pages_max: int) -> None:
        super().__init__(pages_max)
        self.found: list[tuple[str, bool]] = []

    def get(self, prefix: str, data: bytes) -> Any:
        nodes = super().get(prefix, data)
        self.found.append((prefix, nodes is not None))
        return nodes


@pytest.mark.parametrize("pages_max", [4, 5])
def test_known_pages_are_forgotten_in_two_generations(pages_max: int) -> None:
    known = KnownNodes(pages_max)
    nodes = state_page.nodes_of([leaf("0")] + [b""] * 15)
    assert known.get("0", b"a") is None
    for name in ("0", "1"):
        known.put(name, b"a", nodes)
    known.put("2", b"a", nodes)
    assert known.get("1", b"a") is nodes  # of the old generation, and young again by that
    assert known.get("1", b"b") is None
    known.put("3", b"a", nodes)
    assert [known.get(name, b"a") is nodes for name in ("2", "1", "0", "3")] == [True, True, False, True]
    assert state_page.KNOWN_PAGES == 4096


def test_an_update_uses_what_is_known_and_says_what_it_made() -> None:
    pages, known = built(SAMPLE), Counting(64)
    first = state_tree.update(pages, {"a": b"other"}, known)
    assert known.found
    assert not any(hit for _, hit in known.found)
    known.found.clear()
    for prefix, data in first.pages.items():
        assert data is not None
        pages.stored[prefix] = data
    second = state_tree.update(pages, {"a": b"again"}, known)
    assert [hit for _, hit in known.found] == [True] * len(known.found)
    assert second.root == naive_root({**SAMPLE, "a": b"again"})
    assert list(second.pages) == sorted(second.pages)


def test_an_update_that_changes_nothing_knows_afterwards_what_it_read() -> None:
    pages, known = built(SAMPLE), Counting(64)
    same = {"a": SAMPLE["a"]}
    assert state_tree.update(pages, same, known).pages == {}
    assert [hit for _, hit in known.found] == [False] * len(known.found)
    known.found.clear()
    assert state_tree.update(pages, same, known).root == naive_root(SAMPLE)
    assert known.found
    assert [hit for _, hit in known.found] == [True] * len(known.found)


def test_the_state_says_what_it_refuses() -> None:
    key = sharing("a", 1)
    pages, prefix = built({"a": b"1", key: b"2"}), state_tree.path_of("a").hex()[0]
    missing = Pages({"": pages.stored[""]})
    for check in (lambda: state_tree.prove(missing, "a"), lambda: state_tree.update(missing, {"a": b""})):
        assert refusal(check) == damaged(prefix, "its parent has it, and it is missing")
    other = Pages({**pages.stored, prefix: built({"a": b"1", key: b"3"}).stored[prefix]})
    assert refusal(state_tree.prove, other, "a") == damaged(prefix, "it does not have the hash that its parent gives")
    for odd in ("\ud800", 1, None, b"a"):
        assert refusal(state_tree.path_of, odd) == (InputError, "bad-state-key", "a state key must be a string of valid Unicode", "")
    assert state_tree.path_of("\u00e9") == sha256("\u00e9".encode()).digest()


def test_a_proof_of_no_key_and_of_one_key_twice() -> None:
    pages = built(SAMPLE)
    assert state_tree.prove_together(pages, []) == JointProof((), ())
    for key in ("a", "nothing", "x"):
        proof = state_tree.prove(pages, key)
        end = (len(proof.siblings), proof.terminal)
        assert state_tree.prove_together(pages, [key, key]) == JointProof((end, end), proof.siblings[::-1])
    assert refusal(state_tree.prove_together, pages, ["a", "\ud800"])[1] == "bad-state-key"


def test_a_proof_as_long_as_there_can_be() -> None:
    """Two keys whose paths differ in their last bit alone: no such keys are known, so only the way up is made."""
    path, value = state_tree.path_of("a"), b"v"
    bits, siblings = int.from_bytes(path, "big"), tuple(sha256(b"%d" % depth).digest() for depth in range(256))
    terminal = Leaf(path, sha256(value).digest())
    node = state_page.leaf_hash(*terminal)
    for depth in reversed(range(256)):
        node = state_page.inner_hash(siblings[depth], node) if bits >> 255 - depth & 1 else state_page.inner_hash(node, siblings[depth])
    assert state_tree.verify_presence(node, "a", value, StateProof(siblings, terminal))
    assert not state_tree.verify_presence(node, "a", value, StateProof((*siblings, siblings[0]), terminal))
    assert not state_tree.verify_presence(node, "a", value, StateProof(siblings[:-1], terminal))
    other = bytes([*path[:-1], path[-1] ^ 1])
    absent = Leaf(other, bytes(32))
    node = state_page.leaf_hash(*absent)
    for depth in reversed(range(255)):
        node = state_page.inner_hash(siblings[depth], node) if bits >> 255 - depth & 1 else state_page.inner_hash(node, siblings[depth])
    assert state_tree.verify_absence(node, "a", StateProof(siblings[:255], absent))


def test_an_empty_tree_and_trees_of_one_and_two() -> None:
    pages = Pages()
    assert state_tree.root(pages) == state_page.EMPTY == bytes(32)
    assert state_tree.prove(pages, "a") == StateProof((), None)
    assert state_tree.update(pages, {}) == state_tree.Updated(bytes(32), {})
    assert state_tree.update(pages, {"a": None}) == state_tree.Updated(bytes(32), {})
    one = state_tree.update(pages, {"a": b"1", "b": None})
    assert one.root == naive_root({"a": b"1"})
    assert list(one.pages) == [""]
    pages = built({"a": b"1"})
    assert state_tree.update(pages, {"a": None}) == state_tree.Updated(bytes(32), {"": None})
    assert state_tree.update(pages, {"a": b"1", "b": None}) == state_tree.Updated(one.root, {})
    for digits in (0, 1, 2, 3):
        key = sharing("a", digits) if digits else "b"
        two = built({"a": b"1", key: b"2"})
        assert sorted(two.stored) == [state_tree.path_of("a").hex()[:depth] for depth in range(shared(key) + 1)]
        gone = state_tree.update(two, {key: None})
        assert gone.root == one.root
        assert gone.pages == {prefix: one.pages[""] if prefix == "" else None for prefix in sorted(two.stored)}


def shared(key: str) -> int:
    """How many hex digits the paths of this key and of `a` have in common."""
    mine, other = state_tree.path_of(key).hex(), state_tree.path_of("a").hex()
    return next(place for place in range(64) if mine[place] != other[place])
