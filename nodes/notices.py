"""Notices: what changed under a bank's own financings, from its own replica and book.

A declaration on which the bank holds, committed or lent was amended, voided, replaced, frozen or let go again; a financing of its was
frozen or let go; the consent under which it applied was revoked. Who else is concerned is not said, nor why something is frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ledger.errors import NotFound
from nodes.caller import Caller
from nodes.declarations.book import declarations
from nodes.notice_book import notice_readings, notices

if TYPE_CHECKING:
    from nodes.node import Node

_ORDERS: Final = ("frozen", "unfrozen")


@dataclass(frozen=True, slots=True)
class Notice:
    """`kind` is amended, voided, replaced, frozen, unfrozen or consent-revoked. `declaration` is None where the financing itself is meant;
    numbers are None where this node cannot open the declaration. `capacity` is what is declared now, as a share of what was registered.
    `record_id` is None for an order's. `read_by` and `read_ms` are None while it is unread.
    """

    id: str
    kind: str
    financing: str
    declaration: str | None
    number: str | None
    successor: str | None
    successor_number: str | None
    consent: str | None
    capacity: int | None
    record_id: str | None
    time_ms: int
    height: int
    log_index: int
    read_by: str | None
    read_ms: int | None


class Notices:
    """For a bank's node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def list(self, *, unread_only: bool = False, before: int | None = None, limit: int = 100) -> Sequence[Notice]:
        """The newest first; `before` is the log index of the last one that was seen. `limit` counts records: a record's notices stay
        together.
        """
        query = sa.select(notices.c.log_index).group_by(notices.c.log_index).order_by(notices.c.log_index.desc()).limit(limit)
        if before is not None:
            query = query.where(notices.c.log_index < before)
        if unread_only:
            query = query.where(notices.c.id.not_in(sa.select(notice_readings.c.notice)))
        found = self._query(notices.c.log_index.in_(query))
        return [each for each in found if not (unread_only and each.read_ms is not None)]

    def read(self, caller: Caller, notice_id: str) -> Notice:
        """Notes that somebody has read it; who was first stays. Raises `NotFound` (`unknown-notice`)."""
        self._one(notice_id)
        row = {"notice": notice_id, "read_by": caller.id, "read_ms": self._node.clock.now_ms()}
        with self._node.private.begin() as connection:
            known = sa.select(notice_readings.c.notice).where(notice_readings.c.notice == notice_id)
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(notice_readings).values(**row))
        return self._one(notice_id)

    def _one(self, notice_id: str) -> Notice:
        found = self._query(notices.c.id == notice_id)
        if not found:
            raise NotFound("unknown-notice", "this node has no such notice")
        return found[0]

    def _query(self, condition: sa.ColumnElement[bool]) -> Sequence[Notice]:
        own, successor = declarations.alias(), declarations.alias()
        query = sa.select(
            notices, own.c.number, successor.c.number.label("successor_number"), notice_readings.c.read_by, notice_readings.c.read_ms
        )
        joined = notices.outerjoin(own, own.c.id == notices.c.declaration).outerjoin(successor, successor.c.id == notices.c.successor)
        query = query.select_from(joined.outerjoin(notice_readings, notice_readings.c.notice == notices.c.id))
        query = query.where(condition).order_by(notices.c.log_index.desc(), notices.c.id)
        with self._node.private.reading() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        return [Notice(**{**row, "record_id": None if row["kind"] in _ORDERS else row["record_id"]}) for row in rows]
