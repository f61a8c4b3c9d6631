"""Records drawn for an auditor to look at by hand: which ones follows from the ledger, so nobody can choose, and anyone can draw again.

The seed is the hash of the newest header that was audited. A record's lot is the SHA-256, under the tag `audit-sample`, of the seed and
the record's id, 32 bytes each; the records with the smallest lots are drawn, in that order.
"""

from __future__ import annotations

import csv
import heapq
import io
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ledger.clock import rfc3339
from ledger.hashing import tagged
from ledger.store import Reader
from ledger.tables import records

_TAG = "audit-sample"
_COLUMNS = ("place", "record_id", "type", "height", "position", "log_index", "time", "result", "signers")


@dataclass(frozen=True, slots=True)
class Sample:
    """`seed` is 64 hex digits, `of` how many records it was drawn from; `rows` are as in the CSV file, without its heading."""

    seed: str
    of: int
    rows: tuple[tuple[str, ...], ...]

    def to_csv(self) -> bytes:
        """UTF-8 with a heading and CRLF (RFC 4180). All of it is ASCII that no spreadsheet program takes for a formula."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        writer.writerows(self.rows)
        return text.getvalue().encode()


def draw(reader: Reader, count: int, height: int | None = None) -> Sample:
    """So many records of the ledger up to a height, the newest by default; all of them where there are fewer."""
    head = (reader.head if height is None else reader.header(height)) or reader.head
    seed = head.hash
    ids = sa.select(records.c.id).where(records.c.log_index > 0, records.c.log_index < head.log_size)
    found = reader.connection.execution_options(yield_per=500).execute(ids).scalars()
    total = 0

    def lots() -> Any:
        nonlocal total
        for record_id in found:
            total += 1
            yield lot(seed, record_id), record_id

    drawn = heapq.nsmallest(count, lots())
    return Sample(seed, total, tuple(_row(reader, place, record_id) for place, (_, record_id) in enumerate(drawn, 1)))


def lot(seed: str, record_id: str) -> bytes:
    """A record's lot in the draw with a seed."""
    return tagged(_TAG, bytes.fromhex(seed) + bytes.fromhex(record_id))


def _row(reader: Reader, place: int, record_id: str) -> tuple[str, ...]:
    stored = reader.record(record_id)
    assert stored is not None, "it was drawn from the stored records"
    where = (str(stored.height), str(stored.position), str(stored.log_index), rfc3339(stored.time_ms))
    return (str(place), stored.id, stored.record.type, *where, str(stored.result["code"]), " ".join(stored.record.signers))
