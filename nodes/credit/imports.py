"""Importing credit facts: one result for each row, whatever it came in.

The rows of a file are read in full before any is recorded, so a file that breaks records nothing; then they are recorded a batch at a
time. What is recorded already is `unchanged`, so a run that was cut off is mended by running the same file again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

from ledger.errors import InputError
from nodes.credit.columns import LAYOUTS, entry_of
from nodes.credit.facts import KINDS
from nodes.credit.files import ReadRow, read_facts
from nodes.credit.profiles import Profiles

BATCH: Final = 500
DONE: Final = ("recorded", "superseded", "withdrawn", "unchanged")


@dataclass(frozen=True, slots=True)
class RowResult:
    """`position` is the row as its file counts it. `result` is one of `DONE`, or the code of what is wrong, which `message` says."""

    kind: str
    position: int
    uscc: str
    result: str
    message: str = ""

    def to_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("kind", "position", "uscc", "result", "message")}


def import_file(profiles: Profiles, stream: BinaryIO, by: str, source: str) -> list[RowResult]:
    """Records what a CSV or XLSX file holds. Raises as `files.read_facts`, before anything is recorded."""
    return import_rows(profiles, list(read_facts(stream)), by, source)


def import_objects(profiles: Profiles, objects: Sequence[Mapping[str, str]], by: str, source: str) -> list[RowResult]:
    """Records rows that came as objects: `kind`, and the columns of its table by their English names."""
    return import_rows(profiles, [_read(position, each) for position, each in enumerate(objects, 1)], by, source)


def import_rows(profiles: Profiles, rows: Iterable[ReadRow], by: str, source: str) -> list[RowResult]:
    """Records rows that were read, and gives a result for each in the same order."""
    remaining = iter(rows)
    results: list[RowResult] = []
    while batch := list(islice(remaining, BATCH)):
        outcomes = iter(profiles.record([row.entry for row in batch if row.entry is not None], by, source))
        results += [_result(row, row.problem if row.entry is None else next(outcomes)) for row in batch]
    return results


def counted(results: Sequence[RowResult]) -> dict[str, object]:
    """The report: how many rows there were, how many were refused, and every result."""
    refused = sum(result.result not in DONE for result in results)
    return {"total": len(results), "accepted": len(results) - refused, "refused": refused, "items": [each.to_json() for each in results]}


def _result(row: ReadRow, outcome: str | InputError | None) -> RowResult:
    assert outcome is not None, "a row that records nothing says why"
    if isinstance(outcome, InputError):
        return RowResult(row.kind, row.position, row.uscc, outcome.code, outcome.message)
    return RowResult(row.kind, row.position, row.uscc, outcome)


def _read(position: int, cells: Mapping[str, str]) -> ReadRow:
    uscc = cells.get("uscc", "")[:18]
    named = next((kind for kind in KINDS if kind == cells.get("kind")), None)
    if named is None:
        return ReadRow("", position, uscc, None, InputError("kind-unknown", f"a row is of one of the kinds {', '.join(KINDS)}"))
    try:
        entry = entry_of(LAYOUTS[named], {name: text for name, text in cells.items() if name != "kind"})
    except InputError as error:
        return ReadRow(named, position, uscc, None, error)
    return ReadRow(named, position, uscc, entry)
