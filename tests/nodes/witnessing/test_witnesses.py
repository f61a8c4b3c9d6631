"""Whose key counts as a witness's, and which of the notes that witnesses cosigned a proof leads to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import cosignatures_of, parse_note
from ledger.clock import SettableClock
from ledger.errors import TallystickError
from ledger.limits import COSIGNED_SIZES_KEPT, WITNESSES_MAX
from ledger.witness import WitnessKey
from nodes.private import PrivateStore
from nodes.witnessing.cosigned import CosignedNotes
from nodes.witnessing.witnesses import PEER, Witnesses
from tests.ledger.small_ledger import START_MS, Solo, solo_ledger

KEYS = {name: WitnessKey(name, Ed25519PrivateKey.from_private_bytes(bytes([place + 1]) * 32)) for place, name in enumerate("abc")}


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateStore]:
    store = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    yield store
    store.close()


@pytest.fixture
def witnesses(private: PrivateStore) -> Witnesses:
    return Witnesses(private, SettableClock(START_MS))


@pytest.fixture
def solo(tmp_path: Path) -> Iterator[Solo]:
    with solo_ledger(tmp_path / "solo.db") as running:
        yield running


def public(name: str) -> str:
    return KEYS[name].public.hex()


def refused(witnesses: Witnesses, name: str, key: str, source: str = "member") -> str:
    with pytest.raises(TallystickError) as caught:
        witnesses.announce(name, key, source)
    return caught.value.code


def test_the_first_key_counts_and_another_one_waits_to_be_accepted(witnesses: Witnesses) -> None:
    witnesses.announce("a", public("a"), "member")
    witnesses.announce("a", public("a"), "member")
    assert refused(witnesses, "a", public("b")) == "witness-key-other"
    assert witnesses.keys() == {"a": KEYS["a"].public}
    assert witnesses.accept("a").public == public("b")
    assert witnesses.keys() == {"a": KEYS["b"].public}
    with pytest.raises(TallystickError, match="nothing-offered"):
        witnesses.accept("a")


def test_one_key_is_one_witness(witnesses: Witnesses) -> None:
    witnesses.announce("a", public("a"), "member")
    witnesses.announce("b", public("b"), "member")
    assert refused(witnesses, "c", public("a")) == "bad-witness"
    assert refused(witnesses, "b", public("a")) == "witness-key-other"
    with pytest.raises(TallystickError, match="bad-witness"):
        witnesses.accept("b")
    with pytest.raises(TallystickError, match="bad-witness"):
        witnesses.add("c", public("b"))
    assert witnesses.keys() == {"a": KEYS["a"].public, "b": KEYS["b"].public}


def test_a_peers_address_vouches_for_one_witness_only(witnesses: Witnesses) -> None:
    witnesses.announce("a", public("a"), PEER + "http://a")
    assert refused(witnesses, "b", public("b"), PEER + "http://a") == "bad-witness"
    witnesses.announce("b", public("b"), PEER + "http://b")


@pytest.mark.parametrize(("name", "key"), [("", "00" * 32), ("a b", "00" * 32), ("a+b", "00" * 32), ("a", "00"), ("a", "AA" * 32)])
def test_what_is_no_witness_is_refused(witnesses: Witnesses, name: str, key: str) -> None:
    assert refused(witnesses, name, key) == "bad-witness"


def test_a_node_knows_a_bounded_number_of_witnesses(witnesses: Witnesses) -> None:
    for number in range(WITNESSES_MAX):
        witnesses.announce(f"w{number}", f"{number:064x}", "member")
    assert refused(witnesses, "one-more", "ff" * 32) == "too-many-witnesses"


def cosign(private: PrivateStore, solo: Solo, *names: str, time_s: int = 1_700_000_000) -> int:
    """Cosigns the newest note: its size."""
    with solo.store.reading() as reader:
        note = reader.checkpoint() or ""
        size = parse_note(note).checkpoint.size
        CosignedNotes(private).keep(reader, size, [KEYS[name].cosign(note, time_s) for name in names])
    return size


def test_a_proof_leads_to_the_note_with_most_cosignatures_that_covers_it(private: PrivateStore, witnesses: Witnesses, solo: Solo) -> None:
    for name in "abc":
        witnesses.announce(name, public(name), "member")
    solo.put("one")
    many = cosign(private, solo, "a", "b")
    solo.put("two")
    few = cosign(private, solo, "c")
    solo.put("three")
    notes = CosignedNotes(private)
    with solo.store.reading() as reader:
        newest, best, later = notes.newest(reader), notes.best(reader), notes.best(reader, many)
        assert newest is not None and best is not None and later is not None
        assert (newest.size, dict(newest.cosigners)) == (reader.head.log_size + 1, {})
        assert (best.size, sorted(best.cosigners)) == (many, ["a", "b"])
        assert (later.size, sorted(later.cosigners)) == (few, ["c"])
        assert len(cosignatures_of(best.note, witnesses.keys())) == 2
        assert notes.best(reader, few) is None
        assert notes.anchor(reader, few) is None
    assert notes.cosigners_above(many) == {"c": few}
    assert notes.cosigners_above(many - 1) == {"a": many, "b": many, "c": few}


def test_a_cosignature_by_a_key_that_counts_no_more_counts_no_more(private: PrivateStore, witnesses: Witnesses, solo: Solo) -> None:
    witnesses.announce("a", public("a"), "member")
    solo.put("one")
    cosign(private, solo, "a")
    assert list(CosignedNotes(private).cosigners_above(0)) == ["a"]
    witnesses.add("a", public("b"))
    assert CosignedNotes(private).cosigners_above(0) == {}
    with solo.store.reading() as reader:
        assert CosignedNotes(private).best(reader) is None


def test_the_newest_cosignature_of_a_witness_stays(private: PrivateStore, witnesses: Witnesses, solo: Solo) -> None:
    witnesses.announce("a", public("a"), "member")
    solo.put("one")
    for time_s in (10, 30, 20):
        cosign(private, solo, "a", time_s=time_s)
    with solo.store.reading() as reader:
        newest = CosignedNotes(private).newest(reader)
    assert newest is not None
    assert newest.cosigners == {"a": 30}


def test_cosignatures_of_old_sizes_are_forgotten(
    private: PrivateStore, witnesses: Witnesses, solo: Solo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert COSIGNED_SIZES_KEPT > 3
    monkeypatch.setattr("nodes.witnessing.cosigned.COSIGNED_SIZES_KEPT", 3)
    witnesses.announce("a", public("a"), "member")
    sizes = []
    for name in ("one", "two", "three", "four", "five"):
        solo.put(name)
        sizes.append(cosign(private, solo, "a"))
    notes = CosignedNotes(private)
    with solo.store.reading() as reader:
        found = [notes._cosigned(reader.checkpoint(height) or "", size).cosigners for height, size in enumerate(sizes, 1)]
    assert [bool(each) for each in found] == [False, False, True, True, True]


def test_a_note_that_no_block_ends_with_keeps_no_cosignature(private: PrivateStore, witnesses: Witnesses, solo: Solo) -> None:
    witnesses.announce("a", public("a"), "member")
    solo.put("one")
    with solo.store.reading() as reader:
        note = reader.checkpoint() or ""
        size = parse_note(note).checkpoint.size
        CosignedNotes(private).keep(reader, size - 1, [KEYS["a"].cosign(note, 1)])
    assert CosignedNotes(private).cosigners_above(0) == {}


def test_a_server_counts_cosignatures_as_a_file_does(postgresql_url: str, solo: Solo) -> None:
    private = PrivateStore(postgresql_url)
    try:
        witnesses, notes = Witnesses(private, SettableClock(START_MS)), CosignedNotes(private)
        for name in "ab":
            witnesses.announce(name, public(name), "member")
        solo.put("one")
        size = cosign(private, solo, "a", "b")
        cosign(private, solo, "a", time_s=1_800_000_000)
        with solo.store.reading() as reader:
            best = notes.best(reader)
        assert best is not None
        assert (best.size, dict(best.cosigners)) == (size, {"a": 1_800_000_000, "b": 1_700_000_000})
        assert notes.cosigners_above(0) == {"a": size, "b": size}
    finally:
        private.close()
