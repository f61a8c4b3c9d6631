"""Money into shares and back, for financings. Pure; amounts are integers of the currency's minor unit.

The base is always the amount that was registered. One promise carries everything else: **a share covers the money that is lent on
it**, `share * registered >= money * WHOLE`, after every step. Shares on a declaration never add up to more than its ceiling, so the
money lent and not repaid, by all banks together, never adds up to more than was financeable. What uses is therefore rounded up to a
step, what frees is rounded down, and whoever takes all that is left takes exactly that share, for at most the money that it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.shares import CAPACITY_MAX, STEP, WHOLE, floor_to_step, freed_by_amount, share_of_amount
from ledger.errors import InputError, Refused


@dataclass(frozen=True, slots=True)
class Use:
    """A share, and the money that it is used or freed for."""

    share: int
    amount_minor: int


def amount_of_share(share: int, registered_minor: int) -> int:
    """The most money that a share covers."""
    return share * registered_minor // WHOLE


def exact_share(amount_minor: int, registered_minor: int) -> int:
    """The smallest share, steps left aside, that covers an amount."""
    return -(-amount_minor * WHOLE // registered_minor)


def covers(share: int, amount_minor: int, registered_minor: int) -> bool:
    """Whether a share is enough for an amount."""
    return share * registered_minor >= amount_minor * WHOLE


def applied(amount_minor: int | None, registered_minor: int, available: int) -> Use:
    """What an application asks for; None asks for all that is left.

    More than is left stays more, so that the ledger refuses it and says how much there is. Where nothing is left, None asks for a
    step. Raises `InputError` (`amount-invalid`) for nothing at all.
    """
    if amount_minor is None:
        share = available or STEP
        return Use(share, amount_of_share(share, registered_minor))
    if amount_minor <= 0:
        raise InputError("amount-invalid", "an application is for more than nothing")
    share = share_of_amount(amount_minor, registered_minor)
    if share > available > 0 and covers(available, amount_minor, registered_minor):
        share = available
    return Use(min(share, CAPACITY_MAX), amount_minor)


def kept(amount_minor: int | None, held: int, applied_minor: int, registered_minor: int) -> Use:
    """What a line keeps at intake or approval; None keeps all of it, 0 lets it go. What is freed is rounded down to a step.

    Raises `Refused` (`exceeds-hold`) for more than the line holds.
    """
    most_minor = min(applied_minor, amount_of_share(held, registered_minor))
    if amount_minor is None or held == 0:
        return Use(held, most_minor)
    if amount_minor == 0:
        return Use(0, 0)
    if amount_minor > most_minor:
        raise Refused("exceeds-hold", "more is to be kept than the line holds")
    return Use(held - floor_to_step(held - exact_share(amount_minor, registered_minor)), amount_minor)


@dataclass(frozen=True, slots=True)
class LoanLine:
    """A line of an approved financing, in shares and in money. `approved_minor` is what may be lent on it in all, `lost_minor` what is
    written off, and `adjusted_minor` what corrections added or took, and hand-overs took away. On a declaration that replaced
    another one `registered_minor` may be the least that it can be, and `registered_most_minor` the most.
    """

    registered_minor: int
    approved_minor: int
    held: int
    drawn: int
    disbursed_minor: int
    repaid_minor: int
    lost: int = 0
    lost_minor: int = 0
    adjusted_minor: int = 0
    registered_most_minor: int | None = None

    @property
    def frees_of_minor(self) -> int:
        """What a repayment is a part of: the most that may have been registered, where that is known within bounds only."""
        return self.registered_minor if self.registered_most_minor is None else self.registered_most_minor

    @property
    def outstanding_minor(self) -> int:
        """Lent, not repaid and not given up; 0 where more was repaid than was lent."""
        return max(0, self.disbursed_minor + self.adjusted_minor - self.repaid_minor - self.lost_minor)

    @property
    def short(self) -> int:
        """What must stay drawn for the money written off, where the share that is lost does not cover all of it."""
        return max(0, exact_share(self.lost_minor, self.registered_minor) - self.lost)

    @property
    def undrawn_minor(self) -> int:
        """What may still be lent: of the amount approved, as far as the shares that are held cover it."""
        if self.held == 0:
            return 0
        covered = amount_of_share(self.drawn + self.held, self.registered_minor) - self.outstanding_minor
        return max(0, min(self.approved_minor - self.disbursed_minor, covered))


def drawn(amount_minor: int | None, line: LoanLine) -> Use:
    """What a disbursement draws; None draws all that may still be lent. The last of it takes exactly what is held.

    Raises `Refused` (`exceeds-hold`) for more than may still be lent.
    """
    left = line.undrawn_minor
    wanted = left if amount_minor is None else amount_minor
    if wanted == 0:
        return Use(0, 0)
    if wanted > left:
        raise Refused("exceeds-hold", "more is to be disbursed than was approved and is left")
    share = line.held if wanted == left else min(line.held, share_of_amount(wanted, line.registered_minor))
    return Use(share, wanted)


def repaid(amount_minor: int | None, line: LoanLine) -> Use:
    """What a repayment frees; None repays all that is outstanding, and the last repayment of a line frees all that it drew.

    The share is 0 where the amount is less than a step. What is still drawn where nothing is owed any more is freed for nothing, but for
    what a loss on the line needs: that stays, and can be written off.
    Raises `Refused` (`exceeds-drawn`) for more than is outstanding.
    """
    owed = line.outstanding_minor
    wanted = owed if amount_minor is None else amount_minor
    if wanted > owed:
        raise Refused("exceeds-drawn", "more is to be repaid than is outstanding")
    if wanted == owed:
        return Use(line.drawn if line.short == 0 else max(0, floor_to_step(line.drawn - line.short)), wanted)
    return Use(min(line.drawn, freed_by_amount(wanted, line.frees_of_minor)), wanted)


def recovered(amount_minor: int | None, line: LoanLine) -> Use:
    """What comes in for a line from collections: as `repaid` as long as anything is outstanding, then for what was written off.

    Raises `Refused` (`exceeds-drawn`).
    """
    if line.outstanding_minor or not line.lost_minor:
        return repaid(amount_minor, line)
    rest = replace(line, drawn=line.drawn + line.lost, disbursed_minor=line.lost_minor, repaid_minor=0, adjusted_minor=0)
    return repaid(amount_minor, replace(rest, lost=0, lost_minor=0))


def spread(total_minor: int, owed_minor: Sequence[int]) -> list[int]:
    """A total over lines, the first ones first. Raises `Refused` (`exceeds-drawn`) where the total is more than all owe."""
    if total_minor > sum(owed_minor):
        raise Refused("exceeds-drawn", "more is to be repaid than is outstanding")
    amounts = []
    for owed in owed_minor:
        amounts.append(min(owed, total_minor))
        total_minor -= amounts[-1]
    return amounts


def collected_share(amount_minor: int, registered_minor: int) -> int:
    """What a collection takes from the declaration: it lowers what may be financed, so it is rounded up.

    Raises `InputError` (`amount-invalid`) for nothing, or for more than ten times what was registered.
    """
    share = share_of_amount(amount_minor, registered_minor) if amount_minor > 0 else 0
    if not 0 < share <= CAPACITY_MAX:
        raise InputError("amount-invalid", "a collection is above zero, and at most ten times what was registered")
    return share


def used_up(share: int, cited: Sequence[tuple[int, int]], registered_minor: int) -> list[int]:
    """How much of each collection repays a share: in their order, each by its amount and never beyond what it has unused; the last
    makes up the rest. `cited` are (unused share, amount to use). Raises `Refused` (`exceeds-collected`).
    """
    takes = []
    for unused, amount_minor in cited[:-1]:
        takes.append(min(unused, share, freed_by_amount(amount_minor, registered_minor)))
        share -= takes[-1]
    last_unused = cited[-1][0]
    takes.append(min(last_unused, share))
    share -= takes[-1]
    for place, (unused, _) in enumerate(cited):
        more = min(unused - takes[place], share)
        takes[place] += more
        share -= more
    if share:
        raise Refused("exceeds-collected", "the collections hold less unused than is to be repaid from them")
    return takes
