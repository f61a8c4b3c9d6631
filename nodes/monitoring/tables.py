"""The tables of supervision on the authority's node. All of them are made from the ledger: whoever rebuilds them gets the same rows.

Amounts are in the minor unit of the row's currency, times milliseconds, days are in UTC+8. What the authority's people add to them
(who takes an alert, settings, exchange rates) is in tables of its own, beside the code that writes it.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from nodes.private import metadata


def _amount(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=0)


financings = sa.Table(
    "monitored_financings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("bank", sa.Text, nullable=False, index=True),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False, index=True),
    sa.Column("uscc", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("hold_until_ms", sa.BigInteger),
    sa.Column("applied_ms", sa.BigInteger),
    sa.Column("intake_ms", sa.BigInteger),
    sa.Column("approved_ms", sa.BigInteger),
    sa.Column("disbursed_ms", sa.BigInteger),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="financings as the authority supervises them: whose, through which stages; made from the ledger",
)

lines = sa.Table(
    "monitored_lines",
    metadata,
    sa.Column("financing", sa.Text, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("consent", sa.Text, nullable=False, index=True),
    _amount("held"),
    _amount("drawn"),
    _amount("lost"),
    _amount("applied_minor"),
    sa.Column("approved_minor", sa.BigInteger),
    sa.Column("financeable_minor", sa.BigInteger),
    sa.Column("financeable_on", sa.Text),
    _amount("disbursed_minor"),
    _amount("repaid_minor"),
    _amount("movements"),
    comment="lines of financings: shares as the ledger had them at last, money as it was sealed; made from the ledger",
)

events = sa.Table(
    "monitored_events",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False, index=True),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    _amount("amount_minor"),
    sa.Column("stage_ms", sa.BigInteger),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="what happened to financings, one row each; `stage_ms` is how long the stage that it ends took; made from the ledger",
)

loans = sa.Table(
    "monitored_loans",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    _amount("amount_minor"),
    sa.Column("matures_on", sa.Text, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="what was paid out, and when it is due; made from the ledger",
)

cargo = sa.Table(
    "monitored_cargo",
    metadata,
    sa.Column("declaration", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("uscc", sa.Text, nullable=False),
    sa.Column("contract", sa.Text, nullable=False),
    sa.Column("bill_of_lading", sa.Text, nullable=False),
    sa.Column("void_record", sa.Text),
    sa.Column("replaced_by", sa.Text),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    sa.Index("ix_monitored_cargo_contract", "uscc", "contract"),
    sa.Index("ix_monitored_cargo_bill_of_lading", "uscc", "bill_of_lading"),
    comment="what a declaration's shipment is known by, and whether it was voided; made from the ledger",
)

collected = sa.Table(
    "monitored_collections",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    comment="what was collected on declarations, corrections below zero; made from the ledger",
)

attempts = sa.Table(
    "monitored_attempts",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("declaration", sa.Text, nullable=False, index=True),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
    comment="every line of every application, refused ones too; made from the ledger",
)

pledges = sa.Table(
    "monitored_pledges",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("declaration", sa.Text, primary_key=True),
    sa.Column("financing", sa.Text, nullable=False),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("registered_ms", sa.BigInteger, nullable=False),
    comment="when what secures a financing was registered, by declaration; made from the ledger",
)

rates_stated = sa.Table(
    "monitored_rates",
    metadata,
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("rate", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    comment="exchange rates that banks state in sealed parts; made from the ledger",
)

deadlines = sa.Table(
    "monitored_deadlines",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("due_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("resolved_ms", sa.BigInteger),
    sa.Column("swept", sa.Boolean, nullable=False, default=False),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Index("ix_monitored_deadlines_subject", "code", "subject"),
    comment="what is to happen before a time; one that passed raises an alert; made from the ledger",
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, nullable=False, index=True),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("bank", sa.Text, nullable=False),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Column("records", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False, index=True),
    comment="what a detector found, under an id that follows from its cause; made from the ledger",
)

TABLES: Final = (financings, lines, events, loans, cargo, collected, attempts, pledges, rates_stated, deadlines, alerts)
