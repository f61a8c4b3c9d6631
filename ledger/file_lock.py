"""One engine a home, whatever process it runs in."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ledger.errors import Unreachable


class Lock(Protocol):
    """What an engine holds while it runs. `acquire` raises `Unreachable` where another one does."""

    def acquire(self) -> None: ...

    def release(self) -> None: ...


class FileLock:
    """The operating system lets the lock go when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises `Unreachable` (`home-in-use`, `home-not-writable`)."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unreachable(
                "home-not-writable", "this home's lock file cannot be opened", hint="check the path and its rights"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise Unreachable("home-in-use", "another process runs this home", hint="stop it, or use its API") from error
        except OSError as error:
            os.close(file)
            message = f"this home cannot be locked: {error.strerror}"
            raise Unreachable("home-not-writable", message, hint="check its disk; some network file systems have no locks") from error
        self._file = file

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            # The lock is gone even where closing fails, and nothing was written.
            with suppress(OSError):
                os.close(file)
