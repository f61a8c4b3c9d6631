"""What a declaration's entry says at a time: what it has left, what a financing may commit, and how it stands.

A hold counts only while the time is before its end; `settle` writes down what has lapsed, and changes no answer.
"""

from __future__ import annotations

from typing import Final

from contracts import shares
from contracts.entries import Declaration, Financing, Hold

UNAPPROVED: Final = ("APPLIED", "IN_REVIEW")


def alive_holds(entry: Declaration, time_ms: int) -> list[Hold]:
    """Holds that count at a time."""
    return [hold for hold in entry["holds"] if time_ms < hold["until"]]


def ceiling(entry: Declaration) -> int:
    """What may be financed at all; nothing of a declaration that is void."""
    if entry["void"] is not None:
        return 0
    return shares.ceiling(entry["ceiling_ppm"], entry["capacity"], entry["collected"])


def committed(entry: Declaration) -> int:
    """What approvals committed and nobody has drawn."""
    return sum(item["share"] for item in entry["committed"])


def used(entry: Declaration, time_ms: int) -> int:
    """What is taken at a time."""
    held = sum(hold["share"] for hold in alive_holds(entry, time_ms))
    return shares.used(entry["drawn"], entry["lost"], committed(entry), held)


def available(entry: Declaration, time_ms: int) -> int:
    """What a new application may hold at a time."""
    if entry["void"] is not None or entry["replaced_by"] is not None or entry["frozen"] or time_ms >= entry["until"]:
        return 0
    return shares.available(ceiling(entry), used(entry, time_ms))


def room(entry: Declaration, at: list[int], line: int, time_ms: int) -> int:
    """What a line of an application of a given age may commit: its own hold and younger ones do not count.

    Where a replacement brought two lines of one application together, the earlier line counts as older.
    """
    older = sum(hold["share"] for hold in alive_holds(entry, time_ms) if (hold["at"], hold["line"]) < (at, line))
    return shares.room(ceiling(entry), entry["drawn"], entry["lost"], committed(entry), older)


def overused(entry: Declaration, time_ms: int) -> bool:
    """Whether more is used than the capacity allows, collections left aside."""
    allowed = 0 if entry["void"] is not None else shares.ceiling(entry["ceiling_ppm"], entry["capacity"], 0)
    return used(entry, time_ms) > allowed


def status(entry: Declaration, time_ms: int) -> str:
    """REGISTERED, OVERUSED, COLLECTED (above its ceiling only because money was collected), VOID or REPLACED."""
    if entry["replaced_by"] is not None:
        return "REPLACED"
    if entry["void"] is not None:
        return "VOID"
    if overused(entry, time_ms):
        return "OVERUSED"
    return "COLLECTED" if used(entry, time_ms) > ceiling(entry) else "REGISTERED"


def settle(entry: Declaration, time_ms: int) -> None:
    """Drops holds that have lapsed."""
    entry["holds"] = alive_holds(entry, time_ms)


def drop_hold(entry: Declaration, financing_id: str, line: int) -> None:
    """Lets go what a line of an application holds."""
    entry["holds"] = [hold for hold in entry["holds"] if (hold["financing"], hold["line"]) != (financing_id, line)]


def drop_committed(entry: Declaration, financing_id: str, line: int) -> None:
    """Lets go what an approval committed for a line."""
    entry["committed"] = [item for item in entry["committed"] if (item["financing"], item["line"]) != (financing_id, line)]


def financing_state(entry: Financing, time_ms: int) -> str:
    """The state of a financing at a time: an application whose hold has lapsed is EXPIRED, written down or not."""
    until = entry["hold_until"]
    if entry["state"] in UNAPPROVED and until is not None and time_ms >= until:
        return "EXPIRED"
    return entry["state"]


def counts(entry: Financing, time_ms: int) -> bool:
    """Whether what the lines hold counts at a time."""
    return financing_state(entry, time_ms) in (*UNAPPROVED, "APPROVED")
