"""Loads: loans that were paid before their bank joined, put on the ledger by two people of it after they read what that would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from contracts.codes import CODES
from ledger.errors import Refused
from nodes.attachments.store import Attachments
from nodes.caller import Caller
from nodes.financings.apply import NO_GRANT, ApplicationLine
from nodes.financings.conflict_reports import TYPE, ConflictReports, load_lines, planned_lines
from nodes.financings.parts import LOAN, LoadedFrom, paid_out
from nodes.financings.preparing import may_prepare
from nodes.financings.recipients import for_all
from nodes.rehearsal import TWO_PEOPLE, rehearse
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node


class Loads:
    """The loads of a bank's node."""

    def __init__(self, node: Node, tasks: Tasks) -> None:
        self._node, self._tasks = node, tasks
        self.reports = ConflictReports(node)

    def load(
        self,
        caller: Caller,
        lines: Sequence[ApplicationLine],
        report_id: str,
        *,
        product: str,
        branch: str = "",
        reference: str,
        disbursed_on: str,
        matures_on: str,
        attachments: Sequence[str] = (),
        cause: str | None = None,
    ) -> Task:
        """Prepares a load; each line says what is drawn and not repaid. The task's record names the financing.

        Raises `Refused` (`conflict-report-missing`, `no-grant`, and the rules' codes, naming the line), `InputError` as
        `ConflictReports.make`, `NotFound` (`unknown-attachment`), `NotPermitted`, and as `Tasks.open`.
        """
        node = self._node
        may_prepare(node, caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        planned = planned_lines(node, lines)
        held = [plan.grant for plan in planned if plan.grant is not None]
        if len(held) < len(planned):
            missing = ", ".join(plan.line.declaration_id for plan in planned if plan.grant is None)
            raise Refused(NO_GRANT, f"this bank has no grant for {missing}", hint="enquire under the exporter's consent first")
        self.reports.require(report_id, planned)
        first = held[0]
        part = paid_out(
            first.currency,
            [plan.use.amount_minor for plan in planned],
            disbursed_on=disbursed_on,
            matures_on=matures_on,
            reference=reference,
            attachments=Attachments(node).references(attachments),
            loaded=LoadedFrom(
                enterprise=first.enterprise,
                uscc=first.uscc,
                name=first.name,
                branch=branch,
                product=product,
                numbers=[grant.number for grant in held],
                report=report_id,
            ),
        )
        body = {"lines": load_lines(planned)}
        seen = rehearse(node, TYPE, body, TWO_PEOPLE)
        if seen.code != "ok":
            told = seen.result.get("lines") or []
            named = [grant.number for grant, answer in zip(held, told, strict=False) if answer["code"] != "ok"]
            raise Refused(seen.code, ": ".join([*([", ".join(named)] if named else []), CODES[seen.code]]))
        return self._tasks.open(caller, TYPE, body, {LOAN: for_all(node, part, first.consent)}, cause)
