"""Stories in a process under `strace`: every system call that touches the ledger's directory is listed, and any of them can be made to kill
the process or to fail.

The process is forked from one that has read the program, and waits until `strace` has it: so what is counted begins with the story, and is
the same each time.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from ledger.errors import TallystickError
from tests.crash.stories import STORIES

# Calls by name or by file; what only memory and threads are asked for with is not among them.
CALLS: Final = "%file,%desc"
MISSING: Final = "strace is not installed (Debian's package strace)"
_ENDED_S: Final = 120
_KILLED: Final = -9
_LINE: Final = re.compile(r"(?:\[pid +\d+\] )?(\w+)\((.*)\) += (-?\d+|\?)")
_TOLD_MAX: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Call:
    """A system call of a story: its name, its number among those of this name, its arguments as `strace` shows them, what it returned, and
    the file in the story's directory that it is about, empty for none.
    """

    name: str
    number: int
    arguments: str
    returned: int
    file: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: `done`, `killed`, `refused` with the code of the error, or `fault`; what it told; what `strace` wrote down."""

    how: str
    told: tuple[str, ...]
    listing: str

    @property
    def acknowledged(self) -> tuple[str, ...]:
        return tuple(line[1:] for line in self.told if line.startswith("+"))

    @property
    def refusals(self) -> tuple[str, ...]:
        return tuple(line[1:] for line in self.told if line.startswith("!"))

    @property
    def head(self) -> str | None:
        return next((line[1:] for line in self.told if line.startswith("=")), None)


@cache
def hindrance() -> str:
    """Why nothing can be traced here; empty where it can."""
    if shutil.which("strace") is None:
        return MISSING
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], check=False, capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[:200]}"


def traced(story: str, directory: Path, *options: str, file_bytes_max: int | None = None) -> Ended:
    """A story from where the directory stands, with these options of `strace`, and perhaps no file longer than that until one would be."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload([__name__])
    goes, go = fork.Pipe(duplex=False)
    heard, said = fork.Pipe(duplex=False)
    process = fork.Process(target=_tell_story, args=(story, directory, goes, said, file_bytes_max), daemon=True)
    process.start()
    goes.close()
    said.close()
    with tempfile.TemporaryDirectory() as beside, heard, go:
        assert os.read(heard.fileno(), 1) == b"?"
        assert process.pid is not None
        listing = Path(beside) / "listing"
        with _attached(process.pid, listing, options):
            go.send_bytes(b"go")
            told = b"".join(iter(lambda: os.read(heard.fileno(), _TOLD_MAX), b""))
            process.join(_ENDED_S)
        status = process.exitcode
        assert status is not None, "the process did not end"
        process.close()
        lines = told.decode().splitlines()
        assert status in (0, _KILLED), f"the process ended with {status}: {lines[-3:]}"
        last = lines.pop() if status == 0 else "killed"
        return Ended(last, tuple(lines), listing.read_text(encoding="ascii") if listing.exists() else "")


@contextmanager
def _attached(pid: int, listing: Path, options: Sequence[str]) -> Iterator[None]:
    command = ["strace", "-p", str(pid), "-o", str(listing), "-y", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        said = strace.stderr.readline()
        assert "attached" in said, f"strace: {said}"
        yield
        # It ends with whom it traces.
        strace.communicate(timeout=_ENDED_S)


def calls_in(listing: str, directory: Path) -> list[Call]:
    """The calls of a listing that are about the directory or a file in it, in order."""
    numbers: Counter[str] = Counter()
    found = []
    place = re.compile(rf"{re.escape(str(directory))}(?:/([\w.-]*))?[\">]")
    for line in listing.splitlines():
        shown = _LINE.match(line)
        if shown is None:
            assert re.match(r"\+\+\+|---|.*<unfinished|.*resumed>|.*= \?", line), f"a line that strace did not write before: {line[:200]}"
            continue
        name, arguments, returned = shown.groups()
        numbers[name] += 1
        about = place.search(arguments)
        if about is not None:
            found.append(Call(name, numbers[name], arguments, int(returned) if returned != "?" else 0, about[1] or "."))
    return found


def _tell_story(name: str, directory: Path, goes: Connection, said: Connection, file_bytes_max: int | None) -> None:
    """In the process: the story is told over the pipe, and at last how it ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def tell(line: str) -> None:
        os.write(said.fileno(), line.encode() + b"\n")
        if line.startswith("!") and file_bytes_max is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    os.write(said.fileno(), b"?")
    goes.recv_bytes()
    if file_bytes_max is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, resource.RLIM_INFINITY))
    try:
        STORIES[name].go(directory, tell)
    except TallystickError as error:
        tell(f"refused {error.code}")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        tell(f"fault {type(error).__name__}: {error}"[:300].replace("\n", " "))
    else:
        tell("done")
    os._exit(0)
