"""Every home under a directory served by a process of its own, at the address that it names, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from api.cli.output import say
from api.cli.sign_ins import FILE_NAME, show_sign_ins
from ledger.errors import Unreachable
from nodes.home import CONFIG_NAME
from nodes.seats import SignIn

_STOP_S: Final = 20.0
_LOOK_S: Final = 0.5


def serve_members(directory: Path, sign_ins: Sequence[SignIn], *, as_json: bool) -> None:
    """Serves every home under a directory. Raises `Unreachable` (`member-stopped`) where one of the processes ends by itself."""
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    homes = sorted((path.parent for path in directory.glob(f"*/{CONFIG_NAME}")), key=lambda home: (home.name != "authority", home.name))
    served: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        stack.callback(_stop, served)
        for home in homes:
            served[home.name] = _start(home, stack)
        for name, process in served.items():
            _wait_until_serving(name, process, asked_to_stop)
        if not as_json:
            _announce(directory, sign_ins, len(homes))
        while not asked_to_stop.wait(_LOOK_S):
            for name, process in served.items():
                if process.poll() is not None:
                    raise _gone(name, process)


def _start(home: Path, stack: ExitStack) -> subprocess.Popen[str]:
    log = stack.enter_context((home / "logs" / "serve.log").open("a", encoding="utf-8"))
    command = [sys.executable, "-m", "api.cli", "serve", "--home", str(home)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - this program itself  # nosec B603


def _wait_until_serving(name: str, process: subprocess.Popen[str], asked_to_stop: threading.Event) -> None:
    """The first line says that the node answers; no line, that it ended."""
    assert process.stdout is not None, "its output is a pipe"
    if not process.stdout.readline() and not asked_to_stop.is_set():
        raise _gone(name, process)


def _gone(name: str, process: subprocess.Popen[str]) -> Unreachable:
    return Unreachable("member-stopped", f"the node of {name} ended with status {process.wait()}", hint=f"see {name}/logs/serve.log")


def _stop(served: dict[str, subprocess.Popen[Any]]) -> None:
    """Followers first, so that each can finish with its upstream node; by process id, and nothing else."""
    for process in reversed(served.values()):
        if process.poll() is None:
            process.terminate()
    for process in served.values():
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _announce(directory: Path, sign_ins: Sequence[SignIn], count: int) -> None:
    show_sign_ins(sign_ins, "sign-ins")
    say(f"sign-ins are in {directory / FILE_NAME} too; Ctrl-C ends")
    say(f"ready: {count} members")
    sys.stdout.flush()
