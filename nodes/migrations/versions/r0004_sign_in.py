"""The tables of signing in: the log, known places, outside subjects, certificates of clients. `make migrations` writes the statements."""

from __future__ import annotations

from pathlib import Path

from ledger.migrating import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables that came with sessions."""
    run_file(Path(__file__).parent, "r0004_sign_in")
