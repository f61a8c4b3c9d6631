"""The projection of supervision: each record first into the tables, then before every detector that is about its type.

What other members sealed may be anything. A part that the tables or a detector cannot use undoes only what that step wrote, and is an
alert of its own; nothing stops the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DataError, IntegrityError

from ledger.errors import InputError, NotFound
from ledger.state import Overlay
from ledger.store import LedgerStore, StateAt, StoredRecord
from nodes.directory import Directory
from nodes.monitoring.catalogue import DETECTORS
from nodes.monitoring.facts import take_in
from nodes.monitoring.findings import EVERY_TYPE, Detector, Finding, Seen, raise_alert
from nodes.monitoring.watch_money import UNREADABLE
from nodes.sealing import Opened

PROJECTION: Final = "monitoring/2"
_FACTS: Final = "supervision"

Raised = Callable[[sa.Connection, StoredRecord, Detector, Finding, str], None]

log = structlog.get_logger(__name__)


class Supervision:
    """The projection of the authority's node. It takes from the tables of declarations, consents and enquiries; `raised` is told of each
    alert that is new.
    """

    def __init__(self, store: LedgerStore, directory: Directory, raised: Raised) -> None:
        self._store, self._directory, self._raised = store, directory, raised

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Takes a record in and raises what alerts it gives rise to."""
        author = self._directory.author_of(stored.record.signers) or ""
        with ExitStack() as stack:
            state = Overlay(_StateAfter(self._store, stored.height, stack))
            seen = Seen(connection, stored, opened, state, author)
            try:
                with connection.begin_nested():
                    take_in(seen, self._region_of)
            except InputError as error:
                self._raise_unusable(seen, _FACTS, error.code)
            except (IntegrityError, DataError):
                self._raise_unusable(seen, _FACTS, "row-refused")
            for detector in _looking_at(stored.record.type):
                self._detect(detector, seen)

    def _detect(self, detector: Detector, seen: Seen) -> None:
        """A detector only reads, so one that cannot use a part has nothing to undo."""
        assert detector.detect is not None, "it looks at records"
        try:
            findings = list(detector.detect(seen))
        except InputError as error:
            self._raise_unusable(seen, detector.code, error.code)
            return
        for finding in findings:
            self._raise(seen, detector, finding)

    def _raise_unusable(self, seen: Seen, step: str, code: str) -> None:
        log.warning("supervision-refused", record_id=seen.stored.id, step=step, code=code)
        records, details = (seen.stored.id,), {"part": step, "code": code}
        finding = Finding((seen.stored.id, step), "record", seen.stored.id, seen.author, "", records, seen.stored.time_ms, details)
        self._raise(seen, DETECTORS[UNREADABLE], finding)

    def _raise(self, seen: Seen, detector: Detector, finding: Finding) -> None:
        alert = raise_alert(seen.connection, detector, finding)
        if alert is not None:
            self._raised(seen.connection, seen.stored, detector, finding, alert)

    def _region_of(self, member: str) -> str:
        try:
            return self._directory.member(member).region
        except NotFound:
            return ""


class _StateAfter:
    """The state after a block, opened when it is first asked for: most records need none of it."""

    def __init__(self, store: LedgerStore, height: int, stack: ExitStack) -> None:
        self._store, self._height, self._stack = store, height, stack
        self._opened: StateAt | None = None

    def get_bytes(self, key: str) -> bytes | None:
        return self._state().get_bytes(key)

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        return self._state().scan_bytes(prefix)

    def _state(self) -> StateAt:
        if self._opened is None:
            self._opened = self._stack.enter_context(self._store.reading()).state_at(self._height)
        return self._opened


@cache
def _looking_at(record_type: str) -> tuple[Detector, ...]:
    looking = (detector for detector in DETECTORS.values() if detector.detect is not None)
    return tuple(detector for detector in looking if detector.types is EVERY_TYPE or record_type in detector.types)
