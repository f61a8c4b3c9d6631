"""`tallystick monitoring`, `alerts` and `look-ups`: the authority's figures and alerts from its own home, and whether its log is whole.

They read beside a running node, which is the one that sweeps for alerts. Whoever may open the home may see all of it: what the API writes
down of look-ups is not written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.homes import HomeOption
from api.cli.output import AsJson, print_json, print_table, say
from ledger.clock import SystemClock, rfc3339
from ledger.errors import Refused
from nodes.home import Home
from nodes.look_ups import LookUps
from nodes.money import decimal_text
from nodes.monitoring import figures
from nodes.monitoring.alerts import Alerts
from nodes.monitoring.figures import Amount, Filters, Row
from nodes.private import PrivateStore

app = typer.Typer(help="the authority's figures")
alerts_app = typer.Typer(help="the authority's alerts")
look_ups_app = typer.Typer(help="the authority's log of its own look-ups")

State = Annotated[str | None, typer.Option("--state", help="open, taken or closed")]
First = Annotated[str | None, typer.Option("--from", help="the first day, as 2026-05-31")]
Last = Annotated[str | None, typer.Option("--to", help="the last day")]


@app.callback()
def _figures() -> None:
    """The authority's figures."""


@alerts_app.callback()
def _alerts() -> None:
    """The authority's alerts."""


@look_ups_app.callback()
def _look_ups() -> None:
    """The authority's log of its own look-ups."""


@app.command("summary")
def summary(home: HomeOption, since: First = None, until: Last = None, as_json: AsJson = False) -> None:
    """Stock and flow of each currency."""
    with _private(home) as private, private.reading() as connection:
        rows = figures.summary(connection, Filters(since, until), SystemClock().now_ms())
    _show(rows, as_json=as_json)


@app.command("stages")
def stages(home: HomeOption, since: First = None, until: Last = None, as_json: AsJson = False) -> None:
    """How long each stage takes."""
    with _private(home) as private, private.reading() as connection:
        rows = figures.stages(connection, Filters(since, until))
    _show(rows, as_json=as_json)


@alerts_app.command("list")
def list_alerts(home: HomeOption, state: State = None, as_json: AsJson = False) -> None:
    """Every alert with its state, in the order in which they opened."""
    with _private(home) as private:
        found = Alerts(private, SystemClock()).list(state=state, limit=None)
    items = [
        {
            "id": alert.id,
            "code": alert.code,
            "severity": alert.severity,
            "bank": alert.bank,
            "subject": f"{alert.subject_kind} {alert.subject}",
            "opened": rfc3339(alert.opened_ms),
            "state": alert.state,
        }
        for alert in found
    ]
    if as_json:
        print_json({"items": items})
    else:
        print_table(["id", "code", "severity", "bank", "subject", "opened", "state"], [list(item.values()) for item in items])


@look_ups_app.command("check")
def check(home: HomeOption, as_json: AsJson = False) -> None:
    """Goes through the chain of the log; a removed or changed entry is named. Keep the head: a log that was cut short ends in another.

    Raises `Refused` (`look-ups-broken`).
    """
    with _private(home) as private:
        found = LookUps(private, SystemClock()).check()
    if as_json:
        print_json({"ok": found.first_bad is None, "entries": found.entries, "first_bad": found.first_bad, "head": found.head})
    if found.first_bad is not None:
        raise Refused("look-ups-broken", f"entry {found.first_bad} of the log is missing or was changed", hint="compare with a backup")
    if not as_json:
        say(f"{found.entries} entries, whole; the log ends in {found.head}")


@contextmanager
def _private(path: Path) -> Iterator[PrivateStore]:
    """The private database of the authority's home. Raises `Refused` (`wrong-seat`), and as `homes.reading`."""
    home = Home(path)
    config = home.read_config()
    home.check_modes()
    if config.node.role != "authority":
        raise Refused("wrong-seat", "only the authority's home has figures, alerts and a log of look-ups")
    with closing(PrivateStore(home.private_url(config))) as private:
        yield private


def _show(rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        print_json({"items": [{name: _plain(cell) for name, cell in row.items()} for row in rows]})
    else:
        columns = list(rows[0]) if rows else []
        print_table(columns, [[_text(row[name]) for name in columns] for row in rows])


def _plain(cell: str | int | Amount | None) -> Any:
    return {"currency": cell.currency, "value": decimal_text(cell.minor, cell.currency)} if isinstance(cell, Amount) else cell


def _text(cell: str | int | Amount | None) -> object:
    return decimal_text(cell.minor, cell.currency) if isinstance(cell, Amount) else cell
