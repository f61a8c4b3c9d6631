"""What is to happen before a time. Records set and resolve deadlines; the sweep looks at those that passed.

Whether a deadline was missed follows from block times alone: it is resolved by the time of the record that resolves it. So it makes no
difference when the sweep comes, nor how often, nor whether the tables were made anew since.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from nodes.monitoring.tables import deadlines

APPROVAL: Final = "approval-stale"
HOLD: Final = "holds-lapse"
LOAN: Final = "loan-overdue"
COLLECTION: Final = "financed-over-collected"
ENQUIRY: Final = "enquiries-unused"


def set_deadline(connection: sa.Connection, code: str, record_id: str, subject: str, due_ms: int, bank: str, enterprise: str) -> None:
    """`subject` is what may resolve it: a financing, a declaration, an enquiry, or a loan's record."""
    row = {"code": code, "record_id": record_id, "subject": subject, "due_ms": due_ms, "bank": bank, "enterprise": enterprise}
    connection.execute(sa.insert(deadlines).values(**row, resolved_ms=None, swept=False))


def resolve(connection: sa.Connection, code: str, subject: str, time_ms: int) -> None:
    """What was awaited happened. One that was missed before stays, with the time at which it ended."""
    of_it = sa.and_(deadlines.c.code == code, deadlines.c.subject == subject, deadlines.c.resolved_ms.is_(None))
    connection.execute(sa.delete(deadlines).where(of_it, deadlines.c.due_ms > time_ms))
    connection.execute(sa.update(deadlines).where(of_it).values(resolved_ms=time_ms))
