"""What a fuzzing target is: a reader of bytes from outside, how its inputs are best changed, and how large one may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import orjson

from ledger.errors import TallystickError

CORPUS: Final = Path(__file__).parent / "corpus"
READ: Final = "read"

Reader = Callable[[bytes], str]
"""Reads an input and says what came of it: `READ`, or the code of the refusal. Raises only over a fault of the parser."""
Shape = Literal["bytes", "json", "lines", "gzip", "zip", "frames"]
"""What an input is made of, for `tests.fuzz.changes`."""


class Target(NamedTuple):
    """`make` imports what it needs, so that the fuzzer can measure it; `bytes_max` bounds an input."""

    make: Callable[[], Reader]
    shape: Shape
    bytes_max: int


def outcome(read: Callable[[], object], allowed: type[Exception] = TallystickError) -> str:
    """What came of reading: refusals are of the parser's own family of errors, and anything else goes on up, where it is a finding."""
    try:
        read()
    except allowed as refusal:
        return str(getattr(refusal, "code", type(refusal).__name__))
    return READ


def of_json(take: Callable[[Any], object]) -> Reader:
    """A reader of what JSON of any kind holds."""

    def read(data: bytes) -> str:
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            return "not-json"
        return outcome(lambda: take(value))

    return read


def consumed(items: Iterable[object]) -> list[object]:
    """All that a generator gives."""
    return list(items)


def seeds(name: str) -> list[Path]:
    """The committed inputs of a target, in order."""
    return sorted(path for path in (CORPUS / name).iterdir() if path.is_file())
