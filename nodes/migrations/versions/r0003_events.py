"""The tables of events and webhooks. `make migrations` writes the statements."""

from __future__ import annotations

from pathlib import Path

from ledger.migrating import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables that came with events."""
    run_file(Path(__file__).parent, "r0003_events")
