"""A schema as a program of the future will know it: revisions that come after today's newest."""

from __future__ import annotations

from pathlib import Path

from ledger.schema import Schema

NEXT = """
import sqlalchemy as sa
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade():
    op.add_column("meta", sa.Column("since_ms", sa.BigInteger, nullable=False, server_default="0"))
"""


def later(schema: Schema, directory: Path, *scripts: str) -> Schema:
    """The schema as a program will know it after some more revisions."""
    versions = directory / "versions"
    versions.mkdir()
    for path in schema.versions.iterdir():
        if path.is_file():
            (versions / path.name).write_bytes(path.read_bytes())
    for number, script in enumerate(scripts, 2):
        (versions / f"r{number:04d}.py").write_text(script, encoding="utf-8")
    return Schema(schema.name, schema.declared, versions, f"{len(scripts) + 1:04d}")
