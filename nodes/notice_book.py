"""The table of what changed under a bank's own financings, made from its own replica and book, and what was read of it.

What was read is the bank's own note: it stands in a table of its own, keyed by what caused the notice, and outlives every reading anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from contracts import balances, entries
from contracts.financings.common import holder
from ledger.hashing import tagged_json
from ledger.rules import State
from ledger.state import Overlay
from ledger.store import LedgerStore, StoredRecord
from nodes.enquiries.grants import grants
from nodes.private import metadata
from nodes.sealing import Opened

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
