"""What a detector sees and what it finds, and how a finding becomes an alert, once.

An alert's id follows from its code and its cause (record ids and the like), so that it is found again under the same id whenever the
tables are made anew, and what people decided about it still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import sqlalchemy as sa

from ledger import canonical
from ledger.hashing import tagged_json
from ledger.limits import INTEGER_MAX
from ledger.rules import State
from ledger.store import StoredRecord
from nodes.monitoring.settings import MonitoringSettings, settings_at
from nodes.monitoring.tables import alerts
from nodes.sealing import Opened

Severity = Literal["high", "medium", "low"]
SubjectKind = Literal["declaration", "financing", "enquiry", "record"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as a detector sees it: after the tables of supervision have taken it in. `state` is that after its block; `author` the
    member whose key came first.
    """

    connection: sa.Connection
    stored: StoredRecord
    parts: Mapping[str, Opened]
    state: State
    author: str

    @property
    def settings(self) -> MonitoringSettings:
        """The thresholds in force at the record's time."""
        return settings_at(self.connection, self.stored.time_ms)

    @property
    def code(self) -> str:
        return str(self.stored.result["code"])


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found. `cause` makes the alert's id; `records` prove it; `details` hold ids, shares and money in JSON form."""

    cause: tuple[str, ...]
    subject_kind: SubjectKind
    subject: str
    bank: str
    enterprise: str
    records: tuple[str, ...]
    opened_ms: int
    details: Mapping[str, Any] = field(default_factory=dict)


Detect = Callable[[Seen], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of alert. `detect` looks at each record of `types` as it comes; None where the sweep finds it when a time has passed."""

    code: str
    severity: Severity
    meaning: str
    types: frozenset[str] = frozenset()
    detect: Detect | None = None


EVERY_TYPE: Final = frozenset({"*"})


def alert_id(code: str, cause: Iterable[str]) -> str:
    """The id of the alert of a cause."""
    return tagged_json("alert", [code, *cause])


def _told(value: Any) -> Any:
    """Details as JSON can carry them. What somebody seals may be absurd, and sums of it more so: such a number is told as text, for the
    more absurd it is, the less may its alert be lost.
    """
    if isinstance(value, Mapping):
        return {name: _told(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_told(item) for item in value]
    return str(value) if isinstance(value, int) and abs(value) > INTEGER_MAX else value


def raise_alert(connection: sa.Connection, detector: Detector, finding: Finding) -> str | None:
    """Writes an alert down and gives its id, or None where it stands already."""
    found_id = alert_id(detector.code, finding.cause)
    if connection.execute(sa.select(alerts.c.id).where(alerts.c.id == found_id)).first() is not None:
        return None
    row = {
        "id": found_id,
        "code": detector.code,
        "severity": detector.severity,
        "subject_kind": finding.subject_kind,
        "subject": finding.subject,
        "bank": finding.bank,
        "enterprise": finding.enterprise,
        "records": canonical.encode(list(dict.fromkeys(finding.records))).decode("utf-8"),
        "details": canonical.encode(_told(finding.details)).decode("utf-8"),
        "opened_ms": finding.opened_ms,
    }
    connection.execute(sa.insert(alerts).values(**row))
    return found_id
