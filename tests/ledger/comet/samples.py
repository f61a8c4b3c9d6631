"""Transactions of every sort that an engine may carry, made once and the same choice in every run: good ones, and all manner of others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from ledger.header import network_of
from ledger.memory_chain import MemoryChain
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import (
    ANNE,
    ANNE_CHECK,
    BOB,
    DAY_MS,
    START_MS,
    STRANGER,
    Author,
    genesis_document,
    key_id,
    private_key,
    public_json,
)

QUOTA: Final = 6
LARGE_BYTES: Final = 200_000


def public(number: int) -> str:
    """What passes for a validator's key, without a private half."""
    return bytes([number] * 32).hex()


def _genesis() -> dict[str, Any]:
    genesis = genesis_document(name="grammar", quota=QUOTA)
    genesis["engine"] = {"kind": "comet"}
    genesis["application"]["validators"] = [{"public": public(number), "power": 10} for number in range(4)]
    return genesis


GENESIS: Final = _genesis()
_SEATS: Final = (
    {0: 10, 1: 10, 2: 10},
    {0: 10, 1: 7, 2: 10, 4: 1},
    {4: 3, 5: 3, 6: 3},
    {0: 10, 1: 10, 2: 10, 3: 10},
)


@dataclass(frozen=True, slots=True)
class Samples:
    """`good` may stand on a ledger at one time or another; `bad` never, whatever else stands there."""

    good: tuple[bytes, ...]
    bad: tuple[bytes, ...]

    @property
    def every(self) -> tuple[bytes, ...]:
        return self.good + self.bad


@cache
def samples() -> Samples:
    author = Author(network_of(GENESIS), {"height": 0, "hash": MemoryChain(GENESIS, RINGBOOK).head.hash})
    new, once = private_key("a new one"), private_key("used once")
    foreign = Author("ab" * 32, author.seen)
    good = [author.put(f"n{number % 5}", by) for number in range(4) for by in (ANNE, BOB)]
    good += [author.once(once), author.once(once, "again"), author.once(private_key("unwanted"), "no")]
    good += [author.record("seats.set", {"validators": _seats(powers)}, [ANNE]) for powers in _SEATS]
    good += [
        author.record("key.add", {"key": public_json(new), "purpose": "make"}, [ANNE, ANNE_CHECK]),
        author.put("by a new key", new),
        author.record("key.end", {"key": key_id(new)}, [ANNE]),
        author.record("key.end", {"key": key_id(BOB)}, [ANNE]),
        author.record("note.odd", {"how": "float"}, [BOB]),
        author.put("soon past", not_after=START_MS + 5_000),
        author.put("far ahead", not_after=START_MS + 30 * DAY_MS + 2_000),
        author.put("x" * LARGE_BYTES),
    ]
    bad = [
        b"",
        b"{",
        b"\xff\x00" * 10,
        good[0] + b" ",
        _forged(good[1]),
        _forged(good[8]),
        foreign.put("elsewhere"),
        author.put("by nobody", STRANGER),
        author.put("past", not_after=START_MS),
        author.put("a lie", seen={"height": 0, "hash": "cd" * 32}),
        author.put("a lie about what is to come", seen={"height": 10**9, "hash": "cd" * 32}),
        author.record("note.unheard-of", {"key": "n"}, [ANNE]),
        author.record("note.put", {"key": 7}, [ANNE]),
    ]
    return Samples(tuple(good), tuple(bad))


def _seats(powers: dict[int, int]) -> list[dict[str, Any]]:
    return [{"public": public(number), "power": power} for number, power in powers.items()]


def _forged(raw: bytes) -> bytes:
    """The record, under a signature that is none."""
    return raw[:-20] + (b"1" if raw[-20:-19] == b"0" else b"0") + raw[-19:]
