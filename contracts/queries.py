"""Questions that nodes ask of the state: how a declaration and a financing stand at a time. Nothing here writes.

What an application would get is not asked here: its handler, run on an overlay that is thrown away, gives the exact answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts import balances, entries
from contracts.balances import financing_state
from ledger.rules import State

__all__ = ["Standing", "available", "financing_state", "standing", "status"]


@dataclass(frozen=True, slots=True)
class Standing:
    """`status`: REGISTERED, OVERUSED, COLLECTED, VOID or REPLACED. `use`: none, part or full. The rest are shares."""

    status: str
    use: str
    available: int
    ceiling: int
    used: int
    held: int
    committed: int
    drawn: int
    collected: int


def available(state: State, declaration_id: str, time_ms: int) -> int:
    """What a new application may hold on a declaration at a time; 0 where it is not registered."""
    entry = entries.declaration(state, declaration_id)
    return 0 if entry is None else balances.available(entry, time_ms)


def status(state: State, declaration_id: str, time_ms: int) -> str | None:
    """The status of a declaration at a time, or None where it is not registered."""
    entry = entries.declaration(state, declaration_id)
    return None if entry is None else balances.status(entry, time_ms)


def standing(entry: entries.Declaration, time_ms: int) -> Standing:
    """How a declaration's entry stands at a time. It is used in full where it is used and nothing is left under its ceiling."""
    used, ceiling = balances.used(entry, time_ms), balances.ceiling(entry)
    use = "none" if used == 0 else "full" if used >= ceiling else "part"
    return Standing(
        status=balances.status(entry, time_ms),
        use=use,
        available=balances.available(entry, time_ms),
        ceiling=ceiling,
        used=used,
        held=sum(hold["share"] for hold in balances.alive_holds(entry, time_ms)),
        committed=balances.committed(entry),
        drawn=entry["drawn"],
        collected=entry["collected"],
    )
