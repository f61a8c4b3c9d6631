"""The tables as they are first released. `make migrations` writes the statements; once there is a release they stay as they are."""

from __future__ import annotations

from pathlib import Path

from ledger.migrating import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes every table in an empty database."""
    run_file(Path(__file__).parent, "r0001_baseline")
