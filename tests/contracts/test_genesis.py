"""The first state, and what a genesis document must show."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.genesis import write_genesis
from contracts.invariants import check_invariants
from contracts.policy import Policy
from ledger.errors import InputError
from ledger.state import EmptyState, Overlay
from tests.contracts.harness import START, A, genesis, key


def test_a_genesis_gives_a_sound_state_with_the_default_policy() -> None:
    state = Overlay(EmptyState())
    write_genesis(state, genesis(), START)
    assert check_invariants(state, 0) == []
    assert state.get("policy") == Policy().model_dump()
    assert state.get("registrar") == {"member": "customs"}
    member = state.get(f"member/{A}")
    assert member is not None and member["role"] == "bank"


BOUNDS = {
    "ceiling_ppm": (1_000, 1_000_000),
    "financeable_months": (1, 36),
    "hold_days_max": (1, 60),
    "approved_days_alert": (1, 90),
    "approved_days_stale": (1, 90),
    "allocations_max": (1, 1_000),
    "holds_max": (1, 256),
    "not_after_days_max": (1, 30),
    "records_per_member_block": (10, 10_000),
    "governance_delay_hours": (0, 720),
    "power_change_third_days": (1, 90),
    "onboarding_days": (0, 365),
}


@pytest.mark.parametrize("field", sorted(BOUNDS))
def test_a_policy_field_is_bounded(field: str) -> None:
    low, high = BOUNDS[field]
    for good in (low, high):
        write_genesis(Overlay(EmptyState()), genesis(None, **{field: good}), START)
    wrong: tuple[Any, ...] = (low - 1, high + 1, str(low), True, float(low))
    for bad in wrong:
        with pytest.raises(InputError, match="bad-genesis") as raised:
            write_genesis(Overlay(EmptyState()), genesis(None, **{field: bad}), START)
        assert field in raised.value.message


@pytest.mark.parametrize("changes", [
    {"registrar": "nobody"},
    {"governors": [{"member": "nobody", "weight": 1}]},
    {"governors": [{"member": A, "weight": 1}, {"member": A, "weight": 1}]},
    {"governors": [{"member": A, "weight": 0}]},
    {"recovery": {"k": 1, "keys": []}},
    {"registry_commitment": "secret"},
    {"members": []},
    {"more": 1},
    {"policy": {"more": 1}},
])  # fmt: skip
def test_a_genesis_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="bad-genesis"):
        write_genesis(Overlay(EmptyState()), {**genesis(), **changes}, START)


def test_a_member_or_key_that_stands_twice_is_refused() -> None:
    document = genesis()
    document["members"].append({**document["members"][0], "member": "other"})
    with pytest.raises(InputError, match="stands twice"):
        write_genesis(Overlay(EmptyState()), document, START)
    document["members"][-1] = {**document["members"][0], "keys": [key(99)]}
    with pytest.raises(InputError, match="stands twice"):
        write_genesis(Overlay(EmptyState()), document, START)


def test_a_network_has_an_authority() -> None:
    document = genesis()
    document["members"][0]["role"] = "bank"
    with pytest.raises(InputError, match="authority"):
        write_genesis(Overlay(EmptyState()), document, START)
