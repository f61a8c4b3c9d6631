"""`tallystick audit`: everything replayed from genesis and compared with every stored byte."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from api.cli.homes import HomeOption, reading
from api.cli.output import AsJson, print_json, print_table, say
from contracts.ruleset import RULEBOOK
from ledger.audit import AuditReport, Manner
from ledger.audit import audit as audit_ledger
from ledger.log_operator import operator_of


def audit(
    home: HomeOption,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="processes that may be used; blocks are replayed in order by one")] = 1,
    as_json: AsJson = False,
) -> None:
    """Replay the home's replica. Exit status 1 where anything does not hold; the first bad height is named."""
    del jobs
    with reading(home) as opened:
        report = _with_progress(opened.store, opened.genesis, shown=not as_json and sys.stderr.isatty())
    if as_json:
        print_json(report.to_json())
    elif report.ok:
        say(f"ok: {report.records} records in {report.height + 1} blocks follow from genesis, to the last byte")
    else:
        say(f"NOT OK: the first bad height is {report.first_bad_height}")
        rows = [(found.height, found.code, found.reason, found.record_id) for found in report.findings]
        print_table(["height", "code", "reason", "record"], rows)
    if not report.ok:
        raise typer.Exit(1)


def _with_progress(store: Any, genesis: Any, *, shown: bool) -> AuditReport:
    operator = operator_of(genesis)
    if not shown:
        return audit_ledger(store, genesis, RULEBOOK, operator)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("replaying")
        return audit_ledger(
            store, genesis, RULEBOOK, operator, Manner(on_progress=lambda done, last: progress.update(bar, completed=done, total=last))
        )
