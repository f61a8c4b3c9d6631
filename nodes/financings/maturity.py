"""Until when a loan runs, and what of it is overdue (逾期): from the days in the loan's parts, what is repaid, and the lender's own changes
of maturity (展期).

A change of maturity moves nothing on the ledger, so there is no record of it: two people of the lender decide it as a private task, and it
is kept with its history. It holds for every tranche that was paid out before it. Repayments count against what matures first. A loan is
overdue from the day after its last one, by the node's clock, in UTC+8, as long as something of it is still drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ledger.errors import InputError, NotPermitted, Refused
from ledger.limits import FINANCING_TEXT_CHARS_MAX
from nodes.caller import Caller, registered_key
from nodes.financings.particulars import Loan, loans_by_financing
from nodes.financings.parts import is_day
from nodes.private import metadata
from nodes.private_tasks import PrivateTasks
from nodes.tasks import Task

if TYPE_CHECKING:
    from nodes.financings.views import Financing, FinancingReader
    from nodes.node import Node

TASK: Final = "maturity.change"

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


class Maturities:
    """Changes of maturity at a lender's node."""

    def __init__(self, node: Node, views: FinancingReader) -> None:
        self._node, self._views = node, views
        self._tasks = PrivateTasks(node)

    def extend(self, caller: Caller, financing_id: str, matures_on: str, reason: str, *, cause: str | None = None) -> Task:
        """Prepares a later maturity for all that is paid out; a second person signs the task. `cause` names what may have one task only.

        Raises `NotFound` (`unknown-financing`), `NotPermitted` (another bank's, and as `registered_key`), `InputError` (`bad-field`),
        `Refused` (`wrong-state` where nothing is owed, `no-second-person`).
        """
        registered_key(caller, self._node.directory, self._node.member, "make")
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = self._views.get(financing_id)
        if financing.bank != self._node.member:
            raise NotPermitted("not-permitted", "the financing is another bank's")
        if financing.matures_on is None:
            raise Refused("wrong-state", "nothing is owed on the financing, so nothing matures")
        if not is_day(matures_on) or matures_on <= financing.matures_on:
            raise InputError("bad-field", f"matures_on: a day after {financing.matures_on}", hint="write it as 2026-05-31")
        if not 0 < len(reason) <= FINANCING_TEXT_CHARS_MAX:
            raise InputError("bad-field", f"reason: 1 to {FINANCING_TEXT_CHARS_MAX} characters")
        statement = {
            "financing": financing_id,
            "loans": len(financing.loans),
            "matured_on": financing.matures_on,
            "matures_on": matures_on,
            "reason": reason,
        }
        return self._tasks.open(caller, TASK, statement, _summary(financing, statement), cause)

    def sign(self, task_id: str, caller: Caller) -> Task:
        """Signs second: the new day holds. Raises as `PrivateTasks.sign`, and `Refused` (`task-overtaken`) where the maturity or the
        tranches are not what they were when it was prepared.
        """
        return self._tasks.sign(task_id, caller, self._apply)

    def _apply(self, connection: sa.Connection, task: Task, statement: dict[str, Any], caller: Caller) -> None:
        financing_id = statement["financing"]
        lent = loans_by_financing(connection, [financing_id])[financing_id]
        made = changes_by_financing(connection, [financing_id])[financing_id]
        if len(lent) != statement["loans"] or statement["matured_on"] not in maturities(lent, made):
            raise Refused("task-overtaken", "the loan changed since the task was prepared", hint="decline it, and have it prepared again")
        connection.execute(
            sa.insert(changes).values(
                task=task.id, prepared_by=task.author, signed_by=caller.id, changed_ms=self._node.clock.now_ms(), **statement
            )
        )


def _summary(financing: Financing, statement: dict[str, Any]) -> dict[str, Any]:
    """What the second person is shown."""
    return {
        "action": "extend",
        "enterprise": financing.name,
        "reference": financing.reference,
        "amount": financing.total("outstanding").to_json(),
        **statement,
    }
