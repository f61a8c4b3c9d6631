"""Every movement of money on a financing's lines, one row each, made from the ledger: what statements and balances add up.

`kind` says what moved; amounts are in the minor unit of the financing's currency: `disbursed` adds to what is owed, `repaid` takes from
it, and any other kind changes it by its signed amount. A movement's day is the bank's own where its record names one, and else the day
of its block in UTC+8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from ledger.store import StoredRecord
from nodes.days import day_of
from nodes.financings.book import Keeps, financing_lines, handed_over, recoveries
from nodes.financings.parts import LOAN, REASON, REPAYMENT, TERMS, AdjustmentPart, LoanPart, RepaymentPart, TakeOverPart
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

_LOAD, _TAKE_OVER = "financing.load", "financing.take-over"
PROJECTION: Final = "movements/3"
TYPES: Final = ("financing.disburse", "financing.repay", "financing.write-off", "financing.correct", _LOAD, _TAKE_OVER)
DISBURSED: Final = "disbursed"
REPAID: Final = "repaid"
RECOVERED: Final = "recovered"
WRITTEN_OFF: Final = "written-off"
CORRECTED: Final = "corrected"
LOADED: Final = "loaded"
HANDED_OVER: Final = "handed-over"
TAKEN_OVER: Final = "taken-over"

movements = sa.Table(
    "financing_movements",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("day", sa.Text, nullable=False, index=True),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="money that moved on the lines of financings, as far as this node can open it; made from the ledger",
)


class Movements:
    """The projection, which comes before the book's, so that it sees what is owed as it was. `keeps` as the book's."""

    def __init__(self, keeps: Keeps) -> None:
        self._keeps = keeps

    def apply(self, connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`) for a part that it cannot use."""
        if stored.result["code"] != "ok":
            return
        kind, day = stored.record.type, day_of(stored.time_ms)
        if kind == _LOAD and LOAN in parts and self._keeps(connection, stored):
            amounts = read_part(LoanPart, parts[LOAN].content).lines
            about = [allocation["grant"]["declaration"] for allocation in stored.record.body["lines"]]
            _insert(connection, stored, stored.id, LOADED, list(zip(range(len(about)), about, amounts, strict=False)), day)
        elif kind == _TAKE_OVER:
            _add_movements(connection, stored, HANDED_OVER, [-amount for amount in handed_over(connection, stored)], day)
            if TERMS in parts and self._keeps(connection, stored):
                part = read_part(TakeOverPart, parts[TERMS].content)
                moved = [(place, line.declaration, line.amount_minor) for place, line in enumerate(part.lines)]
                _insert(connection, stored, stored.id, TAKEN_OVER, moved, day)
        else:
            _project_step(connection, stored, parts, day)


def _project_step(connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened], day: str) -> None:
    if LOAN in parts:
        loan = read_part(LoanPart, parts[LOAN].content)
        _add_movements(connection, stored, DISBURSED, loan.lines, loan.disbursed_on)
    elif REPAYMENT in parts:
        repayment = read_part(RepaymentPart, parts[REPAYMENT].content)
        _add_movements(connection, stored, REPAID, repayment.lines, repayment.paid_on, repayment.source)
        # What comes in for a loss was taken off what is owed when it was written off.
        recovered = recoveries(connection, stored.record.body["financing"], repayment.lines)
        _add_movements(connection, stored, RECOVERED, recovered, repayment.paid_on, repayment.source)
    elif REASON in parts:
        changes = read_part(AdjustmentPart, parts[REASON].content).lines
        if stored.record.type == "financing.write-off":
            _add_movements(connection, stored, WRITTEN_OFF, [-amount for amount in changes], day)
        else:
            _add_movements(connection, stored, CORRECTED, changes, day)


def _add_movements(connection: sa.Connection, stored: StoredRecord, kind: str, amounts: list[int], day: str, source: str = "") -> None:
    """A row for each line that moved. Lines that this node does not know are left out: its book does not have the financing."""
    financing_id = stored.record.body["financing"]
    query = sa.select(financing_lines.c.line, financing_lines.c.declaration).where(financing_lines.c.financing == financing_id)
    known = [row for row in connection.execute(query) if row.line < len(amounts)]
    moved = [(row.line, row.declaration, amounts[row.line]) for row in known]
    _insert(connection, stored, financing_id, kind, moved, day, source)


def _insert(
    connection: sa.Connection,
    stored: StoredRecord,
    financing_id: str,
    kind: str,
    moved: Sequence[tuple[int, str, int]],
    day: str,
    source: str = "",
) -> None:
    """`moved`: line, declaration and amount."""
    what = {"record_id": stored.id, "financing": financing_id, "kind": kind, "source": source, "day": day, "log_index": stored.log_index}
    rows = [{**what, "line": line, "declaration": declaration, "amount_minor": amount} for line, declaration, amount in moved if amount]
    if rows:
        connection.execute(sa.insert(movements), rows)
