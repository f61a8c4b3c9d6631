"""The command `tallystick`: its commands put together, and the one place where errors become a line on stderr and an exit status.

0 done · 1 refused, or verification failed · 2 wrong usage or unreadable input · 3 the node, its engine or database cannot be reached.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final

import typer

from api.cli import logs
from api.cli.failures import report_internal, report_tallystick, report_usage
from ledger.collecting import collect_seldom
from ledger.errors import TallystickError

INTERRUPTED = 130
_HELP: Final = "A permissioned ledger for cross-border trade finance."
_COMMANDS: Final = {
    "demo": "demo_command:demo",
    "sandbox": "sandbox:sandbox",
    "init": "init:init",
    "testnet": "testnet:make_testnet",
    "network": "network:app",
    "join": "join:join",
    "serve": "serve:serve",
    "user": "accounts:users_app",
    "client": "accounts:clients_app",
    "keys": "keys:app",
    "members": "members:app",
    "governance": "governance:app",
    "declarations": "declarations:app",
    "enquiries": "banking:enquiries_app",
    "financings": "banking:financings_app",
    "tasks": "banking:tasks_app",
    "events": "events:events",
    "monitoring": "monitoring:app",
    "alerts": "monitoring:alerts_app",
    "look-ups": "monitoring:look_ups_app",
    "credit": "credit:app",
    "records": "ledger_commands:records_app",
    "blocks": "ledger_commands:blocks_app",
    "prove": "proofs:prove",
    "verify": "proofs:verify",
    "trust": "witnesses:trust",
    "witnesses": "witnesses:app",
    "evidence": "witnesses:evidence",
    "audit": "audit:audit",
    "export": "archive:export",
    "restore": "archive:restore",
    "migrate": "migrate:migrate",
    "backup": "backup:backup",
    "recover": "backup:recover",
}


def build(asked: str | None = None) -> typer.Typer:
    """Every command and group; or the one that is asked for, and of the program only what that one needs: reading all of it takes longer
    than most commands.
    """
    app = typer.Typer(
        name="tallystick",
        help=_HELP,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(help=_HELP)(_program)
    for name, place in _COMMANDS.items():
        if asked in (None, name):
            module, _, attribute = place.partition(":")
            found = getattr(import_module(f"api.cli.{module}"), attribute)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name)(found)
    return app


def _program() -> None:
    """Keeps a single command from being taken for the whole program."""


def run(arguments: list[str] | None = None) -> int:
    """Runs one command and gives its exit status. Nothing but an exit of the process itself leaves it."""
    logs.log_to_stderr()
    try:
        given = sys.argv[1:] if arguments is None else arguments
        asked = given[0] if given and given[0] in _COMMANDS else None
        status = build(asked)(given, prog_name="tallystick", standalone_mode=False)
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
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name's characters gets them escaped.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run())
