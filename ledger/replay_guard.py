"""Which record ids were admitted lately, so that none is admitted twice.

The truth is in the state, one entry for each block: `seen/<height>` holds the block's ids and their largest `not_after`. An entry
goes when that time is past, because a repeat would then be refused as expired. This class is the same in memory, for look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import orjson

from ledger.rules import State
from ledger.state import StateReader

PREFIX = "seen/"
_PRUNED_PER_BLOCK = 4


def entry_key(height: int) -> str:
    return f"{PREFIX}{height:012d}"


class ReplayGuard:
    """Built from the state; `advance` follows a block that became durable."""

    def __init__(self, state: StateReader) -> None:
        self._blocks: dict[int, Any] = {}
        self._ids: set[str] = set()
        for key, data in state.scan_bytes(PREFIX):
            self._add(int(key.removeprefix(PREFIX)), orjson.loads(data))

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._ids

    def prune(self, state: State, time_ms: int) -> list[int]:
        """Deletes from the state those of the oldest entries that are past; gives their heights, for `advance`."""
        oldest = list(islice(self._blocks, _PRUNED_PER_BLOCK))
        past = [height for height in oldest if self._blocks[height]["until"] <= time_ms]
        for height in past:
            state.delete(entry_key(height))
        return past

    def advance(self, pruned: Sequence[int], height: int, entry: Any) -> None:
        for old in pruned:
            self._ids.difference_update(self._blocks.pop(old)["ids"])
        self._add(height, entry)

    def _add(self, height: int, entry: Any) -> None:
        self._blocks[height] = entry
        self._ids.update(entry["ids"])
