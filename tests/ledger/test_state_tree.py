"""The state tree's root depends on the set of entries alone, and every proof about it is the only one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import state_page, state_tree
from ledger.errors import InputError, VerificationFailed
from ledger.state_tree import JointProof, Leaf, StateProof

State = dict[str, bytes]


@dataclass
class Pages:
    """One version of the stored pages, in memory."""

    stored: dict[str, bytes] = field(default_factory=dict)

    def page(self, prefix: str) -> bytes | None:
        return self.stored.get(prefix)

    def update(self, changes: Mapping[str, bytes | None]) -> bytes:
        updated = state_tree.update(self, changes)
        for prefix, data in updated.pages.items():
            if data is None:
                del self.stored[prefix]
            else:
                assert self.stored.get(prefix) != data
                self.stored[prefix] = data
        return updated.root


def naive_root(state: State) -> bytes:
    """The definition of the root, bit by bit over all entries, without pages."""
    paths = {sha256(key.encode()).digest(): sha256(value).digest() for key, value in state.items()}
    return naive_subtree(sorted(paths.items()), 0)


def naive_subtree(entries: list[tuple[bytes, bytes]], bit: int) -> bytes:
    if not entries:
        return bytes(32)
    if len(entries) == 1:
        return sha256(b"\x02" + entries[0][0] + entries[0][1]).digest()
    sides: tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]] = ([], [])
    for entry in entries:
        sides[entry[0][bit // 8] >> (7 - bit % 8) & 1].append(entry)
    return sha256(b"\x03" + naive_subtree(sides[0], bit + 1) + naive_subtree(sides[1], bit + 1)).digest()


def built(state: Mapping[str, bytes]) -> Pages:
    pages = Pages()
    pages.update(state)
    return pages


def sharing(first: str, digits: int) -> str:
    """A key whose path begins with the same hex digits as that of `first`."""
    wanted = state_tree.path_of(first).hex()[:digits]
    return next(key for key in (f"x{number}" for number in range(10**6)) if state_tree.path_of(key).hex().startswith(wanted))


# Few keys, among them deep neighbours, so that pages are made and collapse often.
NEIGHBOURS = ["a", "b", sharing("a", 1), sharing("a", 2), sharing("a", 3), sharing("b", 2), sharing("b", 4)]
keys = st.one_of(st.sampled_from(NEIGHBOURS), st.integers(0, 60).map(str), st.text(st.characters(exclude_categories=["Cs"]), max_size=4))
values = st.binary(max_size=3)
states = st.dictionaries(keys, values, max_size=80)
batches = st.lists(st.dictionaries(keys, st.one_of(st.none(), values), max_size=20), max_size=8)


@given(states)
def test_the_root_is_that_of_the_definition(state: State) -> None:
    pages = built(state)
    assert state_tree.root(pages) == naive_root(state)


@given(batches)
def test_any_history_of_changes_ends_in_the_pages_of_its_final_state(history: list[dict[str, bytes | None]]) -> None:
    pages, state = Pages(), State()
    for changes in history:
        root = pages.update(changes)
        state.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            state.pop(key, None)
        assert root == naive_root(state) == state_tree.root(pages)
    assert pages == built(state)


@given(states, st.randoms(use_true_random=False))
def test_one_by_one_in_any_order_is_the_same_as_at_once(state: State, random: Any) -> None:
    order = sorted(state)
    random.shuffle(order)
    one_by_one = Pages()
    for key in order:
        one_by_one.update({key: state[key]})
    assert one_by_one == built(state)
    random.shuffle(order)
    for key in order:
        one_by_one.update({key: None})
    assert one_by_one == Pages()
    assert state_tree.root(one_by_one) == state_tree.EMPTY


@given(states)
def test_no_page_but_the_root_holds_a_single_leaf(state: State) -> None:
    for prefix, data in built(state).stored.items():
        slots = [slot for slot in state_page.decode(prefix, data) if slot]
        assert len(slots) > 1 or not prefix or len(slots[0]) != state_page.LEAF_BYTES


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    pages = built({str(number): b"value" for number in range(200)})
    before = dict(pages.stored)
    updated = state_tree.update(pages, {"5": b"value", "absent": None})
    assert updated.pages == {}
    assert updated.root == state_tree.root(pages)
    assert pages.stored == before


def test_an_update_lists_its_pages_in_order() -> None:
    updated = state_tree.update(Pages(), {str(number): b"" for number in range(300)})
    assert list(updated.pages) == sorted(updated.pages)
    assert len(updated.pages) > 16


def way(key: str, depth: int) -> tuple[int, int]:
    """A node by its depth and the first bits of a path."""
    return depth, int.from_bytes(state_tree.path_of(key)) >> 256 - depth


@given(states, keys, values)
def test_every_entry_is_provably_present_and_every_other_key_provably_absent(state: State, key: str, value: bytes) -> None:
    pages = built(state)
    root, proof = naive_root(state), state_tree.prove(pages, key)
    assert state_tree.verify_absence(root, key, proof) == (key not in state)
    assert state_tree.verify_presence(root, key, value, proof) == (state.get(key) == value)
    if key in state:
        assert state_tree.verify_presence(root, key, state[key], proof)
    assert state_tree.prove_together(pages, [key]) == JointProof(((len(proof.siblings), proof.terminal),), proof.siblings[::-1])


@given(states, st.lists(keys, min_size=1, max_size=4, unique=True))
def test_several_keys_have_one_proof_in_which_no_hash_is_twice_or_needless(state: State, wanted: list[str]) -> None:
    pages = built(state)
    alone, joint = [state_tree.prove(pages, key) for key in wanted], state_tree.prove_together(pages, wanted)
    assert joint.ends == tuple((len(proof.siblings), proof.terminal) for proof in alone)
    known: dict[tuple[int, int], bytes] = {}
    for key, proof in zip(wanted, alone, strict=True):
        node = state_page.EMPTY if proof.terminal is None else state_page.leaf_hash(*proof.terminal)
        assert known.setdefault(way(key, len(proof.siblings)), node) == node
    given = iter(joint.siblings)
    for depth in range(max(at for at, _ in known), 0, -1):
        for above in sorted({path >> 1 for at, path in known if at == depth}):
            left, right = (known.pop((depth, path)) if (depth, path) in known else next(given) for path in (2 * above, 2 * above + 1))
            assert (depth - 1, above) not in known
            known[depth - 1, above] = state_page.inner_hash(left, right)
    assert known == {(0, 0): naive_root(state)}
    assert not list(given)


@given(states.filter(bool), keys)
def test_a_proof_holds_only_for_its_root(state: State, key: str) -> None:
    proof = state_tree.prove(built(state), key)
    changed = {**state, min(state): state[min(state)] + b"!"}
    other_root = naive_root(changed)
    assert not state_tree.verify_absence(other_root, key, proof)
    assert not any(state_tree.verify_presence(other_root, key, value, proof) for value in [*state.values()])


SAMPLE = {key: key.encode() for key in [*NEIGHBOURS, *map(str, range(40))]}


def believes(root: bytes, key: str, proof: StateProof) -> bool:
    return state_tree.verify_absence(root, key, proof) or state_tree.verify_presence(root, key, key.encode(), proof)


@pytest.mark.parametrize("key", ["a", "b", NEIGHBOURS[-1], "17", "not there", "nor this", "absent", "unknown"])
def test_every_changed_byte_of_a_proof_breaks_it(key: str) -> None:
    root, proof = naive_root(SAMPLE), state_tree.prove(built(SAMPLE), key)
    assert believes(root, key, proof)
    parts = list(proof.siblings) + list(proof.terminal or ())
    for place, part in enumerate(parts):
        for byte in range(32):
            for flip in (1, 0x80, 0xFF):
                changed = bytearray(part)
                changed[byte] ^= flip
                mutated = [*parts[:place], bytes(changed), *parts[place + 1 :]]
                siblings, rest = tuple(mutated[: len(proof.siblings)]), mutated[len(proof.siblings) :]
                assert not believes(root, key, StateProof(siblings, Leaf(*rest) if rest else None))


@pytest.mark.parametrize("key", ["a", "17", "not there", "nor this", "absent", "unknown"])
def test_a_proof_that_stops_too_early_or_goes_on_too_long_is_refused(key: str) -> None:
    root, proof = naive_root(SAMPLE), state_tree.prove(built(SAMPLE), key)
    for extra in (state_tree.EMPTY, root, sha256(b"").digest()):
        assert not believes(root, key, replace(proof, siblings=(*proof.siblings, extra)))
        assert not believes(root, key, replace(proof, siblings=(extra, *proof.siblings)))
    for end in range(len(proof.siblings)):
        assert not believes(root, key, replace(proof, siblings=proof.siblings[:end]))
    assert not believes(root, key, replace(proof, siblings=proof.siblings[::-1]))


def test_all_three_ways_of_ending_occur() -> None:
    pages, root = built(SAMPLE), naive_root(SAMPLE)
    endings = {"own": 0, "other": 0, "nothing": 0}
    for key in [*SAMPLE, *(f"absent {number}" for number in range(100))]:
        terminal = state_tree.prove(pages, key).terminal
        assert believes(root, key, state_tree.prove(pages, key))
        ending = "nothing" if terminal is None else "own" if terminal.path == state_tree.path_of(key) else "other"
        endings[ending] += 1
    assert endings["own"] == len(SAMPLE)
    assert endings["other"] > 0
    assert endings["nothing"] > 0


def test_a_trailing_empty_sibling_is_refused_even_when_the_root_was_made_to_fit() -> None:
    leaf = Leaf(state_tree.path_of("a"), sha256(b"v").digest())
    own = state_page.leaf_hash(*leaf)
    is_right = leaf.path[0] >> 7 & 1
    root = state_page.inner_hash(state_tree.EMPTY, own) if is_right else state_page.inner_hash(own, state_tree.EMPTY)
    assert not state_tree.verify_presence(root, "a", b"v", StateProof((state_tree.EMPTY,), leaf))
    nothing = state_page.inner_hash(state_tree.EMPTY, state_tree.EMPTY)
    assert not state_tree.verify_absence(nothing, "a", StateProof((state_tree.EMPTY,), None))


def test_another_leaf_that_is_not_on_the_way_proves_no_absence() -> None:
    key = "a"
    path = state_tree.path_of(key)
    stranger = Leaf(bytes([path[0] ^ 0x80]) + path[1:], sha256(b"v").digest())
    sibling = sha256(b"sibling").digest()
    own = state_page.leaf_hash(*stranger)
    root = state_page.inner_hash(sibling, own) if path[0] >> 7 else state_page.inner_hash(own, sibling)
    assert not state_tree.verify_absence(root, key, StateProof((sibling,), stranger))


def test_the_empty_tree_proves_absence_and_nothing_else() -> None:
    proof = state_tree.prove(Pages(), "a")
    assert proof == StateProof((), None)
    assert state_tree.verify_absence(state_tree.EMPTY, "a", proof)
    assert not state_tree.verify_presence(state_tree.EMPTY, "a", b"", proof)


def test_a_single_entry_is_its_own_root() -> None:
    pages = built({"a": b"v"})
    leaf = Leaf(state_tree.path_of("a"), sha256(b"v").digest())
    assert state_tree.root(pages) == state_page.leaf_hash(*leaf)
    assert state_tree.verify_presence(state_page.leaf_hash(*leaf), "a", b"v", StateProof((), leaf))
    assert state_tree.verify_absence(state_page.leaf_hash(*leaf), "b", StateProof((), leaf))


def test_hostile_values_are_false_and_never_an_exception() -> None:
    root, proof = naive_root(SAMPLE), state_tree.prove(built(SAMPLE), "a")
    leaf = proof.terminal
    assert leaf is not None
    hostile: list[Any] = [None, 1, "", [], b"", b"\0" * 31, bytearray(32), "\ud800", (), object()]
    for value in hostile:
        assert not state_tree.verify_presence(value, "a", b"a", proof)
        assert not state_tree.verify_presence(root, "a", value, proof)
        assert not state_tree.verify_presence(root, "a", b"a", value)
        assert not state_tree.verify_absence(value, "z", proof)
        assert not state_tree.verify_absence(root, "z", value)
        assert not believes(root, "a", StateProof(value, leaf))
        assert not believes(root, "a", StateProof((*proof.siblings[:-1], value), leaf))
        assert not believes(root, "a", StateProof(proof.siblings, value))
        assert not believes(root, "a", StateProof(proof.siblings, Leaf(value, leaf.value_hash)))
        assert not believes(root, "a", StateProof(proof.siblings, Leaf(leaf.path, value)))
    for odd_key in (None, 1, b"a", "\ud800"):
        assert not state_tree.verify_presence(root, odd_key, b"a", proof)  # type: ignore[arg-type]
        assert not state_tree.verify_absence(root, odd_key, proof)  # type: ignore[arg-type]
    assert not believes(root, "a", StateProof((root,) * 257, leaf))


def test_a_key_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        state_tree.update(Pages(), {"\ud800": b""})
    assert refused.value.code == "bad-state-key"


def test_pages_come_back_as_they_were_written() -> None:
    for prefix, data in built(SAMPLE).stored.items():
        assert state_page.encode(state_page.decode(prefix, data)) == data


def root_or_refusal(pages: Pages) -> bytes | str:
    try:
        return state_tree.root(pages)
    except VerificationFailed as failure:
        return failure.code


def test_every_damaged_page_is_refused_or_changes_the_root() -> None:
    pages = built(SAMPLE)
    root, data = state_tree.root(pages), pages.stored[""]
    outcomes = set()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        outcomes.add(root_or_refusal(Pages({**pages.stored, "": bytes(damaged)})))
    assert root not in outcomes
    assert "page-damaged" in outcomes


def page(leaf_bits: int, child_bits: int, *entries: bytes) -> bytes:
    return leaf_bits.to_bytes(2, "big") + child_bits.to_bytes(2, "big") + b"".join(entries)


ONE, CHILD = bytes(64), b"\1" * 32


@pytest.mark.parametrize(
    ("prefix", "data"),
    [
        ("", b""),
        ("", b"\0\0\0"),
        ("", page(0, 0)),
        ("", page(1, 0)),
        ("", page(1, 0, ONE, b"\0")),
        ("", page(1, 1, ONE, CHILD)),
        ("", page(2, 0, ONE)),
        ("", page(0, 1, bytes(32))),
        ("0", page(1, 0, ONE)),
        ("1", page(1, 2, ONE, CHILD)),
        ("0" * 63, page(0, 1, CHILD)),
    ],
)
def test_a_malformed_page_is_refused(prefix: str, data: bytes) -> None:
    with pytest.raises(VerificationFailed) as refused:
        state_page.decode(prefix, data)
    assert refused.value.code == "page-damaged"


def test_a_missing_or_exchanged_child_page_is_noticed() -> None:
    pages = built(SAMPLE)
    key = NEIGHBOURS[-1]
    prefix = state_tree.path_of(key).hex()[0]
    missing = Pages({name: data for name, data in pages.stored.items() if name != prefix})
    changed = Pages({**pages.stored, prefix: built({**SAMPLE, key: b"other"}).stored[prefix]})
    for damaged in (missing, changed):
        with pytest.raises(VerificationFailed) as refused:
            state_tree.prove(damaged, key)
        assert refused.value.code == "page-damaged"
    with pytest.raises(VerificationFailed):
        state_tree.update(missing, {key: b"new"})
