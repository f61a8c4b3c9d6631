"""Detectors of what is disputed: somebody says of a record that it is wrong, and the authority is the one to look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nodes.dispute_book import OPEN, STATEMENT, StatementPart
from nodes.monitoring.findings import Detector, Finding, Seen
from nodes.sealed_models import read_part


def _opened(seen: Seen) -> Iterator[Finding]:
    """The author is no bank where the authority speaks for an exporter."""
    if seen.code != "ok" or STATEMENT not in seen.parts:
        return
    said = read_part(StatementPart, seen.parts[STATEMENT].content)
    about, records = seen.stored.record.body["record"], (seen.stored.record.body["record"], seen.stored.id)
    bank = "" if said.for_enterprise else seen.author
    details = {"dispute": seen.stored.id, "by_exporter": said.for_enterprise}
    yield Finding((seen.stored.id,), "record", about, bank, said.enterprise or "", records, seen.stored.time_ms, details)


DETECTORS: Final = (
    Detector(
        "dispute-opened", "medium", "a bank or an exporter disputes a record, and waits for the authority", frozenset({OPEN}), _opened
    ),
)
