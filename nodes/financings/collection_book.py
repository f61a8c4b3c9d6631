"""The table of collections that this node can open: a projection of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from ledger.store import StoredRecord
from nodes.financings.parts import COLLECTION, CollectionPart
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "collections/2"
TYPE: Final = "declaration.collected"

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("collected_on", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="collections, corrections of them below zero, that this node can open; made from the ledger",
)


def project_collection(connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
    """The projection `collections`. Raises `InputError` (`part-malformed`) for a part that it cannot use."""
    if stored.record.type != TYPE or stored.result["code"] != "ok" or COLLECTION not in parts:
        return
    part = read_part(CollectionPart, parts[COLLECTION].content)
    connection.execute(
        sa.insert(collections).values(
            id=stored.id,
            declaration=stored.record.body["declaration"],
            currency=part.currency,
            amount_minor=part.amount_minor if stored.record.body["share"] > 0 else -part.amount_minor,
            collected_on=part.collected_on,
            reference=part.reference,
            time_ms=stored.time_ms,
            log_index=stored.log_index,
        )
    )
