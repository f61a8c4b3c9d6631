"""The table of ISO 20022 messages. `make migrations` writes the statements."""

from __future__ import annotations

from pathlib import Path

from ledger.migrating import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the table that came with ISO 20022 messages."""
    run_file(Path(__file__).parent, "r0005_messages")
