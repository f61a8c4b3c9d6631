"""Files that a command reads from its user, and writes for its user: those for the user's own eyes, and whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ledger.errors import InputError, Unreachable
from ledger.limits import RECORD_BYTES_MAX
from nodes.private_files import temporary_path


@contextmanager
def written_whole(out: Path) -> Iterator[BinaryIO]:
    """A file beside its place (mode 0600), which gets its name once it is whole and on the disk. Raises `Unreachable`
    (`file-not-written`).
    """
    temporary = temporary_path(out)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            # A file of this name may have been left there, by somebody else too: then this fails.
            os.fchmod(file.fileno(), 0o600)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, out)
    except OSError as error:
        raise Unreachable("file-not-written", f"{out} cannot be written: {os.strerror(error.errno or 0)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def json_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file, no longer than the record that it becomes. Raises `InputError` (`file-unreadable`, `unreadable`)."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(RECORD_BYTES_MAX))
    except OSError as error:
        raise InputError("file-unreadable", f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError("unreadable", f"{path} is not JSON") from error
    if not isinstance(value, dict):
        raise InputError("unreadable", f"{path} does not hold a JSON object")
    return value


def bytes_of(path: Path, bytes_max: int) -> bytes:
    """A whole file. Raises `InputError` (`unreadable`, `oversize`)."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise InputError("unreadable", f"{path} cannot be read: {error.strerror}") from error
    if len(data) > bytes_max:
        raise InputError("oversize", f"{path} has more than {bytes_max} bytes")
    return data
