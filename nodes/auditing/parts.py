"""Opened parts against the ledger: what this node has written down as the content of a sealed part must be what the record's part opens
to, under the content key that was written down with it and that the record commits to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from ledger import canonical
from ledger.audit_walk import Finding
from ledger.errors import TallystickError
from ledger.limits import AUDIT_FINDINGS_MAX
from ledger.store import Reader
from nodes.private import parts
from nodes.sealing import open_with_key

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """How many things were compared, and what did not hold; after `AUDIT_FINDINGS_MAX` findings no more is compared."""

    count: int
    findings: tuple[Finding, ...]


def compare_parts(connection: sa.Connection, reader: Reader) -> Compared:
    """Every opened part, in the order of records' ids. Parts that the node has opened in records newer than `reader` are left out."""
    found: list[Finding] = []
    count, last = 0, ("", "")
    after = sa.tuple_(parts.c.record_id, parts.c.part)
    query = sa.select(parts).where(parts.c.height <= reader.head.height).order_by(parts.c.record_id, parts.c.part).limit(_PAGE)
    while len(found) < AUDIT_FINDINGS_MAX:
        rows = connection.execute(query.where(after > sa.tuple_(*map(sa.literal, last)))).fetchall()
        for row in rows:
            found += _differences(row, reader)
        count += len(rows)
        if len(rows) < _PAGE:
            break
        last = (rows[-1].record_id, rows[-1].part)
    return Compared(count, tuple(found[:AUDIT_FINDINGS_MAX]))


def _differences(row: Any, reader: Reader) -> list[Finding]:
    stored = reader.record(row.record_id)
    if stored is None:
        return [Finding(row.height, row.record_id, "part-unknown", f"the part {row.part} was opened in a record that is not on the ledger")]
    try:
        content = open_with_key(stored.record.core, row.part, bytes.fromhex(row.content_key))
    except (TallystickError, ValueError):
        reason = f"the part {row.part} does not open with the content key that was written down"
        return [Finding(stored.height, stored.id, "part-broken", reason)]
    if canonical.encode(content).decode() != row.content or row.height != stored.height:
        return [Finding(stored.height, stored.id, "part-differs", f"the part {row.part} says something else than was written down")]
    return []
