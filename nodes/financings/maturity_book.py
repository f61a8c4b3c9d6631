"""Until when a loan runs, and what of it is overdue (逾期): from the days in the loan's parts, what is repaid, and the lender's own changes
of maturity (展期), which stand in a table of their own and on no ledger.

A change holds for every tranche that was paid out before it. Repayments count against what matures first. A loan is overdue from the day
after its last one, by the node's clock, in UTC+8, as long as something of it is still drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from nodes.financings.particulars import Loan
from nodes.private import metadata

changes = sa.Table(
    "maturity_changes",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    sa.Column("loans", sa.BigInteger, nullable=False),
    sa.Column("matured_on", sa.Text, nullable=False),
    sa.Column("matures_on", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("prepared_by", sa.Text, nullable=False),
    sa.Column("signed_by", sa.Text, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    comment="the lender's own: maturities changed by two people; `loans` is how many tranches, the first ones, a change is about",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of maturity that two people signed, from one day to another."""

    task: str
    loans: int
    matured_on: str
    matures_on: str
    reason: str
    prepared_by: str
    signed_by: str
    changed_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What is next to mature and when, and what is overdue since when, in minor units. `matures_on` is None where nothing is owed."""

    matures_on: str | None
    overdue_minor: int
    days_overdue: int


def maturities(loans: Sequence[Loan], made: Sequence[Change]) -> list[str]:
    """Until when each tranche runs, after the changes in their order."""
    days = [loan.matures_on for loan in loans]
    for change in made:
        days[: change.loans] = [change.matures_on] * min(change.loans, len(days))
    return days


def standing(loans: Sequence[Loan], made: Sequence[Change], repaid_minor: int, *, drawn: bool, today: date) -> Standing:
    """Pure. `drawn`: the ledger still counts something of it as used."""
    owed: list[tuple[str, int]] = []
    left = repaid_minor
    for day, loan in sorted(zip(maturities(loans, made), loans, strict=True), key=lambda pair: pair[0]):
        paid = min(left, loan.amount_minor)
        left -= paid
        if loan.amount_minor > paid:
            owed.append((day, loan.amount_minor - paid))
    if not owed or not drawn:
        return Standing(None, 0, 0)
    first = owed[0][0]
    overdue = sum(amount for day, amount in owed if date.fromisoformat(day) < today)
    return Standing(first, overdue, max(0, (today - date.fromisoformat(first)).days))


def changes_by_financing(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Change]]:
    """The changes to financings, in the order in which they were signed."""
    found: dict[str, list[Change]] = {financing_id: [] for financing_id in ids}
    for row in connection.execute(sa.select(changes).where(changes.c.financing.in_(ids)).order_by(changes.c.changed_ms, changes.c.task)):
        values = row._asdict()
        found[values.pop("financing")].append(Change(**values))
    return found
