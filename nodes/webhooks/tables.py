"""The tables of webhooks: endpoints, each with a durable cursor, and what became of each attempt."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from nodes.private import metadata

ACTIVE: Final = "active"
DISABLED: Final = "disabled"

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("types", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("old_secret", sa.Text),
    sa.Column("old_until_ms", sa.BigInteger),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("failing_since_ms", sa.BigInteger),
    sa.Column("next_try_ms", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("disabled_ms", sa.BigInteger),
    sa.CheckConstraint("state IN ('active', 'disabled')", name="ck_webhooks_state"),
    comment="where this node's events are handed to; the cursor is of the last one that was taken, secrets are encrypted under the node's",
)
deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("webhook", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("status", sa.BigInteger),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    comment="attempts to hand an event over, the newest of each webhook",
)
