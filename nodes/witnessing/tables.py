"""What a node remembers of checkpoints: whom it knows as witness, who cosigned which size of the log, and what it was shown."""

from __future__ import annotations

import sqlalchemy as sa

from nodes.private import metadata

witnesses = sa.Table(
    "witnesses",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("public", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("known_ms", sa.BigInteger, nullable=False),
    sa.Column("offered", sa.Text),
    sa.Column("offered_ms", sa.BigInteger),
    comment="witnesses by name, each with the key that counts; `offered` is another one that it showed and nobody here accepted yet",
)

cosignatures = sa.Table(
    "cosignatures",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("public", sa.Text, nullable=False),
    sa.Column("time_s", sa.BigInteger, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    comment="cosignatures of known witnesses under checkpoints of this node's own log, for the newest sizes that have any",
)

seen_checkpoints = sa.Table(
    "seen_checkpoints",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.Text, primary_key=True),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("compared", sa.Boolean, nullable=False),
    sa.Column("seen_ms", sa.BigInteger, nullable=False),
    comment="checkpoints that this node was shown, by whom: the newest that its log holds too, and those that are ahead of it",
)
