"""The signed notes of this node's own log with the cosignatures that it knows. Reading needs a home's databases and no running node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from ledger.checkpoint import Cosignature, with_cosignatures
from ledger.limits import COSIGNED_SIZES_KEPT
from ledger.store import Reader
from nodes.private import PrivateStore
from nodes.witnessing.tables import cosignatures, witnesses

# Those by the keys that count now: another one may have been accepted since.
_COUNTS: Final = cosignatures.c.public.in_(sa.select(witnesses.c.public))


@dataclass(frozen=True, slots=True)
class CosignedNote:
    """A signed note of this node's log with the cosignatures that it knows: when each was given (POSIX seconds), by witness."""

    note: str
    size: int
    cosigners: Mapping[str, int]


class CosignedNotes:
    """What one home knows. Cosignatures are kept for the newest sizes of the log that have any."""

    def __init__(self, private: PrivateStore) -> None:
        self._private = private

    def keep(self, reader: Reader, size: int, found: Iterable[Cosignature]) -> None:
        """Keeps cosignatures that hold under the note of this size, which is of this node's own log; the newest of each witness."""
        height = _height_of_size(reader, size)
        if height is None:
            # A note that no block of this node ends with has nobody else's word to stand under.
            return
        with self._private.begin() as connection:
            for each in found:
                mine = sa.and_(cosignatures.c.size == size, cosignatures.c.name == each.name)
                known = connection.execute(sa.select(cosignatures.c.time_s, cosignatures.c.public).where(mine)).first()
                if known is not None and known.public == each.public.hex() and known.time_s >= each.time_s:
                    continue
                connection.execute(sa.delete(cosignatures).where(mine))
                row = {"height": height, "public": each.public.hex(), "time_s": each.time_s, "line": each.line}
                connection.execute(sa.insert(cosignatures), [{"size": size, "name": each.name, **row}])
            _prune(connection)

    def newest(self, reader: Reader) -> CosignedNote | None:
        """The newest note, cosigned by whom it may be; None before there is one."""
        return self.of_height(reader, reader.head.height)

    def of_height(self, reader: Reader, height: int) -> CosignedNote | None:
        """The note of a height, cosigned by whom it may be; None where there is none."""
        header, note = reader.header(height), reader.checkpoint(height)
        return None if header is None or note is None else self._cosigned(note, header.log_size + 1)

    def best(self, reader: Reader, log_index: int = 0) -> CosignedNote | None:
        """Of the notes that cover a log index, the one that most witnesses cosigned, and of several the newest. None where there is none
        that anybody cosigned.
        """
        count, top = sa.func.count(), reader.head.log_size + 1
        query = (
            sa.select(cosignatures.c.size, cosignatures.c.height)
            .where(cosignatures.c.size > log_index, cosignatures.c.size <= top, _COUNTS)
            .group_by(cosignatures.c.size, cosignatures.c.height)
            .order_by(count.desc(), cosignatures.c.size.desc())
            .limit(1)
        )
        with self._private.reading() as connection:
            row = connection.execute(query).first()
        note = None if row is None else reader.checkpoint(row.height)
        return None if note is None or row is None else self._cosigned(note, row.size)

    def anchor(self, reader: Reader, log_index: int) -> str | None:
        """The note under which a proof about that log index is worth most; None where no note that covers it is cosigned, and the newest
        one is as good as any.
        """
        found = self.best(reader, log_index)
        return None if found is None else found.note

    def anchor_of_record(self, reader: Reader, record_id: str) -> str | None:
        """As `anchor`, of a record's block; None for a record that the ledger does not hold."""
        # A note ends with a block: if it covers the record, it covers the block's header.
        log_index = reader.log_indexes([record_id]).get(record_id)
        return None if log_index is None else self.anchor(reader, log_index)

    def cosigners_above(self, log_index: int) -> dict[str, int]:
        """Which known witnesses cosigned a log of this node that holds that index, and the newest size that each cosigned."""
        newest = sa.func.max(cosignatures.c.size).label("newest")
        query = sa.select(cosignatures.c.name, newest).where(cosignatures.c.size > log_index, _COUNTS)
        with self._private.reading() as connection:
            return {row.name: row.newest for row in connection.execute(query.group_by(cosignatures.c.name).order_by(cosignatures.c.name))}

    def _cosigned(self, note: str, size: int) -> CosignedNote:
        query = sa.select(cosignatures).where(cosignatures.c.size == size, _COUNTS).order_by(cosignatures.c.name)
        with self._private.reading() as connection:
            rows = connection.execute(query).fetchall()
        # Of a consortium's checkpoint, which is no note, there are none.
        cosigned = with_cosignatures(note, [row.line for row in rows]) if rows else note
        return CosignedNote(cosigned, size, {row.name: row.time_s for row in rows})


def _prune(connection: sa.Connection) -> None:
    kept = sa.select(cosignatures.c.size).distinct().order_by(cosignatures.c.size.desc()).limit(COSIGNED_SIZES_KEPT)
    sizes = [row.size for row in connection.execute(kept)]
    if len(sizes) == COSIGNED_SIZES_KEPT:
        connection.execute(sa.delete(cosignatures).where(cosignatures.c.size < sizes[-1]))


def _height_of_size(reader: Reader, size: int) -> int | None:
    """The height of the block whose header is the last leaf of a log of that size; None where no block ends there."""
    height = reader.height_of_log_index(size - 1)
    header = None if height is None else reader.header(height)
    return height if header is not None and header.log_size == size - 1 else None
