"""`tallystick audit`: everything replayed from genesis and compared with every stored byte, opened parts and sealed amounts with it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from api.cli.homes import HomeOption, OpenHome, reading
from api.cli.output import AsJson, print_json, print_table, say
from ledger.audit import Manner
from ledger.audit_snapshot import Snapshot
from ledger.clock import SystemClock
from ledger.errors import TallystickError
from ledger.limits import AUDIT_SAMPLE_MAX
from nodes.auditing.files import AuditedHome, files_of, service_key
from nodes.auditing.whole import HomeAudit, audit_home

SNAPSHOT_FILE: Final = "audit-snapshot.gz"
_DRAWN: Final = 25

Jobs = Annotated[int, typer.Option("--jobs", min=1, help="processes that may be used; all but one check signatures ahead of the replay")]
Resume = Annotated[bool, typer.Option("--resume", help="go on where an audit of this home was stopped (Ctrl-C)")]
Report = Annotated[Path | None, typer.Option("--report", help="a directory for the signed report (JSON, PDF) and the records drawn (CSV)")]
Drawn = Annotated[int, typer.Option("--sample", min=0, max=AUDIT_SAMPLE_MAX, help="how many records are drawn for the report's list")]


def audit(
    home: HomeOption, jobs: Jobs = 1, resume: Resume = False, report: Report = None, sample: Drawn = _DRAWN, as_json: AsJson = False
) -> None:
    """Replay the home's replica. Exit status 1 where anything does not hold; the first bad height is named."""
    with reading(home) as opened:
        snapshot = Snapshot(opened.home.path / SNAPSHOT_FILE)
        with _stopping() as stops, _progress(shown=not as_json and sys.stderr.isatty()) as on_progress:
            manner = Manner(jobs=jobs, on_progress=on_progress, snapshot=snapshot, resume=resume, stops=stops)
            audited = audit_home(opened.store, opened.private, opened.genesis, manner)
        # What was found is told before a report is made of it: what is damaged may keep that from being made.
        if as_json:
            print_json(audited.to_json())
        else:
            _tell(audited)
        written = [] if report is None else _write(opened, audited, report, sample)
    for path in written if not as_json else []:
        say(f"written: {path}")
    if not audited.ok:
        raise typer.Exit(1)


def _write(opened: OpenHome, audited: HomeAudit, directory: Path, sample: int) -> list[Path]:
    try:
        key = service_key(opened.home, opened.store, os.urandom)
        home = AuditedHome(opened.config, opened.store, opened.private, key)
        return files_of(audited, home, SystemClock(), sample).write(directory)
    except TallystickError as error:
        if audited.ok:
            raise
        sys.stderr.write(f"tallystick: {error.code}: no report can be made of this ledger: {error.message}\n")
        return []


def _tell(audited: HomeAudit) -> None:
    report = audited.to_json()
    if audited.ok:
        say(f"ok: {report['records']} records in {report['height'] + 1} blocks follow from genesis, to the last byte")
        say(f"{audited.parts} opened parts agree with the ledger, and the amounts of {audited.declarations} declarations with their shares")
        if audited.amounts_left_out is not None:
            say(f"amounts were not compared: {audited.amounts_left_out}")
        if audited.ledger.resumed_from is not None:
            say(f"up to height {audited.ledger.resumed_from} this rests on the run that was stopped")
    else:
        say(f"NOT OK: the first bad height is {report['first_bad_height']}")
        rows = [(found.height, found.code, found.reason, found.record_id) for found in audited.findings]
        print_table(["height", "code", "reason", "record"], rows)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Ctrl-C ends the audit after the block at hand, with a snapshot; a second one ends it at once. Only a main thread can be told."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    if not shown:
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("replaying")
        yield lambda done, last: progress.update(bar, completed=done, total=last)
