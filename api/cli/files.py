"""Files that a command writes for its user: for the user's own eyes, and whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ledger.errors import Unreachable
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
