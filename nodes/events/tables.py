"""The two tables of events, and what an event is.

`events` follows from the ledger and the node's keys, row for row, whenever it is made anew. What happens at this node alone, for instance
that a task waits, stands in `local_events` at a place between the records. An event's id is its place: the log index of the record and a
number within it; of a local one, of the record before it and the time. Whoever has seen an event goes on after its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import sqlalchemy as sa

from ledger import canonical
from ledger.clock import rfc3339
from ledger.errors import InputError
from ledger.limits import INTEGER_MAX
from nodes.private import metadata

CURSOR: Final = r"^(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})$"
_CURSOR: Final = re.compile(CURSOR.strip("^$"), re.ASCII)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("log_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("enterprise", sa.Text, nullable=False),
        sa.Column("record_id", sa.Text),
        sa.Column("height", sa.BigInteger),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("subjects", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    ]


events = sa.Table(
    "events",
    metadata,
    *_columns(),
    comment="what of the ledger concerns this node's owner, or the exporter in custody in `enterprise`; made from the ledger",
)
local_events = sa.Table(
    "local_events",
    metadata,
    *_columns(),
    sa.Column("cause", sa.Text, nullable=False, unique=True),
    comment="what happened at this node alone: tasks that waited, alerts of deadlines, webhooks given up; each cause once",
)


class Cursor(NamedTuple):
    """A place among the events: everything up to it has been seen."""

    log_index: int
    place: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `InputError` (`bad-cursor`)."""
        found = _CURSOR.fullmatch(text)
        if found is None or max(int(found[1]), int(found[2])) > INTEGER_MAX:
            raise InputError("bad-cursor", "this is not the id of an event", hint="go on after the id of the last event that you have seen")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.log_index}-{self.place}"


START: Final = Cursor(0, 0)


@dataclass(frozen=True, slots=True)
class Event:
    """`subjects` are ids by name (`financing_id`, `task_id`); `record_id` and `height` are None where it follows from no record, or where
    the reader is not told from which.
    """

    cursor: Cursor
    type: str
    enterprise: str
    record_id: str | None
    height: int | None
    time_ms: int
    subjects: Mapping[str, str]
    body: Mapping[str, Any]

    @classmethod
    def of(cls, row: Any) -> Self:
        """An event as its table keeps it."""
        subjects, body = (canonical.decode(text.encode("utf-8")) for text in (row.subjects, row.body))
        return cls(Cursor(row.log_index, row.place), row.type, row.enterprise, row.record_id, row.height, row.time_ms, subjects, body)

    def to_json(self) -> dict[str, Any]:
        """As programs get it, over the API and in webhooks alike."""
        return {
            "id": str(self.cursor),
            "type": self.type,
            "time": rfc3339(self.time_ms),
            "record_id": self.record_id,
            "height": self.height,
            "subjects": dict(self.subjects),
            "body": dict(self.body),
        }


def text_of(value: Mapping[str, Any]) -> str:
    """As tables keep it."""
    return canonical.encode(dict(value)).decode("utf-8")
