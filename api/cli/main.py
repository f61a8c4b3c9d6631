"""The command `tallystick`: its commands put together, and the one place where errors become a line on stderr and an exit status.

0 done · 1 refused, or verification failed · 2 wrong usage or unreadable input · 3 the node, its engine or database cannot be reached.
"""

from __future__ import annotations

import os
import sys

import typer

from api.cli import (
    accounts,
    archive,
    audit,
    backup,
    credit,
    declarations,
    demo_command,
    governance,
    init,
    ledger_commands,
    logs,
    members,
    migrate,
    monitoring,
    proofs,
    serve,
)
from api.cli.failures import report_internal, report_tallystick, report_usage
from ledger.errors import TallystickError

INTERRUPTED = 130


def build() -> typer.Typer:
    """Every command and group."""
    app = typer.Typer(
        name="tallystick",
        help="A permissioned ledger for cross-border trade finance.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command("demo")(demo_command.demo)
    app.command("init")(init.init)
    app.command("serve")(serve.serve)
    app.add_typer(accounts.users_app, name="user")
    app.add_typer(accounts.clients_app, name="client")
    app.add_typer(members.app, name="members")
    app.add_typer(governance.app, name="governance")
    app.add_typer(declarations.app, name="declarations")
    app.add_typer(monitoring.app, name="monitoring")
    app.add_typer(monitoring.alerts_app, name="alerts")
    app.add_typer(monitoring.look_ups_app, name="look-ups")
    app.add_typer(credit.app, name="credit")
    app.add_typer(ledger_commands.records_app, name="records")
    app.add_typer(ledger_commands.blocks_app, name="blocks")
    app.command("prove")(proofs.prove)
    app.command("verify")(proofs.verify)
    app.command("audit")(audit.audit)
    app.command("export")(archive.export)
    app.command("restore")(archive.restore)
    app.command("migrate")(migrate.migrate)
    app.command("backup")(backup.backup)
    app.command("recover")(backup.recover)
    return app


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and gives its exit status. Nothing but an exit of the process itself leaves it."""
    logs.log_to_stderr()
    try:
        status = build()(arguments, prog_name="tallystick", standalone_mode=False)
    except typer.TyperException as error:
        return report_usage(error)
    except TallystickError as error:
        return report_tallystick(error)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return report_internal(error)
    return status if isinstance(status, int) else 0


def main() -> None:
    """The entry point."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name's characters gets them escaped.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run())
