"""State as the rules see it: an overlay of changes above stored bytes.

Overlays stack: one for the block, one for each record on top of it, merged only where the record's result is `ok`.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from typing import Any, Protocol

import orjson

from ledger import canonical
from ledger.errors import InputError, VerificationFailed

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


class MemoryState:
    """A whole state in memory, for audits and tests. Scans see the state as it was when they began."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        # Sorted when a scan needs them: rules seldom do, and a place for each new key among millions would have to be made otherwise.
        self._keys: list[str] | None = None

    def get_bytes(self, key: str) -> bytes | None:
        return self._values.get(key)

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        if self._keys is None:
            self._keys = sorted(self._values)
        first = bisect_left(self._keys, prefix)
        found = list(takewhile(lambda key: key.startswith(prefix), islice(self._keys, first, None)))
        return iter([(key, self._values[key]) for key in found])

    def apply(self, changes: Mapping[str, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                if self._values.pop(key, None) is not None:
                    self._keys = None
            else:
                if key not in self._values:
                    self._keys = None
                self._values[key] = value


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
        return None if data is None else _value(key, data)

    def put(self, key: str, value: Any) -> None:
        if not (key.isascii() and key.isprintable() and 0 < len(key) <= _KEY_CHARS_MAX):
            raise InputError("bad-state-key", "a state key is short printable ASCII")
        self.changes[key] = canonical.encode(value)

    def delete(self, key: str) -> None:
        self.changes[key] = None

    def scan_bytes(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        changes = dict(self.changes)  # as they are now: rules may write while they scan
        written = ((key, value) for key, value in sorted(changes.items()) if key.startswith(prefix) and value is not None)
        below = ((key, value) for key, value in self._base.scan_bytes(prefix) if key not in changes)
        return heapq.merge(written, below, key=lambda item: item[0])

    def scan(self, prefix: str) -> Iterator[tuple[str, Any]]:
        return ((key, _value(key, data)) for key, data in self.scan_bytes(prefix))

    def merge_into(self, below: Overlay) -> None:
        below.changes.update(self.changes)


def _value(key: str, data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise VerificationFailed("state-damaged", f"the stored value of {key} is not JSON", hint="run tallystick audit") from error
