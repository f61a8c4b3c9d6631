"""The state entries about validators, which only a network has whose genesis names some: their shapes, and reading and writing of them.

validators          the set in force, sorted by public key
validator_changes   how much of it changed, and when, as far back as any policy may ask
"""

from __future__ import annotations

from typing import TypedDict, cast

from ledger.rules import State


class Validator(TypedDict):
    """A key that votes on blocks: its id, its member, the power of its vote, and its 32 public bytes (Ed25519) in hex."""

    key: str
    member: str
    power: int
    public: str


class PowerChange(TypedDict):
    """What changed hands by a change of the validators at a time in ms, and the power of the whole set that it changed.

    For several changes of one day, the time of the last, the sum, and the smallest set.
    """

    at: int
    changed: int
    total: int


def in_force(state: State) -> list[Validator] | None:
    """The set in force, sorted by public key; None in a network without validators."""
    return cast("list[Validator] | None", state.get("validators"))


def put_in_force(state: State, entry: list[Validator]) -> None:
    state.put("validators", entry)


def changes(state: State) -> list[PowerChange]:
    """Those of the last days that any policy may ask about, the oldest first."""
    return cast("list[PowerChange]", state.get("validator_changes") or [])


def put_changes(state: State, entry: list[PowerChange]) -> None:
    state.put("validator_changes", entry)
