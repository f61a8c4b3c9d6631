"""The tables of witnesses and what came with them. `make migrations` writes the statements."""

from __future__ import annotations

from pathlib import Path

from ledger.migrating import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables that came after the baseline."""
    run_file(Path(__file__).parent, "r0002_proofs")
