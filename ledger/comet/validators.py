"""Who votes: the state entry `validators`, which the rules write, as the engine is told of it.

The entry is a list of objects with at least `public` (an Ed25519 key, 64 hex characters) and `power`, a positive integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import orjson

from ledger.comet import abci_pb2 as abci
from ledger.state import StateReader

STATE_KEY: Final = "validators"
ADDRESS_BYTES: Final = 20


def powers_of(state: StateReader) -> dict[str, int]:
    """Voting power by public key; empty where the rules name no validators."""
    return powers_in(state.get_bytes(STATE_KEY))


def powers_in(entry: bytes | None) -> dict[str, int]:
    """The same of the entry's bytes."""
    return {} if entry is None else {str(each["public"]): int(each["power"]) for each in orjson.loads(entry)}


def changes(before: dict[str, int], after: dict[str, int]) -> list[abci.ValidatorUpdate]:
    """What the engine must be told, by public key: the new power of each that changes, 0 for who leaves."""
    return [
        update(public, after.get(public, 0)) for public in sorted(before.keys() | after.keys()) if before.get(public) != after.get(public)
    ]


def update(public: str, power: int) -> abci.ValidatorUpdate:
    return abci.ValidatorUpdate(pub_key=abci.PublicKey(ed25519=bytes.fromhex(public)), power=power)


def powers_told(updates: Iterable[abci.ValidatorUpdate]) -> dict[str, int]:
    """What a list of the engine's says."""
    return {each.pub_key.ed25519.hex(): each.power for each in updates}


def address_of(public: bytes) -> str:
    """The name of an Ed25519 key at the engine, both as a validator and in its network: 40 hex characters, of 20 bytes."""
    return sha256(public).digest()[:ADDRESS_BYTES].hex()
