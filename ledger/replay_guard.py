"""Which record ids were admitted lately, so that none is admitted twice.

The truth is in the state, one entry for each block: `seen/<height>` holds the block's ids and their largest `not_after`. An entry
goes when that time is past, because a repeat would then be refused as expired. In memory stands only an index, some twenty bytes
for an id: the first 64 bits of each lead to the height whose entry then decides.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import orjson

from ledger.rules import State
from ledger.state import StateReader

PREFIX = "seen/"
_PRUNED_PER_BLOCK = 4
_SLOTS: Final = 32_768


def entry_key(height: int) -> str:
    return f"{PREFIX}{height:012d}"


class ReplayGuard:
    """Over the state of a chain's head, which moves on before `advance` is called for a block that became durable."""

    def __init__(self, state: StateReader) -> None:
        self._state = state
        self._until: dict[int, int] = {}
        self._heights = HeightIndex()
        for key, data in state.scan_bytes(PREFIX):
            self._add(int(key.removeprefix(PREFIX)), orjson.loads(data))

    def __contains__(self, record_id: object) -> bool:
        return isinstance(record_id, str) and any(self._holds(height, record_id) for height in self._heights.of(_first_bits(record_id)))

    def prune(self, state: State, time_ms: int) -> list[int]:
        """Deletes from the state those of the oldest entries that are past; gives their heights, for `advance`."""
        oldest = list(islice(self._until, _PRUNED_PER_BLOCK))
        past = [height for height in oldest if self._until[height] <= time_ms]
        for height in past:
            state.delete(entry_key(height))
        return past

    def advance(self, pruned: Sequence[int], height: int, entry: Any) -> None:
        for old in pruned:
            del self._until[old]
        self._heights.forget_below(next(iter(self._until), height))
        self._add(height, entry)

    def _holds(self, height: int, record_id: str) -> bool:
        # The index still names heights that were pruned, until a whole table of it goes.
        data = self._state.get_bytes(entry_key(height)) if height in self._until else None
        # An entry of canonical JSON that holds nothing else: an id stands in it in quotes, or not at all. Reading all of a full block's
        # ids for each copy of its records would let whoever sends the copies hold up the ledger.
        return data is not None and b'"%s"' % record_id.encode() in data

    def _add(self, height: int, entry: Any) -> None:
        self._until[height] = entry["until"]
        for record_id in entry["ids"]:
            self._heights.add(_first_bits(record_id), height)


class HeightIndex:
    """Heights by 64-bit numbers, several for one number perhaps: hash tables with open addressing in flat arrays, one after the other,
    so that nothing is ever copied to a larger one, and whole tables go with the heights that they name.

    The numbers are the beginnings of SHA-256 digests, so they spread by themselves. An author who makes many ids that begin alike,
    at great expense, slows down the look-up of just those.
    """

    def __init__(self) -> None:
        self._tables: list[_Table] = []

    def of(self, number: int) -> Iterator[int]:
        """The heights of a number."""
        for table in self._tables:
            yield from table.of(number)

    def add(self, number: int, height: int) -> None:
        """Heights come in their order."""
        if not self._tables or self._tables[-1].is_full:
            self._tables.append(_Table())
        self._tables[-1].add(number, height)

    def forget_below(self, height: int) -> None:
        """Lets go the tables that name only heights below this one. Of the others, heights below it may still be named."""
        while self._tables and self._tables[0].newest < height:
            del self._tables[0]


class _Table:
    """A slot of height 0 is free: genesis holds no record."""

    def __init__(self) -> None:
        self._numbers = array("Q", [0]) * _SLOTS
        self._heights = array("I", [0]) * _SLOTS
        self._used = 0
        self.newest = 0

    @property
    def is_full(self) -> bool:
        """Two thirds are: a look-up needs a free slot to end at, and soon."""
        return 3 * self._used >= 2 * _SLOTS

    def of(self, number: int) -> Iterator[int]:
        slot = number & _SLOTS - 1
        while height := self._heights[slot]:
            if self._numbers[slot] == number:
                yield height
            slot = slot + 1 & _SLOTS - 1

    def add(self, number: int, height: int) -> None:
        slot = number & _SLOTS - 1
        while self._heights[slot]:
            slot = slot + 1 & _SLOTS - 1
        self._numbers[slot], self._heights[slot] = number, height
        self._used += 1
        self.newest = height


def _first_bits(record_id: str) -> int:
    return int(record_id[:16], 16)
