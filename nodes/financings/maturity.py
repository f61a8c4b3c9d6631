"""Changes of maturity (展期) at a lender's node.

A change moves nothing on the ledger, so there is no record of it: two people of the lender decide it as a private task, and it is kept with
its history (`nodes.financings.maturity_book`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ledger.errors import InputError, NotPermitted, Refused
from ledger.limits import FINANCING_TEXT_CHARS_MAX
from nodes.caller import Caller, registered_key
from nodes.financings.maturity_book import changes, changes_by_financing, maturities
from nodes.financings.particulars import loans_by_financing
from nodes.financings.parts import is_day
from nodes.private_tasks import PrivateTasks
from nodes.tasks import Task

if TYPE_CHECKING:
    from nodes.financings.views import Financing, FinancingReader
    from nodes.node import Node

TASK: Final = "maturity.change"


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
