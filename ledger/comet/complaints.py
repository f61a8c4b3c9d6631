"""What CometBFT says when it cannot go on, as errors of this program. It stops asking then, sometimes with its process still there, and
says why nowhere but in its log. The sentences are those of the one version that `process` runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ledger.errors import TallystickError, Unreachable, VerificationFailed

_READ_BYTES_MAX: Final = 1_048_576
_RECOVER: Final = "see in the manual: a validator is lost"
_STOPPED: Final = b"CONSENSUS FAILURE!!!"
_SYNC_STOPPED: Final = b"Error in validation"
_OTHER_HEADER: Final = b"wrong Block.Header."
_REPLAYED: Final = b"AppHash does not match AppHash after replay"
_BEHIND: Final = b"is higher than core ("


def engine_behind() -> VerificationFailed:
    message = "this ledger holds blocks that its engine does not: the engine's data was lost, or an older copy of it put back"
    return VerificationFailed("engine-behind", message, hint=_RECOVER)


def _differs() -> VerificationFailed:
    message = "the others decided on blocks that do not follow from this ledger: it holds another state than theirs"
    return VerificationFailed("app-hash-differs", message, hint=f"run tallystick audit, then {_RECOVER}")


class Log:
    """The file that CometBFT writes to, from where it ends now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size if path.exists() else 0

    def complaint(self) -> TallystickError | None:
        """Why it stopped, where it said so since it was last asked."""
        return next((found for line in self._lines() if (found := _meaning(line)) is not None), None)

    def _lines(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            told = file.read(_READ_BYTES_MAX)
        whole = told.rfind(b"\n") + 1
        self._read += whole or (len(told) if len(told) == _READ_BYTES_MAX else 0)
        yield from told[:whole].splitlines()


def _meaning(line: bytes) -> TallystickError | None:
    if _BEHIND in line:
        return engine_behind()
    if _REPLAYED in line or (_OTHER_HEADER in line and (_STOPPED in line or _SYNC_STOPPED in line)):
        return _differs()
    if _STOPPED in line:
        return Unreachable("engine-failed", "CometBFT met a fault and votes no more", hint="see logs/comet.log in the home")
    return None
