"""The book: a bank's financings and loans in money, made from the sealed parts of its own records.

The ledger holds shares and states, the book what they are worth and for whom. The authority and the enterprise concerned open the
same parts, so their nodes keep the same book of what they may see. Records that the rules refused move no money; they are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from ledger.errors import NotFound
from ledger.store import StoredRecord
from nodes.financings import particulars
from nodes.financings.particulars import Document, Loan
from nodes.private import metadata

PROJECTION: Final = "book/4"
_LATER: Final = ("intake", "approve", "disburse", "repay", "cancel", "write-off", "correct", "transfer", "take-over")
TYPES: Final = ("financing.apply", "financing.load", *(f"financing.{step}" for step in _LATER))

financings = sa.Table(
    "financings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("enterprise", sa.Text, nullable=False, index=True),
    sa.Column("uscc", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False, index=True),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("applied_ms", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, unique=True),
    comment="applications that got a hold, as far as this node can open them; made from the ledger",
)
financing_lines = sa.Table(
    "financing_lines",
    metadata,
    sa.Column("financing", sa.Text, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False, index=True),
    sa.Column("applied_minor", sa.BigInteger, nullable=False),
    sa.Column("approved_minor", sa.BigInteger),
    sa.Column("disbursed_minor", sa.BigInteger, nullable=False),
    sa.Column("repaid_minor", sa.BigInteger, nullable=False),
    sa.Column("lost_minor", sa.BigInteger, nullable=False),
    sa.Column("adjusted_minor", sa.BigInteger, nullable=False),
    comment="what the lines of a financing carry in money; made from the ledger",
)
financing_records = sa.Table(
    "financing_records",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, primary_key=True, index=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="the records about each financing, refused ones too; made from the ledger",
)
Keeps = Callable[[sa.Connection, StoredRecord], bool]
TABLES: Final = (financings, financing_lines, financing_records, *particulars.TABLES)


@dataclass(frozen=True, slots=True)
class BookedLine:
    """A line in minor units. `approved_minor` is None before the approval, and where the pledge is not for this node;
    `lost_minor` is what is written off, `adjusted_minor` what corrections added or took, and hand-overs took away.
    """

    declaration: str
    number: str
    applied_minor: int
    approved_minor: int | None
    disbursed_minor: int
    repaid_minor: int
    lost_minor: int
    adjusted_minor: int


@dataclass(frozen=True, slots=True)
class BookedRecord:
    """A record about a financing."""

    record_id: str
    type: str
    code: str
    time_ms: int
    height: int


@dataclass(frozen=True, slots=True)
class Booked:
    """A financing as the book has it. `log_index` is its place in lists."""

    id: str
    enterprise: str
    uscc: str
    name: str
    currency: str
    branch: str
    product: str
    reference: str
    applied_ms: int
    log_index: int
    lines: tuple[BookedLine, ...]
    records: tuple[BookedRecord, ...]
    loans: tuple[Loan, ...]
    documents: tuple[Document, ...]


def recoveries(connection: sa.Connection, financing_id: str, repaid: Sequence[int]) -> list[int]:
    """What of a repayment is beyond what is outstanding on each line, so that it pays what was written off."""
    query = sa.select(financing_lines).where(financing_lines.c.financing == financing_id).order_by(financing_lines.c.line)
    beyond = []
    for line, amount in zip(connection.execute(query), repaid, strict=False):
        owed = max(0, line.disbursed_minor + line.adjusted_minor - line.repaid_minor - line.lost_minor)
        beyond.append(min(max(0, amount - owed), line.lost_minor))
    return beyond


def handed_over(connection: sa.Connection, stored: StoredRecord) -> list[int]:
    """What a take-over takes of what is outstanding on each line of the financing that was offered."""
    query = sa.select(financing_lines).where(financing_lines.c.financing == stored.record.body["financing"])
    lines = connection.execute(query.order_by(financing_lines.c.line)).fetchall()
    return [
        0 if opening is None else max(0, line.disbursed_minor + line.adjusted_minor - line.repaid_minor - line.lost_minor)
        for line, opening in zip(lines, stored.record.body["grants"], strict=False)
    ]


def booked(connection: sa.Connection, financing_id: str) -> Booked:
    """Raises `NotFound` (`unknown-financing`)."""
    found = _booked(connection, sa.select(financings).where(financings.c.id == financing_id))
    if not found:
        raise NotFound("unknown-financing", "this node's book has no such financing")
    return found[0]


def booked_page(connection: sa.Connection, before: int | None, limit: int, declaration: str | None, enterprise: str | None) -> list[Booked]:
    """The newest first; `before` is the log index of the last one that was seen. Those on one declaration, or of one enterprise."""
    query = sa.select(financings).order_by(financings.c.log_index.desc()).limit(limit)
    if before is not None:
        query = query.where(financings.c.log_index < before)
    if enterprise is not None:
        query = query.where(financings.c.enterprise == enterprise)
    if declaration is not None:
        on_it = sa.select(financing_lines.c.financing).where(financing_lines.c.declaration == declaration)
        query = query.where(financings.c.id.in_(on_it))
    return _booked(connection, query)


def _booked(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Booked]:
    rows = list(connection.execute(query))
    ids = [row.id for row in rows]
    lines: dict[str, list[BookedLine]] = {financing_id: [] for financing_id in ids}
    of_these = financing_lines.c.financing.in_(ids)
    for line in connection.execute(sa.select(financing_lines).where(of_these).order_by(financing_lines.c.line)):
        amounts = (line.applied_minor, line.approved_minor, line.disbursed_minor, line.repaid_minor)
        changes = (line.lost_minor, line.adjusted_minor)
        lines[line.financing].append(BookedLine(line.declaration, line.number, *amounts, *changes))
    records: dict[str, list[BookedRecord]] = {financing_id: [] for financing_id in ids}
    of_these = financing_records.c.financing.in_(ids)
    for each in connection.execute(sa.select(financing_records).where(of_these).order_by(financing_records.c.log_index)):
        records[each.financing].append(BookedRecord(each.record_id, each.type, each.code, each.time_ms, each.height))
    loans, documents = particulars.loans_by_financing(connection, ids), particulars.documents_by_financing(connection, ids)
    return [
        Booked(
            **row._asdict(),
            lines=tuple(lines[row.id]),
            records=tuple(records[row.id]),
            loans=tuple(loans[row.id]),
            documents=tuple(documents[row.id]),
        )
        for row in rows
    ]
