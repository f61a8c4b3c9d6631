"""A cache that is bounded by bytes: what is used often stays, and what is asked for once goes soon.

Two generations: what is read or written is in the young one; when that holds half of the bytes, it becomes the old one and the old
one is dropped. So nothing is moved about on a hit in the young generation, and memory reaches a plateau whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

# What a key, its place in a dictionary and the header of a value take, beside the value's own bytes: a round figure.
ENTRY_BYTES: Final = 256
K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bytes, bytes | None, str)


class BoundedCache(Generic[K, V]):
    """For values whose size is their length. Not for use by two threads at once."""

    def __init__(self, bytes_max: int) -> None:
        self._half = bytes_max // 2
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, key: K, read: Callable[[K], V]) -> V:
        """The value of a key, from `read` where it is not here."""
        if key in self._young:
            return self._young[key]
        value = self._old[key] if key in self._old else read(key)
        self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remembers a value in place of any before it."""
        if self._young_bytes >= self._half:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young_bytes += ENTRY_BYTES + len(value or "")
        self._young[key] = value

    def update(self, changes: Mapping[K, V]) -> None:
        for key, value in changes.items():
            self.put(key, value)
