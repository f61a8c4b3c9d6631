"""What the sealed parts of a financing's records say beside amounts by line: each loan with its days, and the documents that were attached.

Both tables are made from the ledger, with the book, wherever the parts open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from ledger.store import StoredRecord
from nodes.attachments.reference import AttachmentRef
from nodes.financings.parts import LoanPart, TakeOverPart
from nodes.private import metadata

loans = sa.Table(
    "financing_loans",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("disbursed_on", sa.Text, nullable=False),
    sa.Column("matures_on", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="what was paid out on each financing, tranche by tranche; made from the ledger",
)
documents = sa.Table(
    "financing_documents",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="documents whose digests the records about each financing name; made from the ledger",
)
TABLES: Final = (loans, documents)


@dataclass(frozen=True, slots=True)
class Loan:
    """A tranche: what was paid out, in minor units, when, and until when by its record. Days are yyyy-mm-dd."""

    record_id: str
    amount_minor: int
    disbursed_on: str
    matures_on: str
    reference: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document that a record names."""

    record_id: str
    sha256: str
    name: str
    bytes: int


def add_loan(connection: sa.Connection, stored: StoredRecord, financing_id: str, part: LoanPart | TakeOverPart) -> None:
    """Takes in a tranche, or what was taken over."""
    what = {name: getattr(part, name) for name in ("amount_minor", "disbursed_on", "matures_on", "reference")}
    connection.execute(sa.insert(loans).values(record_id=stored.id, financing=financing_id, log_index=stored.log_index, **what))


def add_documents(connection: sa.Connection, stored: StoredRecord, financing_id: str, named: Iterable[AttachmentRef]) -> None:
    """Takes in what a part names."""
    rows = {each.sha256: each for each in named}
    for each in rows.values():
        row = {"sha256": each.sha256, "name": each.name, "bytes": each.bytes}
        connection.execute(sa.insert(documents).values(record_id=stored.id, financing=financing_id, log_index=stored.log_index, **row))


def loans_by_financing(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Loan]]:
    """The tranches of financings, in the order of the ledger."""
    found: dict[str, list[Loan]] = {financing_id: [] for financing_id in ids}
    for row in connection.execute(sa.select(loans).where(loans.c.financing.in_(ids)).order_by(loans.c.log_index)):
        found[row.financing].append(Loan(row.record_id, row.amount_minor, row.disbursed_on, row.matures_on, row.reference))
    return found


def documents_by_financing(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Document]]:
    """The documents of financings, in the order of the ledger."""
    found: dict[str, list[Document]] = {financing_id: [] for financing_id in ids}
    query = sa.select(documents).where(documents.c.financing.in_(ids)).order_by(documents.c.log_index, documents.c.sha256)
    for row in connection.execute(query):
        found[row.financing].append(Document(row.record_id, row.sha256, row.name, row.bytes))
    return found
