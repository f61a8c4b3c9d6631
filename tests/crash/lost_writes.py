"""A model of a machine that loses its power: what was written and not yet synchronised is there, or not, or in part, in any choice.

A story's own writes, as `strace` saw them, are played back call by call. A file has what it had when it was last synchronised, and of every
write and truncation since then a part that was chosen: whole, sectors of 512 bytes, or nothing. A file that was made or unlinked is so for
sure only when its directory was synchronised, which is less than common file systems promise. SQLite's shared memory, which nothing
synchronises and which it makes anew, is left out. After each call some choices are tried: nothing kept, each write alone lost, each write
alone kept, and choices by a seed.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from tests.crash.every_call import check, directories, left
from tests.crash.tracing import Call, Ended, calls_in, traced

_SECTOR_BYTES: Final = 512
_MODELLED: Final = "openat,pwrite64,write,ftruncate,fallocate,fdatasync,fsync,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mkdir"
_STRING: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_WHOLE_BYTES: Final = 1_000_000


@dataclass(slots=True)
class File:
    """One file's bytes as they are for sure, and what was done to it since: pieces written, or its length cut (`data` is None)."""

    sure: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Doing:
    """Something done and not synchronised: to a file (its place among those done to it), or to the directory."""

    file: File | None
    place: int


@dataclass
class Disk:
    """A directory and its files, as far as they are sure and as they seem."""

    sure: dict[str, File] = field(default_factory=dict)
    since: list[tuple[str, File | None]] = field(default_factory=list)
    seeming: dict[str, File] = field(default_factory=dict)

    def create(self, name: str) -> None:
        if name not in self.seeming:
            self._enter(name, File())

    def unlink(self, name: str) -> None:
        self._enter(name, None)

    def _enter(self, name: str, file: File | None) -> None:
        self.since.append((name, file))
        if file is None:
            del self.seeming[name]
        else:
            self.seeming[name] = file

    def synchronise(self, name: str) -> None:
        """A file, or the directory, which is named `.`."""
        if name == ".":
            self.sure = dict(self.seeming)
            self.since.clear()
        elif name in self.seeming:
            file = self.seeming[name]
            file.sure = _after(file.sure, file.since)
            file.since.clear()

    def undone(self) -> list[Doing]:
        """All that is not sure, in no order that would matter."""
        files = {id(file): file for file in [*self.sure.values(), *self.seeming.values(), *(f for _, f in self.since if f is not None)]}
        found = [Doing(None, place) for place in range(len(self.since))]
        return found + [Doing(file, place) for file in files.values() for place in range(len(file.since))]

    def after(self, kept: Callable[[Doing], float], rng: random.Random) -> dict[str, bytes]:
        """The files after the power was lost. `kept` says of what was not sure how much of it there is, of a write in sectors."""
        there = dict(self.sure)
        for place, (name, file) in enumerate(self.since):
            if kept(Doing(None, place)) < 1:
                continue
            if file is None:
                there.pop(name, None)
            else:
                there[name] = file
        return {name: _after(file.sure, _kept_of(file, kept, rng)) for name, file in there.items()}


def _kept_of(file: File, kept: Callable[[Doing], float], rng: random.Random) -> Iterator[tuple[int, bytes | None]]:
    for place, (begin, data) in enumerate(file.since):
        share = kept(Doing(file, place))
        if share >= 1:
            yield begin, data
        elif share > 0 and data is not None:
            first = _SECTOR_BYTES - begin % _SECTOR_BYTES
            for low in [0, *range(first, len(data), _SECTOR_BYTES)]:
                high = first if low == 0 else low + _SECTOR_BYTES
                if rng.random() < share:
                    yield begin + low, data[low:high]


def _after(data: bytes, since: Sequence[tuple[int, bytes | None]] | Iterator[tuple[int, bytes | None]]) -> bytes:
    made = bytearray(data)
    for begin, piece in since:
        if piece is None:
            del made[begin:]
            made.extend(bytes(begin - len(made)))
        else:
            made.extend(bytes(max(0, begin - len(made))))
            made[begin : begin + len(piece)] = piece
    return bytes(made)


@dataclass(frozen=True, slots=True)
class Told:
    """Something told over the pipe."""

    line: str


