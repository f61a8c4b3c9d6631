"""A story stopped or hindered at each of its system calls that touch the ledger's directory, and what must hold afterwards:

- `audit` finds nothing, and every record whose answer came is on the ledger;
- the process ended by an error with a code, or went on by itself; it never met a fault;
- whoever goes on comes to the header that an undisturbed story comes to.

`kill`: SIGKILL at the call, which is then not made. `eio`, `enospc`: the call fails once; with `-for-good` so does every later one of its
name, until the process ends. `short`: the file system takes half of a write, and nothing beyond it (a limit on the file's length) until
the first refusal. Locks fail once only: for one that cannot be had SQLite waits half a minute. A disk that says that it has written what
it has not is not among them: nothing that is built on files can work on such a one.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from ledger.errors import NotFound, TallystickError
from tests.crash.stories import STORIES, audited
from tests.crash.tracing import CALLS, Call, Ended, calls_in, traced

MANNERS: Final = ("kill", "eio", "eio-for-good", "enospc", "enospc-for-good", "short")
# What makes a file system look for room. It may do so only when it is told to write through.
_TAKES_ROOM: Final = frozenset({"openat", "pwrite64", "write", "ftruncate", "fallocate", "fdatasync", "fsync", "mkdir"})
_WRITTEN: Final = re.compile(r"(\d+), (\d+)\Z")
# In memory, where there is such a place: nothing here waits for a disk.
_SHM: Final = Path("/dev/shm")  # noqa: S108  # a directory of its own is made in it


def directories() -> tempfile.TemporaryDirectory[str]:
    """A directory for one run."""
    return tempfile.TemporaryDirectory(dir=_SHM if _SHM.is_dir() else None, prefix="tallystick-crash-")


@cache
def undisturbed(story: str) -> tuple[tuple[Call, ...], str]:
    """Every call of a story that touches its directory, in order, and the header that it ends with."""
    with directories() as place:
        ended = traced(story, Path(place), "-e", f"trace={CALLS}")
        assert ended.how == "done" and ended.head is not None and not ended.refusals, ended
        check(story, Path(place), ended, ended.head)
        return tuple(calls_in(ended.listing, Path(place))), ended.head


def hindered(story: str, manner: str) -> Sequence[Call]:
    """The calls of a story that can be stopped or hindered in this manner."""
    calls, _ = undisturbed(story)
    if manner.startswith("enospc"):
        return [call for call in calls if call.name in _TAKES_ROOM]
    if manner == "eio-for-good":
        return [call for call in calls if call.name != "fcntl"]
    return [call for call in calls if call.name == "pwrite64"] if manner == "short" else calls


def run(story: str, manner: str, call: Call) -> Counter[str]:
    """One run, and what was counted. Raises `AssertionError` where something does not hold."""
    _, head = undisturbed(story)
    with directories() as place:
        directory = Path(place)
        try:
            ended = _disturbed(story, manner, call, directory)
            counts = check(story, directory, ended, head)
        except (AssertionError, TallystickError) as error:
            raise AssertionError(f"{story}, {manner} at {call.name} {call.number} of {call.file}: {error!r}") from error
    counts["calls"] += 1
    counts[f"calls: {manner}"] += 1
    return counts


def _disturbed(story: str, manner: str, call: Call, directory: Path) -> Ended:
    if manner == "short":
        shown = _WRITTEN.search(call.arguments)
        assert shown is not None, call
        length, begin = map(int, shown.groups())
        return traced(story, directory, "-e", "trace=none", file_bytes_max=begin + length // 2)
    number = f"{call.number}+" if manner.endswith("-for-good") else str(call.number)
    what = "signal=SIGKILL" if manner == "kill" else f"error={manner.partition('-')[0].upper()}"
    ended = traced(story, directory, "-e", f"trace={call.name}", "-e", f"inject={call.name}:{what}:when={number}")
    reached = ended.how == "killed" if manner == "kill" else "(INJECTED)" in ended.listing
    assert reached, "the call was not reached"
    return ended


def check(story: str, directory: Path, ended: Ended, head: str) -> Counter[str]:
    """What must hold after a story ended in whatever way: first of what it left, then when it is gone on with."""
    assert not ended.how.startswith("fault"), ended.how
    if ended.how == "done":
        assert ended.head == head, "it ended with another header"
    counts = left(story, directory, ended.acknowledged)
    told: list[str] = []
    STORIES[story].go(directory, told.append)
    assert [line for line in told if line[0] != "+"] == [f"={head}"], told
    assert set(ended.acknowledged) <= left_records(story, directory)
    counts[f"ended: {ended.how}"] += 1
    counts["answers that refused for now"] += len(ended.refusals)
    return counts


def left(story: str, directory: Path, acknowledged: Sequence[str]) -> Counter[str]:
    """What a story left is right, and holds all that was answered."""
    held = left_records(story, directory)
    missing = set(acknowledged) - held
    assert not missing, f"acknowledged and lost: {sorted(missing)}"
    return Counter({"records acknowledged": len(acknowledged)})


def left_records(story: str, directory: Path) -> set[str]:
    """The ids of the records of a ledger that its audit finds right. Without genesis there is no ledger yet, and so no record."""
    try:
        report, held = audited(STORIES[story], directory)
    except NotFound:
        return set()
    assert report.ok, report.findings[:3]
    return held
