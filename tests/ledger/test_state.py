"""State in memory and in layers reads as one dictionary would, also while rules write and scan at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, VerificationFailed
from ledger.state import EmptyState, MemoryState, Overlay

KEYS = st.text("ab/", min_size=1, max_size=4)
CHANGES = st.dictionaries(KEYS, st.none() | st.integers(0, 9), max_size=8)


@given(st.lists(CHANGES, max_size=5), KEYS)
def test_layers_and_memory_read_as_one_dictionary(layers: list[dict[str, int | None]], prefix: str) -> None:
    told: dict[str, int] = {}
    memory, overlay = MemoryState(), Overlay(EmptyState())
    for changes in layers:
        layer = Overlay(overlay)
        for key, value in changes.items():
            if value is None:
                layer.delete(key)
                told.pop(key, None)
            else:
                layer.put(key, value)
                told[key] = value
        memory.apply(layer.changes)
        layer.merge_into(overlay)
    expected = sorted((key, value) for key, value in told.items() if key.startswith(prefix))
    assert list(overlay.scan(prefix)) == expected
    assert list(Overlay(memory).scan(prefix)) == expected
    assert all(Overlay(memory).get(key) == value for key, value in told.items())


def test_a_scan_sees_the_state_as_it_was_when_it_began() -> None:
    below = Overlay(EmptyState())
    for number in range(4):
        below.put(f"n/{number}", number)
    layer, seen = Overlay(below), []
    for key, value in layer.scan("n/"):
        seen.append(value)
        layer.put("n/9", 9)
        layer.put(f"n/{min(3, value + 1)}", 100)
        layer.delete(key)
    assert seen == [0, 1, 2, 3]


def test_what_is_read_is_the_readers_own() -> None:
    state = Overlay(EmptyState())
    state.put("k", {"list": [1]})
    found = state.get("k")
    assert found is not None
    found["list"].append(2)
    assert state.get("k") == {"list": [1]}


@pytest.mark.parametrize("key", ["", "\u00e4", "a\n", "x" * 300])
def test_keys_are_short_printable_ascii(key: str) -> None:
    with pytest.raises(InputError, match="bad-state-key"):
        Overlay(EmptyState()).put(key, 1)


def test_a_stored_value_that_is_no_json_is_damage() -> None:
    memory = MemoryState()
    memory.apply({"k": b"\xff"})
    with pytest.raises(VerificationFailed, match="state-damaged"):
        Overlay(memory).get("k")
