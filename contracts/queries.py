"""Questions that nodes ask of the state: how a declaration and a financing stand at a time, and whose an engine's key is. Nothing here
writes.

What an application would get is not asked here: its handler, run on an overlay that is thrown away, gives the exact answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from contracts import balances, entries
from contracts.balances import financing_state
from contracts.validators import VALIDATE
from ledger.rules import State

__all__ = ["Standing", "available", "engine_key_owner", "engine_may_connect", "financing_state", "standing", "status"]

_ADDRESS_HEX_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class Standing:
    """`status`: REGISTERED, OVERUSED, COLLECTED, VOID or REPLACED. `use`: none, part or full. The rest are shares."""

    status: str
    use: str
    available: int
    ceiling: int
    used: int
    held: int
    committed: int
    drawn: int
    collected: int


def available(state: State, declaration_id: str, time_ms: int) -> int:
    """What a new application may hold on a declaration at a time; 0 where it is not registered."""
    entry = entries.declaration(state, declaration_id)
    return 0 if entry is None else balances.available(entry, time_ms)


def status(state: State, declaration_id: str, time_ms: int) -> str | None:
    """The status of a declaration at a time, or None where it is not registered."""
    entry = entries.declaration(state, declaration_id)
    return None if entry is None else balances.status(entry, time_ms)


def engine_key_owner(state: State, address: str) -> str | None:
    """The member with a key of purpose `validate`, in force or not, whose address this is: the first 20 bytes, in hex, of the SHA-256 of
    its 32 public bytes, by which CometBFT names validators and nodes. Such a key need not vote: it may be that of a node in the network
    of peers. Reads every key.
    """
    key = _engine_key(state, address)
    return None if key is None else str(key["member"])


def engine_may_connect(state: State, address: str) -> bool:
    """Whether an engine that shows this key is let in: the key is in force. Its member may be suspended or succeeded: it still follows the
    ledger, records what is left to it, and keeps its vote, so that suspending members never halts blocks.
    """
    key = _engine_key(state, address)
    return key is not None and key["revoked_at"] is None


def _engine_key(state: State, address: str) -> Mapping[str, Any] | None:
    key: Mapping[str, Any]
    for _, key in state.scan("key/"):
        if key["purpose"] == VALIDATE and sha256(bytes.fromhex(key["public"])).hexdigest()[:_ADDRESS_HEX_CHARS] == address:
            return key
    return None


def standing(entry: entries.Declaration, time_ms: int) -> Standing:
    """How a declaration's entry stands at a time. It is used in full where it is used and nothing is left under its ceiling."""
    used, ceiling = balances.used(entry, time_ms), balances.ceiling(entry)
    use = "none" if used == 0 else "full" if used >= ceiling else "part"
    return Standing(
        status=balances.status(entry, time_ms),
        use=use,
        available=balances.available(entry, time_ms),
        ceiling=ceiling,
        used=used,
        held=sum(hold["share"] for hold in balances.alive_holds(entry, time_ms)),
        committed=balances.committed(entry),
        drawn=entry["drawn"],
        collected=entry["collected"],
    )
