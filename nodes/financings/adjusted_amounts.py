"""What is written off, taken back or corrected, in shares that agree with the money. Pure; amounts in the currency's minor unit.

The promise of `nodes.financings.amounts` holds on: what is drawn covers what is outstanding, and what is drawn and lost together covers
that and what is written off.
"""

from __future__ import annotations

from contracts.shares import STEP, ceil_to_step, floor_to_step, share_of_amount
from ledger.errors import Refused
from nodes.financings.amounts import LoanLine, Use, covers, exact_share


def written_off(amount_minor: int | None, line: LoanLine) -> Use:
    """What is given up of what is outstanding; None gives up all of it. The share is 0 for less than a step.

    Raises `Refused` (`exceeds-drawn`) for more than is outstanding.
    """
    owed = line.outstanding_minor
    wanted = owed if amount_minor is None else amount_minor
    if wanted > owed:
        raise Refused("exceeds-drawn", "more is to be written off than is outstanding")
    if wanted == owed:
        return Use(line.drawn, wanted)
    if wanted == 0:
        return Use(0, 0)
    return Use(max(0, floor_to_step(line.drawn - exact_share(owed - wanted, line.registered_minor))), wanted)


def taken_back(amount_minor: int | None, line: LoanLine) -> Use:
    """What is outstanding again of what was written off; None takes all of it back. Shares are above zero, as the amount is.

    Raises `Refused` (`exceeds-drawn`) for more than was written off.
    """
    wanted = line.lost_minor if amount_minor is None else amount_minor
    if wanted > line.lost_minor:
        raise Refused("exceeds-drawn", "more is to be taken back than was written off")
    if wanted == line.lost_minor:
        return Use(line.lost, wanted)
    if wanted == 0:
        return Use(0, 0)
    needed = exact_share(line.outstanding_minor + wanted, line.registered_minor) - line.drawn
    return Use(min(line.lost, max(STEP, ceil_to_step(needed))), wanted)


def corrected(delta_minor: int | None, line: LoanLine, available: int) -> Use:
    """A signed change of what was recorded as drawn, as a signed share; None changes nothing. `available` is what the declaration has
    left: more than that stays more, so that the rules ask for the authority's signature.

    Raises `Refused` (`exceeds-drawn`) where more is taken away than is outstanding.
    """
    delta, owed = delta_minor or 0, line.outstanding_minor
    if delta < 0:
        if -delta > owed:
            raise Refused("exceeds-drawn", "more is to be taken away than is outstanding")
        gone = line.drawn if -delta == owed and line.short == 0 else _freed(line, owed + delta)
        return Use(-gone, delta)
    share = share_of_amount(delta, line.registered_minor)
    if share > available > 0 and covers(available, delta, line.registered_minor):
        share = available
    return Use(share, delta)


def _freed(line: LoanLine, left_minor: int) -> int:
    """What of a line need not stay drawn for what is left outstanding on it."""
    return max(0, floor_to_step(line.drawn - exact_share(left_minor, line.registered_minor) - line.short))
