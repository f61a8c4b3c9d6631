"""The projection of events: the last one, since it tells what the others made of a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from ledger.store import LedgerStore, StoredRecord
from nodes.directory import Directory
from nodes.events.catalogue import TYPES
from nodes.events.concerning import Draft, Seen, drafts
from nodes.events.feed import EventFeed
from nodes.events.tables import events, text_of
from nodes.home_config import NodeSection
from nodes.monitoring.findings import Detector, Finding
from nodes.sealing import Opened

PROJECTION: Final = "events/1"
# Each type has so many places among the events of one record, so that a type that is new in a later version moves no other. No round
# number of ten, which could be taken for an amount.
_PLACES: Final = 2**20


class EventBook:
    """Of every node. It looks at every record, so that the feed's listeners hear of each."""

    def __init__(self, store: LedgerStore, directory: Directory, who: NodeSection, feed: EventFeed) -> None:
        self._store, self._directory, self._who, self._feed = store, directory, who, feed

    def apply(self, connection: sa.Connection, stored: StoredRecord, _: Mapping[str, Opened]) -> None:
        """Writes down what the record means to the owner."""
        for draft in drafts(Seen(connection, stored, self._store, self._directory, self._who.member, self._who.role)):
            _add(connection, stored, draft)
        self._feed.changed()

    def alert(self, connection: sa.Connection, stored: StoredRecord, detector: Detector, finding: Finding, alert: str) -> None:
        """An alert that a record gave rise to, at the authority's node."""
        _add(
            connection,
            stored,
            Draft("alert.raised", alert_subjects(alert, finding), {"code": detector.code, "severity": detector.severity}),
        )


def alert_subjects(alert: str, finding: Finding) -> dict[str, str]:
    """The alert, and what it is about where that is something else than a record."""
    about = {} if finding.subject_kind == "record" else {f"{finding.subject_kind}_id": finding.subject}
    return {"alert_id": alert, **about}


def _add(connection: sa.Connection, stored: StoredRecord, draft: Draft) -> None:
    first = TYPES[draft.type].number * _PLACES
    had = sa.select(sa.func.max(events.c.place)).where(
        events.c.log_index == stored.log_index, events.c.place >= first, events.c.place < first + _PLACES
    )
    last = connection.execute(had).scalar()
    connection.execute(
        sa.insert(events).values(
            log_index=stored.log_index,
            place=first if last is None else last + 1,
            type=draft.type,
            enterprise=draft.enterprise,
            record_id=stored.id if draft.named else None,
            height=stored.height,
            time_ms=stored.time_ms,
            subjects=text_of({name: value for name, value in draft.subjects.items() if value is not None}),
            body=text_of(draft.body),
        )
    )
