"""A home's node in a process of its own, for measurements that stop, kill and start it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from nodes.home import Home
from nodes.keys.keystore import Argon2Cost

# The keys and staff of these homes guard nothing.
CHEAP: Final = Argon2Cost(passes=1, memory_kib=8, lanes=1)


class Served:
    """The node's process. What it logs goes to `logs/serve.log` of its home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        api = Home(home).read_config().api
        self.url = f"http://{api.host}:{api.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None, "it was started"
        return self._process.pid

    def start(self) -> None:
        """Returns once it answers."""
        command = [sys.executable, "-m", "api.cli", "serve", "--home", str(self.home)]
        with (self.home / "logs" / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)  # noqa: S603 - this program, with arguments of its own  # nosec B603
        assert self._process.stdout is not None, "it is a pipe"
        assert self._process.stdout.readline(), "it says where it answers"

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits: the exit status."""
        assert self._process is not None, "it was started"
        self._process.send_signal(number)
        self._process.communicate()
        return self._process.returncode

    def freeze(self) -> None:
        """The process stands still, its connections open, until `thaw`."""
        assert self._process is not None, "it was started"
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None, "it was started"
        self._process.send_signal(signal.SIGCONT)
