"""Which record ids were admitted lately, so that none is admitted twice.

The truth is in the state, one entry for each block: `seen/<height>` holds the block's ids and their largest `not_after`. An entry
goes when that time is past, because a repeat would then be refused as expired. In memory stands only an index, some thirty bytes
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
_SLOTS_FIRST: Final = 1_024


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
        self._add(height, entry)

    def _holds(self, height: int, record_id: str) -> bool:
        # The index still names heights that were pruned, until it is made anew.
        data = self._state.get_bytes(entry_key(height)) if height in self._until else None
        # An entry of canonical JSON that holds nothing else: an id stands in it in quotes, or not at all. Reading all of a full block's
        # ids for each copy of its records would let whoever sends the copies hold up the ledger.
        return data is not None and b'"%s"' % record_id.encode() in data

    def _add(self, height: int, entry: Any) -> None:
        if self._heights.is_full(len(entry["ids"])):
            self._heights = self._heights.larger(len(entry["ids"]), self._until)
        self._until[height] = entry["until"]
        for record_id in entry["ids"]:
            self._heights.add(_first_bits(record_id), height)


class HeightIndex:
    """Heights by 64-bit numbers, several for one number perhaps: a hash table with open addressing in two flat arrays.

    The numbers are the beginnings of SHA-256 digests, so they spread by themselves. An author who makes many ids that begin alike,
    at great expense, slows down the look-up of just those. A slot of height 0 is free: genesis holds no record.
    """

    def __init__(self, slots: int = _SLOTS_FIRST) -> None:
        self._numbers = array("Q", bytes(8 * slots))
        self._heights = array("I", bytes(4 * slots))
        self._mask = slots - 1
        self._used = 0

    def of(self, number: int) -> Iterator[int]:
        """The heights of a number."""
        slot = number & self._mask
        while height := self._heights[slot]:
            if self._numbers[slot] == number:
                yield height
            slot = slot + 1 & self._mask

    def add(self, number: int, height: int) -> None:
        """Never beyond what `is_full` allows: a look-up needs a free slot to end at."""
        slot = number & self._mask
        while self._heights[slot]:
            slot = slot + 1 & self._mask
        self._numbers[slot], self._heights[slot] = number, height
        self._used += 1

    def is_full(self, more: int) -> bool:
        """Whether so many more would fill over two thirds of the slots."""
        return 3 * (self._used + more) > 2 * (self._mask + 1)

    def larger(self, more: int, live: Any) -> HeightIndex:
        """The same with room for so many more and as many again, without the heights that are not in `live`."""
        kept = sum(height in live for height in self._heights)
        index = HeightIndex(max(_SLOTS_FIRST, 1 << (2 * (kept + more)).bit_length()))
        for number, height in zip(self._numbers, self._heights, strict=True):
            if height in live:
                index.add(number, height)
        return index


def _first_bits(record_id: str) -> int:
    return int(record_id[:16], 16)
