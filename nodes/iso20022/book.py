"""The table of messages: which were taken, and what came of each."""

from __future__ import annotations

import sqlalchemy as sa

from nodes.private import metadata

messages = sa.Table(
    "iso_messages",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("requestor", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("kind", "requestor", "message_id", name="uq_iso_messages_message"),
    comment="ISO 20022 messages that this node took: what each asked for, and what came of it",
)