@cache
def played(story: str) -> tuple[tuple[Call | Told, ...], str]:
    """What a story did to its directory and what it told, in order, and the header that it ended with."""
    with directories() as place:
        ended = traced(story, Path(place), "-e", f"trace={_MODELLED}", "-xx", "-s", str(_WHOLE_BYTES))
        assert ended.how == "done" and ended.head is not None, ended
        shown = _readable(ended.listing)
        touching = {(call.name, call.number): call for call in calls_in(shown, Path(place))}
        piped = re.sub(r"<pipe:\[\d+\]>", f"<{place}/pipe>", shown)
        everything = {(call.name, call.number): call for call in calls_in(piped, Path(place))}
        found: list[Call | Told] = []
        for key, call in everything.items():
            if key in touching:
                if not call.file.endswith("-shm"):
                    found.append(call)
            elif call.name == "write" and call.file == "pipe":
                found.append(Told(_string(call.arguments).decode().rstrip("\n")))
    assert tuple(each.line for each in found if isinstance(each, Told) and each.line != "done") == ended.told
    return tuple(found), ended.head


def _readable(listing: str) -> str:
    """Paths as text; what is written stays as it is shown."""
    path = re.compile(r'([<"])((?:\\x[0-9a-f]{2})+)(>|")')

    def text(shown: re.Match[str]) -> str:
        data = bytes.fromhex(shown[2].replace("\\x", ""))
        return (
            f"{shown[1]}{data.decode()}{shown[3]}" if data.startswith((b"/", b"pipe:")) and data.isascii() and len(data) < 200 else shown[0]
        )

    return path.sub(text, listing)


def _string(arguments: str) -> bytes:
    shown = _STRING.search(arguments)
    assert shown is not None, arguments[:100]
    return bytes.fromhex(shown[1].replace("\\x", ""))


def _do(disk: Disk, call: Call) -> None:
    if call.returned < 0:
        return
    if call.name == "openat":
        if "O_CREAT" in call.arguments:
            disk.create(call.file)
        assert "O_TRUNC" not in call.arguments
    elif call.name == "pwrite64":
        data = _string(call.arguments)[: call.returned]
        disk.seeming[call.file].since.append((int(call.arguments.rsplit(", ", 1)[1]), data))
    elif call.name == "ftruncate":
        disk.seeming[call.file].since.append((int(call.arguments.rsplit(", ", 1)[1]), None))
    elif call.name in ("fdatasync", "fsync"):
        disk.synchronise(call.file)
    else:
        assert call.name == "unlink", f"the model does not know {call.name}"
        disk.unlink(call.file)


def power_lost(story: str, seed: int, choices: int, *, one_by_one: bool, step: int = 1) -> Counter[str]:
    """After each call, or every so many, what is left in each choice is right; every tenth is gone on with. Raises `AssertionError`."""
    doings, head = played(story)
    rng, disk, acknowledged = random.Random(seed), Disk(), list[str]()
    counts: Counter[str] = Counter()
    for number, done in enumerate(doings):
        if isinstance(done, Told):
            acknowledged += [done.line[1:]] if done.line.startswith("+") else []
            continue
        _do(disk, done)
        if number % step:
            continue
        counts["moments"] += 1
        seen: set[int] = set()
        for files in _lost(disk, rng, choices, one_by_one=one_by_one):
            if (digest := hash(tuple(sorted(files.items())))) in seen:
                continue
            seen.add(digest)
            counts += _hold(story, files, acknowledged, head if counts["states"] % 10 == 0 else None, f"seed {seed}, doing {number}")
    return counts


def _lost(disk: Disk, rng: random.Random, choices: int, *, one_by_one: bool) -> Iterator[dict[str, bytes]]:
    undone = disk.undone()
    yield disk.after(lambda _: 0, rng)
    yield disk.after(lambda _: 1, rng)
    for one in undone if one_by_one else []:
        yield disk.after(lambda each, one=one: float(each != one), rng)  # type: ignore[misc]  # the default binds it here
        yield disk.after(lambda each, one=one: float(each == one), rng)  # type: ignore[misc]  # see above
    for _ in range(choices if undone else 0):
        shares = [rng.choice((0, 0.5, 1, 1)) for _ in undone]
        yield disk.after(lambda each, shares=shares: shares[undone.index(each)], rng)  # type: ignore[misc]  # see above


def _hold(story: str, files: dict[str, bytes], acknowledged: Sequence[str], head: str | None, where: str) -> Counter[str]:
    with directories() as place:
        directory = Path(place)
        for name, data in files.items():
            (directory / name).write_bytes(data)
        try:
            if head is None:
                counts = left(story, directory, acknowledged)
            else:
                counts = check(story, directory, Ended("power lost", tuple(f"+{each}" for each in acknowledged), ""), head)
        except Exception as error:
            raise AssertionError(f"{story}, {where}: {error!r}") from error
    counts["states"] += 1
    return counts
