"""The projection of supervision: each record first into the tables, then before every detector that is about its type.

What other members sealed may be anything. A part that the tables or a detector cannot use undoes only what that step wrote, and is an
alert of its own; nothing stops the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DataError, IntegrityError

from ledger.errors import InputError, NotFound
from ledger.state import Overlay
from ledger.store import LedgerStore, StoredRecord
from nodes.directory import Directory
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.facts import take_in
from nodes.monitoring.findings import EVERY_TYPE, Detector, Finding, Seen, raise_alert
from nodes.monitoring.settings import settings_at
from nodes.monitoring.watch_money import UNREADABLE
from nodes.sealing import Opened

PROJECTION: Final = "monitoring/1"
_FACTS: Final = "supervision"

log = structlog.get_logger(__name__)


class Supervision:
    """The projection of the authority's node. It comes last: it takes from the tables of declarations, consents and enquiries."""

    def __init__(self, store: LedgerStore, directory: Directory) -> None:
        self._store, self._directory = store, directory

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Takes a record in and raises what alerts it gives rise to."""
        author = self._directory.author_of(stored.record.signers) or ""
        settings = settings_at(connection, stored.time_ms)
        with self._store.reading() as reader:
            seen = Seen(connection, stored, opened, Overlay(reader.state_at(stored.height)), settings, author)
            self._attempt(seen, _FACTS, lambda: take_in(seen, self._region_of))
            for detector in DETECTORS.values():
                if detector.detect is not None and (detector.types is EVERY_TYPE or stored.record.type in detector.types):
                    self._attempt(seen, detector.code, _raising(detector, seen))

    def _attempt(self, seen: Seen, step: str, act: Callable[[], None]) -> None:
        try:
            with seen.connection.begin_nested():
                act()
        except InputError as error:
            _raise_unusable(seen, step, error.code)
        except (IntegrityError, DataError):
            _raise_unusable(seen, step, "row-refused")

    def _region_of(self, member: str) -> str:
        try:
            return self._directory.member(member).region
        except NotFound:
            return ""


def _raising(detector: Detector, seen: Seen) -> Callable[[], None]:
    def act() -> None:
        assert detector.detect is not None, "asked for detectors that look at records"
        for finding in detector.detect(seen):
            raise_alert(seen.connection, detector, finding)

    return act


def _raise_unusable(seen: Seen, step: str, code: str) -> None:
    log.warning("supervision-refused", record_id=seen.stored.id, step=step, code=code)
    records, details = (seen.stored.id,), {"part": step, "code": code}
    finding = Finding((seen.stored.id, step), "record", seen.stored.id, seen.author, "", records, seen.stored.time_ms, details)
    raise_alert(seen.connection, DETECTORS[UNREADABLE], finding)
