"""Loans of the back book by file: first a report about each of them, then, with the same file, a task for each.

Every row gets a result. A loan is loaded as a whole, so where one row of it cannot be used the others say `loan-incomplete`. A bank reads
what loading would do before it loads: a loan whose rows no report of the last day is about is refused (`conflict-report-missing`). One file
is read and worked through within one request, which its number of rows bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final

import sqlalchemy as sa

from ledger.errors import InputError, NotFound, Refused
from nodes.caller import Caller
from nodes.declarations.book import declarations
from nodes.financings.apply import NO_GRANT, ApplicationLine
from nodes.financings.conflict_reports import ReportLine
from nodes.financings.load_table import FiledLoan, LoadRow, read_loans
from nodes.financings.loads import Loads

if TYPE_CHECKING:
    from nodes.node import Node

OK: Final = "ok"
INCOMPLETE: Final = "loan-incomplete"


@dataclass(frozen=True, slots=True)
class RowResult:
    """`result` is `ok`, a rule's code, or why the row cannot be used. `report` is the loan's conflict report, `line` what that says of the
    row; `task` is what two people sign.
    """

    position: int
    reference: str
    number: str
    result: str
    message: str = ""
    report: str | None = None
    line: ReportLine | None = None
    task: str | None = None


class LoadFiles:
    """For a bank's node."""

    def __init__(self, node: Node, loads: Loads) -> None:
        self._node, self._loads = node, loads

    def report(self, caller: Caller, stream: BinaryIO, cause: str | None = None) -> Sequence[RowResult]:
        """Makes a conflict report about each loan. `cause` as of `prepare`. Raises as `read_loans`, and `NotPermitted` as
        `ConflictReports.make`.
        """
        results: list[RowResult] = []
        for place, (loan, ids) in enumerate(self._read(stream)):
            results += self._reported(caller, loan, ids, _of_loan(cause, place))
        return results

    def prepare(self, caller: Caller, stream: BinaryIO, cause: str | None = None) -> Sequence[RowResult]:
        """Prepares a task for each loan that a report of the last day is about. `cause` names the request: sent again, it finds the tasks
        that it made. Raises as `report`.
        """
        reports = self._loads.reports.recent()
        results: list[RowResult] = []
        for place, (loan, ids) in enumerate(self._read(stream)):
            results += self._prepared(caller, loan, ids, reports, _of_loan(cause, place))
        return results

    def _read(self, stream: BinaryIO) -> list[tuple[FiledLoan, dict[str, str]]]:
        """The loans, and the ids of their declarations by number, of those that this bank was answered about."""
        loans = read_loans(stream)
        numbers = sorted({row.number for loan in loans for row in loan.rows})
        query = sa.select(declarations.c.number, declarations.c.id).where(declarations.c.number.in_(numbers))
        with self._node.private.reading() as connection:
            ids = {row.number: row.id for row in connection.execute(query.order_by(declarations.c.log_index))}
        return [(loan, ids) for loan in loans]

    def _reported(self, caller: Caller, loan: FiledLoan, ids: dict[str, str], cause: str | None) -> Sequence[RowResult]:
        lines = _lines(loan, ids)
        if isinstance(lines, list):
            return lines
        try:
            made = self._loads.reports.make(caller, lines, cause=cause)
        except InputError as error:
            return [_refused(row, error) for row in loan.rows]
        found = zip(loan.rows, made.lines, strict=True)
        return [RowResult(row.position, row.reference, row.number, line.code, report=made.id, line=line) for row, line in found]

    def _prepared(
        self, caller: Caller, loan: FiledLoan, ids: dict[str, str], reports: dict[frozenset[tuple[str, int | None]], str], cause: str | None
    ) -> Sequence[RowResult]:
        lines = _lines(loan, ids)
        if isinstance(lines, list):
            return lines
        report = reports.get(frozenset((line.declaration_id, None if line.amount is None else line.amount.amount_minor) for line in lines))
        try:
            # Where there is no report about the loan, the name of none is refused for that.
            task = self._loads.load(
                caller,
                lines,
                report or "",
                product=loan.product,
                branch=loan.branch,
                reference=loan.reference,
                disbursed_on=loan.disbursed_on,
                matures_on=loan.matures_on,
                cause=cause,
            )
        except (InputError, NotFound, Refused) as error:
            return [_refused(row, error) for row in loan.rows]
        return [RowResult(row.position, row.reference, row.number, OK, report=report, task=task.id) for row in loan.rows]


def _of_loan(cause: str | None, place: int) -> str | None:
    return None if cause is None else f"{cause}:{place}"


def _lines(loan: FiledLoan, ids: dict[str, str]) -> tuple[ApplicationLine, ...] | list[RowResult]:
    """A loan's lines; or, where a row cannot be used, the results of all of its rows."""
    unknown = InputError(NO_GRANT, "this bank was never answered about the declaration", hint="enquire under the exporter's consent first")
    rows = [row if row.problem or row.number in ids else replace(row, problem=unknown) for row in loan.rows]
    if all(row.problem is None for row in rows):
        return tuple(ApplicationLine(ids[row.number], row.amount) for row in rows)
    incomplete = InputError(INCOMPLETE, "another row of the loan cannot be used")
    return [_refused(row, row.problem or incomplete) for row in rows]


def _refused(row: LoadRow, error: InputError | NotFound | Refused) -> RowResult:
    return RowResult(row.position, row.reference, row.number, error.code, error.message)
