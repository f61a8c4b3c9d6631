"""How a vector says what was changed in a document: at which byte, how many bytes go, and which come in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import canonical

Change = Callable[[Any], Any]


def splice(document: bytes, changed: bytes) -> dict[str, Any]:
    """`{at, cut, put}` that makes the one of the other: the first `at` bytes stay, `cut` go, `put` (hex) comes, the rest stays."""
    assert document != changed
    shorter = min(len(document), len(changed))
    at = next((place for place in range(shorter) if document[place] != changed[place]), shorter)
    end = 0
    while end < shorter - at and document[len(document) - 1 - end] == changed[len(changed) - 1 - end]:
        end += 1
    return {"at": at, "cut": len(document) - at - end, "put": changed[at : len(changed) - end].hex()}


def spliced(document: bytes, change: dict[str, Any]) -> bytes:
    """The changed document."""
    return document[: change["at"]] + bytes.fromhex(change["put"]) + document[change["at"] + change["cut"] :]


def edited(document: bytes, change: Change) -> bytes:
    """A canonical document after a change of its value, canonical again. The change edits in place, or gives a new value."""
    value = canonical.decode(document)
    given = change(value)
    return canonical.encode(value if given is None else given)
