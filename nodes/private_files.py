"""Small files that only their owner may read, replaced whole or not at all.

A file is written beside its place, flushed to the disk, and renamed over the old one; then the directory is flushed. So a crash
at any point leaves the old file or the new one, and at worst a left-over temporary file, which the next write of that name
replaces. Writers of a directory take turns by a lock on it. Directories have mode 0700 and files 0600; anything looser is
refused when read, because somebody else may have read or changed it already.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.errors import NotFound, Refused
from ledger.limits import PRIVATE_FILE_BYTES_MAX

DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600
NODE_SECRET_BYTES: Final = 32


def make_private_directory(path: Path) -> None:
    """Creates the directory with mode 0700 if need be, and checks the mode of one that exists (`key-file-mode`)."""
    try:
        path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error
    _require_private(path, os.stat(path, follow_symlinks=False), stat.S_ISDIR)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory's lock against other writers, in this process or another; it goes with the process that holds it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private_file(path: Path, data: bytes) -> None:
    """Puts the file in place, durably, with mode 0600. The caller holds the directory's lock. Raises `Refused` (`file-not-written`)."""
    temporary = temporary_path(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_directory(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error


def temporary_path(path: Path) -> Path:
    """Where the bytes lie until they are complete: a hidden name in the same directory, so that the rename is atomic."""
    return path.with_name(f".{path.name}.tmp")


def read_private_file(path: Path, bytes_max: int = PRIVATE_FILE_BYTES_MAX) -> bytes:
    """The file's bytes. Raises `NotFound` (`file-missing`), `Refused` (`key-file-mode`, `key-file-too-large`)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotFound("file-missing", f"there is no file {path.name}") from error
    except OSError as error:
        raise Refused("key-file-mode", f"{path.name} is no plain file that this user may read", hint=f"look at {path}") from error
    with os.fdopen(descriptor, "rb") as file:
        _require_private(path, os.fstat(file.fileno()), stat.S_ISREG)
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise Refused("key-file-too-large", f"{path.name} is larger than {bytes_max} bytes", hint=f"look at {path}")
    return data


def create_node_secret(path: Path, random: Callable[[int], bytes]) -> bytes:
    """Creates the file of the secret that opens a node's own keys: 32 random bytes. Refused (`secret-exists`) if it is there."""
    make_private_directory(path.parent)
    with locked(path.parent):
        if path.exists() or path.is_symlink():
            raise Refused("secret-exists", f"there is a secret in {path.name} already", hint="keys may depend on it: move it aside first")
        secret = random(NODE_SECRET_BYTES)
        write_private_file(path, secret)
    return secret


def read_node_secret(path: Path) -> bytes:
    """The secret that opens a node's own keys. Raises as `read_private_file`, and `Refused` (`secret-damaged`)."""
    secret = read_private_file(path)
    if len(secret) != NODE_SECRET_BYTES:
        raise Refused("secret-damaged", f"{path.name} does not hold {NODE_SECRET_BYTES} bytes", hint="restore it from a backup")
    return secret


def _require_private(path: Path, status: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(status.st_mode):
        raise Refused("key-file-mode", f"{path.name} is not the kind of file that belongs there", hint=f"look at {path}")
    if status.st_uid != os.geteuid():
        raise Refused("key-file-mode", f"{path.name} belongs to another user", hint=f"run as the owner of {path}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else FILE_MODE
        raise Refused(
            "key-file-mode",
            f"{path.name} may be read or changed by others (mode {stat.S_IMODE(status.st_mode):o})",
            hint=f"run: chmod {mode:o} {path}  -- and replace the key if others use this machine",
        )


def _not_written(path: Path, error: OSError) -> Refused:
    return Refused("file-not-written", f"{path.name} could not be written: {error.strerror}", hint=f"make room and access for {path}")


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
