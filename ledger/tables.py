"""The tables of a replica of the ledger, the same in every database.

`records` (leaf by log index), `headers`, `state` and `tree_pages` (a row for each change, so that any height can be read), `log_nodes`
(hashes of complete subtrees by in-order position), `meta`.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from ledger.database import Bytes
from ledger.schema import Schema

SCHEMA_VERSION = "1"
metadata = sa.MetaData()
meta = sa.Table("meta", metadata, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
records = sa.Table(
    "records",
    metadata,
    sa.Column("log_index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("height", sa.BigInteger, nullable=False, index=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False, index=True),
    sa.Column("leaf", Bytes, nullable=False),
)
headers = sa.Table(
    "headers",
    metadata,
    sa.Column("height", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, unique=True),
    sa.Column("leaf", Bytes, nullable=False),
    sa.Column("checkpoint", sa.Text),
)
state_rows = sa.Table(
    "state",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("height", sa.BigInteger, primary_key=True),
    sa.Column("value", Bytes),
)
tree_pages = sa.Table(
    "tree_pages",
    metadata,
    sa.Column("prefix", sa.Text, primary_key=True),
    sa.Column("height", sa.BigInteger, primary_key=True),
    sa.Column("page", Bytes),
)
log_nodes = sa.Table(
    "log_nodes",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", Bytes, nullable=False),
)

SCHEMA = Schema("ledger", metadata, Path(__file__).parent / "migrations" / "versions")
