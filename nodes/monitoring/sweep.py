"""The sweep: deadlines that passed become alerts. It may come at any time and as often as it likes: whether a deadline was missed, and
what it counts with, follows from times on the ledger, so each alert is raised once and under the same id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from contracts.months import DAY_MS
from ledger.background import Background
from nodes.events.book import alert_subjects
from nodes.monitoring import deadlines as kinds
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.findings import Detector, Finding, raise_alert
from nodes.monitoring.settings import settings_at
from nodes.monitoring.tables import collected, deadlines, lines, loans
from nodes.sums import exact_sum, total

if TYPE_CHECKING:
    from nodes.node import Node

_BATCH: Final = 200
_EVERY_S: Final = 60.0
# A record made before a deadline may still be on its way when the deadline passes.
_GRACE_MS: Final = 60_000


def sweep(node: Node) -> int:
    """Looks at every deadline that passed and was not looked at yet: how many there were. Raises `Unreachable`."""
    node.reader.catch_up()
    total = 0
    while count := _sweep_batch(node, node.clock.now_ms() - _GRACE_MS):
        total += count
    return total


class Sweeper(Background):
    """Sweeps in a thread of its own, every minute."""

    def __init__(self, node: Node) -> None:
        super().__init__("sweeper", "sweep-waits", _EVERY_S)
        self._node = node

    def run_once(self) -> int:
        return sweep(self._node)


def _sweep_batch(node: Node, now_ms: int) -> int:
    passed = sa.and_(deadlines.c.swept.is_(False), deadlines.c.due_ms <= now_ms)
    order = (deadlines.c.due_ms, deadlines.c.code, deadlines.c.record_id, deadlines.c.subject)
    with node.private.begin() as connection:
        rows = connection.execute(sa.select(deadlines).where(passed).order_by(*order).limit(_BATCH)).fetchall()
        for row in rows:
            finding = _FINDINGS[row.code](connection, row)
            if finding is not None:
                _raise(node, connection, DETECTORS[row.code], finding)
            of_it = [getattr(deadlines.c, name) == getattr(row, name) for name in ("code", "record_id", "subject")]
            connection.execute(sa.update(deadlines).where(*of_it).values(swept=True))
    return len(rows)


def _raise(node: Node, connection: sa.Connection, detector: Detector, finding: Finding) -> None:
    """A deadline passes without a record, so the event is this node's own."""
    alert = raise_alert(connection, detector, finding)
    if alert is not None:
        what = {"code": detector.code, "severity": detector.severity}
        node.events.note(connection, "alert.raised", alert_subjects(alert, finding), what, f"alert:{alert}")


def _approval(_connection: sa.Connection, row: Any) -> Finding:
    records = (row.subject, row.record_id)
    return Finding((row.record_id,), "financing", row.subject, row.bank, row.enterprise, records, row.due_ms, {"due": row.due_ms})


def _loan(connection: sa.Connection, row: Any) -> Finding:
    loan = connection.execute(sa.select(loans).where(loans.c.record_id == row.record_id)).one()
    records, details = (loan.financing, row.record_id), {"matures_on": loan.matures_on, "lent_minor": loan.amount_minor}
    return Finding((row.record_id,), "financing", loan.financing, row.bank, row.enterprise, records, row.due_ms, details)


def _collection(connection: sa.Connection, row: Any) -> Finding:
    came_in = connection.execute(
        sa.select(collected).where(collected.c.declaration == row.subject).order_by(collected.c.record_id)
    ).fetchall()
    lent = connection.execute(sa.select(*exact_sum(lines.c.disbursed_minor, "minor")).where(lines.c.declaration == row.subject)).one()
    details = {"lent_minor": total(lent, "minor"), "collected_minor": sum(each.amount_minor for each in came_in)}
    records = (row.record_id, *(each.record_id for each in came_in))
    return Finding((row.record_id, row.subject), "declaration", row.subject, row.bank, row.enterprise, records, row.due_ms, details)


def _lapsed(connection: sa.Connection, row: Any) -> Finding | None:
    """The hold that lapsed, where so many did on one of its declarations within the window."""
    settings = settings_at(connection, row.due_ms)
    since_ms = row.due_ms - settings.lapses_days * DAY_MS
    for declaration in (
        connection.execute(sa.select(lines.c.declaration).where(lines.c.financing == row.subject).order_by(lines.c.line)).scalars().all()
    ):
        own = sa.select(lines.c.financing).where(lines.c.declaration == declaration)
        before = _missed(kinds.HOLD, since_ms, row.due_ms, deadlines.c.subject.in_(own))
        lapsed = connection.execute(before).fetchall()
        if len(lapsed) >= settings.lapses:
            records = tuple(each.subject for each in lapsed)
            return Finding(
                (row.subject,), "declaration", declaration, row.bank, row.enterprise, records, row.due_ms, {"lapses": len(lapsed)}
            )
    return None


def _unused(connection: sa.Connection, row: Any) -> Finding | None:
    settings = settings_at(connection, row.due_ms)
    since_ms = row.due_ms - settings.unused_enquiries_days * DAY_MS
    unused = connection.execute(_missed(kinds.ENQUIRY, since_ms, row.due_ms, deadlines.c.bank == row.bank)).fetchall()
    if len(unused) < settings.unused_enquiries:
        return None
    records = tuple(each.subject for each in unused)
    return Finding((row.record_id,), "enquiry", row.subject, row.bank, row.enterprise, records, row.due_ms, {"unused": len(unused)})


def _missed(code: str, since_ms: int, until_ms: int, of_it: sa.ColumnElement[bool]) -> sa.Select[tuple[Any, ...]]:
    """Deadlines of one kind that were missed in a window, its end among them."""
    window = sa.and_(deadlines.c.code == code, deadlines.c.due_ms > since_ms, deadlines.c.due_ms <= until_ms, of_it)
    return sa.select(deadlines).where(window).order_by(deadlines.c.due_ms, deadlines.c.record_id)


_FINDINGS: Final[dict[str, Callable[[sa.Connection, Any], Finding | None]]] = {
    kinds.APPROVAL: _approval,
    kinds.HOLD: _lapsed,
    kinds.LOAN: _loan,
    kinds.COLLECTION: _collection,
    kinds.ENQUIRY: _unused,
}
