"""State as the rules see it: an overlay of changes above stored bytes.

Overlays stack: one for the block, one for each record on top of it, merged only where the record's result is `ok`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from ledger import canonical
from ledger.errors import InputError

_KEY_CHARS_MAX = 256


class StateReader(Protocol):
    """Stored state: canonical bytes by key."""

    def get_bytes(self, key: str) -> bytes | None: ...

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]: ...


class EmptyState:
    """The state before genesis."""

    def get_bytes(self, key: str) -> bytes | None:
        return None

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        return iter(())


class MemoryState(dict[str, bytes]):
    """A whole state in memory, for audits and tests."""

    def get_bytes(self, key: str) -> bytes | None:
        return self.get(key)

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        return ((key, self[key]) for key in sorted(key for key in self if key.startswith(prefix)))

    def apply(self, changes: dict[str, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.pop(key, None)
            else:
                self[key] = value


class Overlay:
    """Implements `rules.State` and `StateReader` above a `StateReader`. `changes` holds what was written; None is a deletion."""

    def __init__(self, base: StateReader) -> None:
        self._base = base
        self.changes: dict[str, bytes | None] = {}

    def get_bytes(self, key: str) -> bytes | None:
        if key in self.changes:
            return self.changes[key]
        return self._base.get_bytes(key)

    def get(self, key: str) -> Any | None:
        data = self.get_bytes(key)
        return None if data is None else orjson.loads(data)

    def put(self, key: str, value: Any) -> None:
        if not (key.isascii() and key.isprintable() and 0 < len(key) <= _KEY_CHARS_MAX):
            raise InputError("bad-state-key", "a state key is short printable ASCII")
        self.changes[key] = canonical.encode(value)

    def delete(self, key: str) -> None:
        self.changes[key] = None

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        written = ((key, value) for key, value in sorted(self.changes.items()) if key.startswith(prefix) and value is not None)
        below = ((key, value) for key, value in self._base.scan_bytes(prefix) if key not in self.changes)
        return heapq.merge(written, below, key=lambda item: item[0])

    def scan(self, prefix: str) -> Iterator[tuple[str, Any]]:
        return ((key, orjson.loads(data)) for key, data in self.scan_bytes(prefix))

    def merge_into(self, below: Overlay) -> None:
        below.changes.update(self.changes)
