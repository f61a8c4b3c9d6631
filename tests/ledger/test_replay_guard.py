from __future__ import annotations

import tracemalloc
from hashlib import sha256

from ledger.replay_guard import HeightIndex, ReplayGuard, entry_key
from ledger.state import MemoryState, Overlay
from tests.apart import measured_apart


def ids_of(height: int, count: int) -> list[str]:
    return [sha256(f"{height}/{number}".encode()).hexdigest() for number in range(count)]


class Chain:
    """A state that moves on as an engine's does: first the state, then the guard."""

    def __init__(self) -> None:
        self.state = MemoryState()
        self.guard = ReplayGuard(self.state)

    def block(self, height: int, ids: list[str], until: int, time_ms: int = 0) -> None:
        overlay = Overlay(self.state)
        pruned = self.guard.prune(overlay, time_ms)
        entry = {"ids": ids, "until": until}
        overlay.put(entry_key(height), entry)
        self.state.apply(overlay.changes)
        self.guard.advance(pruned, height, entry)


def test_every_admitted_id_is_known_and_no_other() -> None:
    chain = Chain()
    for height in range(1, 60):
        chain.block(height, ids_of(height, 100), until=1_000)
    assert all(record_id in chain.guard for height in range(1, 60) for record_id in ids_of(height, 100))
    assert not any(record_id in chain.guard for record_id in ids_of(60, 5_000))


def test_an_id_that_only_begins_like_an_admitted_one_is_not_known() -> None:
    chain = Chain()
    known = ids_of(1, 1)[0]
    chain.block(1, [known], until=1_000)
    assert known[:63] + ("0" if known[63] != "0" else "1") not in chain.guard


def test_ids_that_begin_alike_are_told_apart() -> None:
    chain = Chain()
    alike = ["ab" * 8 + digest[16:] for digest in ids_of(1, 20)]
    for height, record_id in enumerate(alike, 1):
        chain.block(height, [record_id], until=1_000)
    assert all(record_id in chain.guard for record_id in alike)
    assert "ab" * 8 + ids_of(2, 1)[0][16:] not in chain.guard


def test_ids_are_forgotten_when_their_time_is_past() -> None:
    chain = Chain()
    chain.block(1, ids_of(1, 3), until=10)
    chain.block(2, ids_of(2, 3), until=99)
    chain.block(3, ids_of(3, 3), until=99, time_ms=10)
    assert not any(record_id in chain.guard for record_id in ids_of(1, 3))
    assert all(record_id in chain.guard for height in (2, 3) for record_id in ids_of(height, 3))


def test_a_guard_made_anew_from_the_state_knows_the_same() -> None:
    chain = Chain()
    for height in range(1, 30):
        chain.block(height, ids_of(height, 70), until=5 * height, time_ms=2 * height)
    anew = ReplayGuard(chain.state)
    for height in range(1, 30):
        assert [record_id in anew for record_id in ids_of(height, 70)] == [record_id in chain.guard for record_id in ids_of(height, 70)]


def index_traced(count: int) -> tuple[int, int]:
    """The bytes of an index of so many ids, and of what is left once all but the newest height are forgotten, for a process of its own."""
    tracemalloc.start()
    index = HeightIndex()
    for number in range(count):
        index.add(number << 40 | number, 1 + number // 100)
    full = tracemalloc.get_traced_memory()[0]
    index.forget_below(count // 100)
    return full, tracemalloc.get_traced_memory()[0]


def test_an_id_takes_some_tens_of_bytes_and_gives_them_back() -> None:
    full, left = measured_apart(index_traced, 80_000)
    assert full < 40 * 80_000
    assert left < 15 * 80_000


def test_what_is_forgotten_is_not_found_and_the_rest_is() -> None:
    index = HeightIndex()
    for number in range(80_000):
        index.add(number << 40 | number, 1 + number // 100)
    assert [list(index.of(number << 40 | number)) for number in (0, 79_999)] == [[1], [800]]
    index.forget_below(800)
    assert [list(index.of(number << 40 | number)) for number in (0, 79_999)] == [[], [800]]
    index.forget_below(801)
    assert list(index.of(79_999 << 40 | 79_999)) == []
