"""What a reader yields for each declaration of a file: the declaration, or a refusal with a stable code.

Whatever is wrong with a file before its content begins is raised as `InputError`; where a file breaks off in its middle, the last
item is a `Rejected` with `ends_file`, the items before it hold, and nothing after it was read.
A message names fields and rows, never their values: it goes into logs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nodes.customs.declaration import CustomsDeclaration

_NUMBER_TEXT_CHARS: Final = 32


@dataclass(slots=True)
class RawDeclaration:
    """One declaration as written: texts by the names of the DecHead and DecList elements, and what the reader found wrong."""

    head: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, str]] = field(default_factory=list)
    problem: tuple[str, str] | None = None

    def fail(self, code: str, message: str) -> None:
        """Remember the first thing wrong; later ones are often only its consequence."""
        if self.problem is None:
            self.problem = (code, message)

    @property
    def number_text(self) -> str:
        return self.head.get("EntryId", "").strip()[:_NUMBER_TEXT_CHARS]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The declaration at `position` (counted from 1) of its file; `number_text` is the number as written."""

    position: int
    number_text: str
    declaration: CustomsDeclaration


@dataclass(frozen=True, slots=True)
class Rejected:
    """What stood at `position` (counted from 1) cannot be registered; with `ends_file` nothing after it was read."""

    position: int
    number_text: str
    code: str
    message: str
    ends_file: bool = False


Item = Parsed | Rejected
