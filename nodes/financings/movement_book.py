"""Every movement of money on a financing's lines, one row each, made from the ledger: what statements and balances add up.

`kind` says what moved; amounts are in the minor unit of the financing's currency: `disbursed` adds to what is owed, `repaid` takes from
it, and any other kind changes it by its signed amount. A movement's day is the bank's own where its record names one, and else the day
of its block in UTC+8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from ledger.store import StoredRecord
from nodes.financings.book import financing_lines, recoveries
from nodes.financings.maturity import day_of
from nodes.financings.parts import LOAN, REASON, REPAYMENT, AdjustmentPart, LoanPart, RepaymentPart
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "movements/2"
TYPES: Final = ("financing.disburse", "financing.repay", "financing.write-off", "financing.correct")
DISBURSED: Final = "disbursed"
REPAID: Final = "repaid"
RECOVERED: Final = "recovered"
WRITTEN_OFF: Final = "written-off"
CORRECTED: Final = "corrected"

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


def project_movement(connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
    """The projection, which comes before the book's, so that it sees what is owed as it was. Raises `InputError` (`part-malformed`)."""
    if stored.result["code"] != "ok":
        return
    if LOAN in parts and stored.record.type == "financing.disburse":
        loan = read_part(LoanPart, parts[LOAN].content)
        add_movements(connection, stored, DISBURSED, loan.lines, loan.disbursed_on)
    elif REPAYMENT in parts:
        repayment = read_part(RepaymentPart, parts[REPAYMENT].content)
        add_movements(connection, stored, REPAID, repayment.lines, repayment.paid_on, repayment.source)
        # What comes in for a loss was taken off what is owed when it was written off.
        recovered = recoveries(connection, stored.record.body["financing"], repayment.lines)
        add_movements(connection, stored, RECOVERED, recovered, repayment.paid_on, repayment.source)
    elif REASON in parts:
        changes = read_part(AdjustmentPart, parts[REASON].content).lines
        day = day_of(stored.time_ms).isoformat()
        if stored.record.type == "financing.write-off":
            add_movements(connection, stored, WRITTEN_OFF, [-amount for amount in changes], day)
        else:
            add_movements(connection, stored, CORRECTED, changes, day)


def add_movements(connection: sa.Connection, stored: StoredRecord, kind: str, amounts: list[int], day: str, source: str = "") -> None:
    """A row for each line that moved. Lines that this node does not know are left out: its book does not have the financing."""
    financing_id = stored.record.body["financing"]
    query = sa.select(financing_lines.c.line, financing_lines.c.declaration).where(financing_lines.c.financing == financing_id)
    rows = [
        {
            "record_id": stored.id,
            "line": line.line,
            "financing": financing_id,
            "declaration": line.declaration,
            "kind": kind,
            "source": source,
            "amount_minor": amounts[line.line],
            "day": day,
            "log_index": stored.log_index,
        }
        for line in connection.execute(query)
        if line.line < len(amounts) and amounts[line.line]
    ]
    if rows:
        connection.execute(sa.insert(movements), rows)
