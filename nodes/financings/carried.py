"""Where a line stands after its declaration was replaced, and what its shares are parts of there.

The bank need not know what the successor was registered with: the public ratio, `ceil(old * 10**9 / new)`, bounds it from both sides. What
uses is computed with the least amount, what frees with the most, so that a share goes on covering the money that is lent on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts import entries, shares
from contracts.shares import RATIO_ONE
from ledger.limits import AMOUNT_MINOR_MAX
from ledger.rules import State


@dataclass(frozen=True, slots=True)
class Base:
    """The amount registered of a declaration, in minor units: at least and at most; the same where it is known."""

    least_minor: int
    most_minor: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The declaration that a line is on, with the ratios that led there, and what was committed of it."""

    declaration: str
    ratios: tuple[int, ...]
    was: int


def carried_base(base: Base, ratio: int) -> Base:
    """The bounds of a successor's amount from those of the one that it replaces.

    `old * 10**9 / ratio <= new < old * 10**9 / (ratio - 1)`.
    """
    least = min(AMOUNT_MINOR_MAX, -(-base.least_minor * RATIO_ONE // ratio))
    most = AMOUNT_MINOR_MAX if ratio == 1 else min(AMOUNT_MINOR_MAX, (base.most_minor * RATIO_ONE - 1) // (ratio - 1))
    return Base(least, max(least, most))


def standing_of(state: State, registered_on: str, line: entries.Line) -> Standing:
    """From the declaration that the line was made on. One with nothing held, drawn or lost stays behind on the ledger until somebody
    touches it, and is told here as it will stand then.
    """
    idle = not (line["held"] or line["drawn"] or line["lost"])
    declaration, ratios, was, moved = registered_on, [], line["was"], registered_on == line["declaration"]
    while (entry := entries.declaration(state, declaration)) is not None and entry["replaced_by"] is not None and (idle or not moved):
        successor = entry["replaced_by"]
        if moved:
            was = min(shares.carried(was, successor["ratio"]), shares.SHARES_MAX)
        ratios.append(successor["ratio"])
        declaration = successor["declaration"]
        moved = moved or declaration == line["declaration"]
    return Standing(declaration, tuple(ratios), was)
