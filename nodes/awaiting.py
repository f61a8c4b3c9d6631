"""Records that two people of this member have signed, put aside until the authority signs too."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ledger import canonical
from nodes.private import metadata

awaiting_authority = sa.Table(
    "awaiting_authority",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("core", sa.Text, nullable=False),
    sa.Column("signatures", sa.Text, nullable=False),
    comment="records that two people here have signed and that the authority is to sign too",
)


def put_aside(connection: sa.Connection, task_id: str, core: str, signatures: Sequence[bytes]) -> None:
    """`core` is the unsigned record's canonical text; the signatures are its signers' but the last, in their order."""
    text = canonical.encode([signature.hex() for signature in signatures]).decode("ascii")
    connection.execute(sa.insert(awaiting_authority).values(task=task_id, core=core, signatures=text))
