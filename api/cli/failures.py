"""What a person reads when a command fails: `tallystick: CODE: sentence`, and on the next line what to do. Never a traceback."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback

import typer

from ledger.errors import TallystickError

USAGE_STATUS = 2
INTERNAL_STATUS = 1


def report_tallystick(error: TallystickError) -> int:
    """An error of the family; its class says the exit status."""
    _say(error.code, error.message, error.hint)
    return error.exit_status


def report_usage(error: typer.TyperException) -> int:
    """The command line itself was wrong."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tallystick"
    _say("usage", error.format_message().rstrip(".").replace("\n", " "), f"see {path} --help")
    return USAGE_STATUS


def report_internal(error: Exception) -> int:
    """A fault of the program. Its traceback goes to a file that only this user reads, since values in it may be private."""
    descriptor, path = tempfile.mkstemp(prefix="tallystick-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        traceback.print_exception(error, file=file)
    _say("internal", f"the program met a fault of its own: {type(error).__name__}", f"details are in {path}; it may hold private values")
    return INTERNAL_STATUS


def _say(code: str, sentence: str, hint: str) -> None:
    sys.stderr.write(f"tallystick: {code}: {sentence}\n")
    if hint:
        sys.stderr.write(f"  {hint}\n")
