"""The small rules with things that happen later: notes that fall due before a block, and a second version of the rules."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from ledger.rules import OK, Context, RecordType, Result, Ruleset, State
from tests.ledger import small_rules


class Later(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    key: str
    at: int


class Next(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    version: int
    at: int


def _later(state: State, _: Context, body: Later) -> Result:
    state.put("later", [*(state.get("later") or []), {"key": body.key, "at": body.at}])
    return OK


def _next(state: State, _: Context, body: Next) -> Result:
    state.put("rules", [*(state.get("rules") or []), {"at": body.at, "version": body.version}])
    return OK


def _put_twice(state: State, context: Context, body: Any) -> Result:
    """As in the first version, and the count doubled."""
    result = small_rules.RULESET.types["note.put"].handle(state, context, body)
    if result.code == "ok":
        state.put(f"note/{body.key}", {**(state.get(f"note/{body.key}") or {}), "count": 2 * body.count})
    return result


def begin_block(state: State, time_ms: int) -> None:
    """What is due becomes a note. Whatever is due with the key `fault` meets a fault of the rules, after what came before it."""
    later = state.get("later") or []
    for item in later:
        if item["at"] <= time_ms:
            assert item["key"] != "fault"
            state.put(f"note/{item['key']}", {"begun": time_ms})
    state.put("later", [item for item in later if item["at"] > time_ms])


def mended_begin_block(state: State, time_ms: int) -> None:
    """Without the fault: what it met is dropped, and the rest happens."""
    state.put("later", [item for item in state.get("later") or [] if item["key"] != "fault"])
    begin_block(state, time_ms)


TYPES = {
    **small_rules.RULESET.types,
    "note.later": RecordType("note.later", Later, _later),
    "rules.next": RecordType("rules.next", Next, _next),
}
FIRST = Ruleset(1, TYPES, small_rules.RULESET.genesis, begin_block)
SECOND = Ruleset(2, {**TYPES, "note.put": RecordType("note.put", small_rules.Put, _put_twice)}, FIRST.genesis, begin_block)
MENDED = Ruleset(2, TYPES, FIRST.genesis, mended_begin_block)
OLD = {1: FIRST}
BOTH = {1: FIRST, 2: SECOND}
