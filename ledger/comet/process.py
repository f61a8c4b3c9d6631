"""CometBFT as a process of this node: found, started and stopped. When the application goes, it goes too: it loses its connections, and on
Linux the system ends it, also where it is stopped, or has not come to connect. Else it would hold the database and the port against the
one that is started next.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from ledger.comet.files import CometHome
from ledger.comet.statesync import UNIX
from ledger.errors import Unreachable

VERSION: Final = "0.38.25"
BINARY_VARIABLE: Final = "TALLYSTICK_COMETBFT"
_INSTALL: Final = f"make engine, or: go install github.com/cometbft/cometbft/cmd/cometbft@v{VERSION}; then name it in {BINARY_VARIABLE}"
_VERSION_S: Final = 20
_STOP_S: Final = 10
# Ends with the thread that started it (PR_SET_PDEATHSIG is 1, SIGKILL 9), then becomes CometBFT.
_LEASH: Final = "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,9);os.getppid()==int(sys.argv[1])and os.execv(sys.argv[2],sys.argv[2:])"
_ADDRESS_S: Final = 10.0
_LOOK_S: Final = 0.2


def find_binary() -> str:
    """The program, as the environment or the search path gives it, of the version that this program is made for.

    Raises `Unreachable` (`engine-missing`, `engine-version`).
    """
    named = os.environ.get(BINARY_VARIABLE) or shutil.which("cometbft")
    if named is None:
        raise Unreachable("engine-missing", "CometBFT is not installed", hint=_INSTALL)
    try:
        finished = subprocess.run(  # noqa: S603 - the program that the operator names  # nosec B603
            [named, "version"], capture_output=True, timeout=_VERSION_S, check=True, text=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreachable("engine-missing", f"{named} does not run", hint=_INSTALL) from error
    told = finished.stdout.strip()
    if told.removeprefix("v").split("+")[0] != VERSION:
        raise Unreachable("engine-version", f"{named} is CometBFT {told}, this program is made for {VERSION}", hint=_INSTALL)
    return named


def await_address(listen: str) -> None:
    """Waits until nothing listens on `HOST:PORT`: an engine whose application was killed goes a moment after it.

    Raises `Unreachable` (`address-in-use`).
    """
    host, _, port = listen.rpartition(":")
    end = time.monotonic() + _ADDRESS_S
    while True:
        try:
            socket.create_server((host.strip("[]"), int(port)), family=socket.AF_INET6 if host.startswith("[") else socket.AF_INET).close()
        except OSError as error:
            if time.monotonic() < end and error.errno == errno.EADDRINUSE:
                time.sleep(_LOOK_S)
                continue
            why = os.strerror(error.errno or 0)
            hint = "stop what uses it, or set `listen` under [engine] in tallystick.toml"
            raise Unreachable("address-in-use", f"the engine cannot listen on {listen}: {why}", hint=hint) from error
        return


class CometProcess:
    """One run after the other, all by one thread: CometBFT ends with it. `log_file` takes what it prints. It answers at the socket `rpc`,
    and at a second address where one is given.
    """

    def __init__(self, binary: str, home: Path, application: Path, rpc: Path, log_file: Path, rpc_listen: str = "") -> None:
        answering = ",".join(filter(None, [f"{UNIX}{rpc}", rpc_listen]))
        self._arguments = [binary, "start", "--home", str(home), "--proxy_app", f"{UNIX}{application}", "--rpc.laddr", answering]
        self._home, self._log_file, self._temporary = CometHome(home), log_file, home / "tmp"
        self._sockets = [Path(address.removeprefix(UNIX)) for address in answering.split(",") if address.startswith(UNIX)]
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises `Unreachable` (`engine-missing`)."""
        leash = [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid())] if sys.platform == "linux" else []
        try:
            self._home.drop_half_made()
            for left in filter(Path.is_socket, self._sockets):
                left.unlink()
            # Chunks of a snapshot wait there, all of a ledger's: too much for many a machine's /tmp. A killed process leaves its own.
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary.mkdir(mode=0o700)
            environment = {**os.environ, "TMPDIR": str(self._temporary)}
            with self._log_file.open("ab") as output:
                os.fchmod(output.fileno(), 0o600)
                # In a group of its own: Ctrl-C at a terminal is for the node, which ends the engine when it has let go of it.
                self._running = subprocess.Popen(  # noqa: S603 - the program that the operator names  # nosec B603
                    [*leash, *self._arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    process_group=0,
                )
        except OSError as error:
            raise Unreachable("engine-missing", "CometBFT cannot be started", hint=_INSTALL) from error

    @property
    def pid(self) -> int | None:
        return None if self._running is None else self._running.pid

    def ended(self) -> bool:
        """Whether it ran and does no more."""
        return self._running is not None and self._running.poll() is not None

    def stop(self) -> None:
        """Asks it to end, and ends it where it does not in time."""
        running, self._running = self._running, None
        if running is None:
            return
        running.terminate()
        try:
            running.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
