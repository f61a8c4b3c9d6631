"""Shares: parts per million of the amount that a declaration was registered with, and the formulas over them.

Everything here is integer arithmetic on shares; amounts come in the currency's minor unit, as integers too. What uses is rounded
up to a step and what frees is rounded down, so that rounding never lends a cent twice.
"""

from __future__ import annotations

from typing import Final

WHOLE: Final = 1_000_000
STEP: Final = 1_000
CAPACITY_MAX: Final = 10 * WHOLE
SHARES_MAX: Final = 10**13
RATIO_ONE: Final = 10**9
RATIO_MAX: Final = 10**12


def ceil_to_step(share: int) -> int:
    """The smallest multiple of `STEP` that is not below a share: how a use is rounded."""
    return -(-share // STEP) * STEP


def floor_to_step(share: int) -> int:
    """The largest multiple of `STEP` that is not above a share: how what frees is rounded."""
    return share // STEP * STEP


def share_of_amount(amount_minor: int, registered_minor: int) -> int:
    """The share that a use of an amount takes, in whole steps: never less than the amount's exact part of the registered amount."""
    return -(-amount_minor * WHOLE // (registered_minor * STEP)) * STEP


def freed_by_amount(amount_minor: int, registered_minor: int) -> int:
    """The share that an amount frees, in whole steps: never more than the amount's exact part of the registered amount."""
    return amount_minor * WHOLE // (registered_minor * STEP) * STEP


def ceiling(ceiling_ppm: int, capacity: int, collected: int) -> int:
    """What may be financed at all: the financing ratio of what is declared and not yet collected."""
    return ceiling_ppm * max(0, capacity - collected) // WHOLE


def used(drawn: int, lost: int, committed: int, held: int) -> int:
    """What is taken: drawn and not repaid, written off, committed by approvals, and held by live applications."""
    return drawn + lost + committed + held


def available(ceiling_share: int, used_share: int) -> int:
    """What a new application may hold."""
    return max(0, ceiling_share - used_share)


def room(ceiling_share: int, drawn: int, lost: int, committed: int, older_held: int) -> int:
    """What an application may commit: younger holds do not count, so that the older of two holders wins."""
    return max(0, ceiling_share - drawn - lost - committed - older_held)


def in_steps(share: int, whole_of: int) -> bool:
    """Whether a share is a multiple of `STEP`, or exactly the whole that it is taken from."""
    return share % STEP == 0 or share == whole_of


def carried(share: int, ratio: int) -> int:
    """What a share becomes of the declaration that replaces another one, by their ratio in parts of `RATIO_ONE`, rounded up."""
    return -(-share * ratio // RATIO_ONE)
