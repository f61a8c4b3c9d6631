"""Notices: what changed under a bank's own financings, from its own replica and book.

A declaration on which the bank holds, committed or lent was amended, voided, replaced, frozen or let go again; a financing of its was
frozen or let go; the consent under which it applied was revoked. Who else is concerned is not said, nor why something is frozen.
What was read is the bank's own note: it stands in a table of its own, keyed by what caused the notice, and outlives every reading anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from contracts import balances, entries
from contracts.financings.common import holder
from ledger.errors import NotFound
from ledger.hashing import tagged_json
from ledger.rules import State
from ledger.state import Overlay
from ledger.store import LedgerStore, StoredRecord
from nodes.caller import Caller
from nodes.declarations.book import declarations
from nodes.enquiries.grants import grants
from nodes.private import metadata
from nodes.sealing import Opened

if TYPE_CHECKING:
    from nodes.node import Node

PROJECTION: Final = "notices/1"
_KINDS: Final = {
    "declaration.amend": "amended",
    "declaration.void": "voided",
    "declaration.register": "replaced",
    "order.freeze": "frozen",
    "order.lift": "unfrozen",
    "consent.revoke": "consent-revoked",
}
TYPES: Final = tuple(_KINDS)
_ORDERS: Final = ("frozen", "unfrozen")

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("financing", sa.Text, nullable=False, index=True),
    sa.Column("declaration", sa.Text, index=True),
    sa.Column("successor", sa.Text),
    sa.Column("consent", sa.Text),
    sa.Column("capacity", sa.BigInteger),
    sa.Column("record_id", sa.Text, nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="what changed under this bank's financings; made from the ledger",
)
notice_readings = sa.Table(
    "notice_readings",
    metadata,
    sa.Column("notice", sa.Text, primary_key=True),
    sa.Column("read_by", sa.Text, nullable=False),
    sa.Column("read_ms", sa.BigInteger, nullable=False),
    comment="notices that somebody of the bank has read; not from the ledger",
)


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


class NoticeBook:
    """The projection, on a bank's node. It comes after that of grants."""

    def __init__(self, store: LedgerStore, bank: str) -> None:
        self._store, self._bank = store, bank

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """A record concerns what was financed before its block and what is after it."""
        if stored.result["code"] != "ok":
            return
        body, kind = stored.record.body, _KINDS[stored.record.type]
        more: dict[str, Any] = {"consent": body["consent"]} if kind == "consent-revoked" else {}
        with self._store.reading() as reader:
            states: list[State] = [Overlay(reader.state_at(height)) for height in (stored.height - 1, stored.height)]
            if kind == "amended":
                more["capacity"] = body["capacity"]
            if kind == "voided" and body["successor"] is not None:
                kind, more["successor"] = "replaced", body["successor"]["declaration"]
            if kind == "replaced" and "successor" not in more:
                more["successor"] = body["declaration"]
            concerned = {found for state in states for found in self._concerned(connection, state, stored)}
        for declaration, financing in sorted(concerned, key=lambda found: (found[0] or "", found[1])):
            row: dict[str, Any] = {
                "id": tagged_json("notice", [stored.id, declaration or "", financing]),
                "record_id": stored.id,
                "kind": kind,
            }
            row |= {"declaration": declaration, "financing": financing, **more}
            place = {"time_ms": stored.time_ms, "height": stored.height, "log_index": stored.log_index}
            connection.execute(sa.insert(notices).values(**row, **place))

    def _concerned(self, connection: sa.Connection, state: State, stored: StoredRecord) -> Iterator[tuple[str | None, str]]:
        """Declarations and own financings, or None and a financing, that the record is about."""
        body, record_type = stored.record.body, stored.record.type
        if record_type == "consent.revoke":
            yield from self._under_consent(connection, state, body["consent"])
        elif record_type.startswith("order."):
            yield from self._ordered(state, stored)
        else:
            replaced = [each["declaration"] for each in body["replaces"]] if record_type == "declaration.register" else None
            for declaration in [body["declaration"]] if replaced is None else replaced:
                yield from self._on_declaration(state, declaration, stored.time_ms)

    def _ordered(self, state: State, stored: StoredRecord) -> Iterator[tuple[str | None, str]]:
        order = entries.order(state, stored.record.body.get("order", stored.id))
        if order is not None and order["kind"] == "declaration":
            yield from self._on_declaration(state, order["target"], stored.time_ms)
        elif order is not None and order["kind"] == "financing" and self._is_own(state, order["target"]):
            yield None, order["target"]

    def _on_declaration(self, state: State, declaration_id: str, time_ms: int) -> Iterator[tuple[str | None, str]]:
        entry = entries.declaration(state, declaration_id)
        if entry is None:
            return
        holding = [item["financing"] for item in (*balances.alive_holds(entry, time_ms), *entry["committed"])]
        for financing_id in dict.fromkeys([*holding, *entry["drawers"]]):
            if self._is_own(state, financing_id):
                yield declaration_id, financing_id

    def _under_consent(self, connection: sa.Connection, state: State, consent_id: str) -> Iterator[tuple[str | None, str]]:
        given = sa.select(grants.c.commitment).where(grants.c.consent == consent_id).order_by(grants.c.commitment)
        for commitment in connection.execute(given).scalars():
            entry = entries.grant(state, commitment)
            for financing_id, place in entry["lines"] if entry is not None else ():
                financing = entries.financing(state, str(financing_id))
                line = None if financing is None else financing["lines"][int(place)]
                if line is not None and (line["held"] or line["drawn"] or line["lost"]) and self._is_own(state, str(financing_id)):
                    yield line["declaration"], str(financing_id)

    def _is_own(self, state: State, financing_id: str) -> bool:
        entry = entries.financing(state, financing_id)
        return entry is not None and holder(state, entry["bank"]) == self._bank


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
