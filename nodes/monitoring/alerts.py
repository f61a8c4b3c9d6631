"""Alerts as the authority's people work with them: listed, taken, closed with a reason, opened again; every change is kept.

What was found follows from the ledger; who took it and why it was closed is the authority's own, kept by the alert's id in tables that
survive when the others are made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from ledger import canonical
from ledger.clock import Clock
from ledger.errors import InputError, NotFound, Refused
from nodes.enterprises import enterprises
from nodes.monitoring.tables import alerts
from nodes.private import PrivateStore, metadata

OPEN: Final = "open"
TAKEN: Final = "taken"
CLOSED: Final = "closed"

State = Literal["open", "taken", "closed"]
Change = Literal["take", "close", "reopen"]

standings = sa.Table(
    "alert_standings",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("owner", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    comment="what the authority's people decided about an alert; one without a row is open",
)
changes = sa.Table(
    "alert_changes",
    metadata,
    sa.Column("alert", sa.Text, primary_key=True),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    comment="every decision about an alert, in order",
)

_MAY: Final[dict[Change, tuple[str, ...]]] = {"take": (OPEN, TAKEN), "close": (OPEN, TAKEN), "reopen": (CLOSED,)}


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of an alert: what, by whom (a pseudonym), why and when."""

    change: str
    who: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Alert:
    """`records` prove it; `owner` took it; `exporter` is (credit code, name) where it concerns one that is enrolled."""

    id: str
    code: str
    severity: str
    subject_kind: str
    subject: str
    bank: str
    enterprise: str
    exporter: tuple[str, str] | None
    records: tuple[str, ...]
    details: dict[str, Any]
    opened_ms: int
    state: State
    owner: str | None
    reason: str
    history: tuple[Decision, ...]


class Alerts:
    """The authority's alerts."""

    def __init__(self, private: PrivateStore, clock: Clock) -> None:
        self._private, self._clock = private, clock

    def list(
        self,
        *,
        state: str | None = None,
        code: str | None = None,
        severity: str | None = None,
        subject: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Alert]:
        """In the order in which they opened, without their history. `after` is `cursor` of the last one that was seen.

        Raises `InputError` (`bad-cursor`).
        """
        query = _query()
        if state is not None:
            query = query.where(sa.func.coalesce(standings.c.state, OPEN) == state)
        if code is not None:
            query = query.where(alerts.c.code == code)
        if severity is not None:
            query = query.where(alerts.c.severity == severity)
        if subject is not None:
            query = query.where(alerts.c.subject == subject)
        if after is not None:
            opened_ms, found_id = _read_cursor(after)
            later = sa.and_(alerts.c.opened_ms == opened_ms, alerts.c.id > found_id)
            query = query.where(sa.or_(alerts.c.opened_ms > opened_ms, later))
        with self._private.reading() as connection:
            return [_alert(row, ()) for row in connection.execute(query if limit is None else query.limit(limit))]

    def get(self, alert_id: str) -> Alert:
        """Raises `NotFound` (`unknown-alert`)."""
        with self._private.reading() as connection:
            return _one(connection, alert_id)

    def change(self, alert_id: str, change: Change, who: str, reason: str) -> Alert:
        """Takes, closes or reopens. Raises `NotFound` (`unknown-alert`), `Refused` (`alert-state`, `alert-owner`)."""
        now_ms = self._clock.now_ms()
        with self._private.begin() as connection:
            alert = _one(connection, alert_id)
            if alert.state not in _MAY[change]:
                raise Refused("alert-state", f"the alert is {alert.state}", hint="close it, or reopen it first")
            if change == "take" and alert.owner == who:
                raise Refused("alert-owner", "the alert is yours already", hint="close it with a reason")
            state = {"take": TAKEN, "close": CLOSED, "reopen": OPEN}[change]
            owner = {"take": who, "close": alert.owner or who, "reopen": None}[change]
            values = {"state": state, "owner": owner, "reason": reason, "changed_ms": now_ms}
            if connection.execute(sa.update(standings).where(standings.c.alert == alert_id).values(**values)).rowcount == 0:
                connection.execute(sa.insert(standings).values(alert=alert_id, **values))
            what = {"change": change, "who": who, "reason": reason, "at_ms": now_ms}
            connection.execute(sa.insert(changes).values(alert=alert_id, place=len(alert.history), **what))
            return _one(connection, alert_id)


def cursor(alert: Alert) -> str:
    """Where a list goes on after an alert."""
    return f"{alert.opened_ms}-{alert.id}"


def _read_cursor(text: str) -> tuple[int, str]:
    opened, dash, found_id = text.partition("-")
    if not dash or not opened.isascii() or not opened.isdecimal() or len(opened) > 16:
        raise InputError("bad-cursor", "`after` is not the cursor of a page of alerts")
    return int(opened), found_id


def _query() -> sa.Select[tuple[Any, ...]]:
    columns = (*alerts.c, standings.c.state, standings.c.owner, standings.c.reason, enterprises.c.uscc, enterprises.c.name)
    joined = alerts.outerjoin(standings, standings.c.alert == alerts.c.id).outerjoin(enterprises, enterprises.c.id == alerts.c.enterprise)
    return sa.select(*columns).select_from(joined).order_by(alerts.c.opened_ms, alerts.c.id)


def _one(connection: sa.Connection, alert_id: str) -> Alert:
    row = connection.execute(_query().where(alerts.c.id == alert_id)).first()
    if row is None:
        raise NotFound("unknown-alert", "the authority has no such alert")
    history = connection.execute(sa.select(changes).where(changes.c.alert == alert_id).order_by(changes.c.place))
    return _alert(row, tuple(Decision(each.change, each.who, each.reason, each.at_ms) for each in history))


def _alert(row: Any, history: tuple[Decision, ...]) -> Alert:
    return Alert(
        id=row.id,
        code=row.code,
        severity=row.severity,
        subject_kind=row.subject_kind,
        subject=row.subject,
        bank=row.bank,
        enterprise=row.enterprise,
        exporter=None if row.uscc is None else (row.uscc, row.name),
        records=tuple(canonical.decode(row.records.encode("utf-8"))),
        details=canonical.decode(row.details.encode("utf-8")),
        opened_ms=row.opened_ms,
        state=row.state or OPEN,
        owner=row.owner,
        reason=row.reason or "",
        history=history,
    )
