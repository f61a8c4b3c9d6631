"""Key entries in the state: `key/<key id>`. Keys are never deleted; whether one is alive is a question about a log index.

The rules write entries through `register` and `revoke`; admission reads them through `signer_at`. A key is alive at log index i
while `added_at < i` and, once revoked, `i < revoked_at`.
"""

from __future__ import annotations

from typing import Any

from ledger.keys import PublicKey
from ledger.rules import Signer, State

SIGNING_PURPOSES = frozenset({"make", "check", "service", "once"})


def entry_key(key_id: str) -> str:
    return f"key/{key_id}"


def register(
    state: State,
    key: PublicKey,
    *,
    member: str | None,
    purpose: str,
    person: str | None,
    added_at: int,
    object_id: str | None = None,
) -> bool:
    """Writes a new entry. False where the key is registered already: a key belongs to one owner and one purpose for ever."""
    name = entry_key(key.id)
    if state.get(name) is not None:
        return False
    state.put(
        name,
        {
            "added_at": added_at,
            "alg": key.alg,
            "member": member,
            "object": object_id,
            "person": person,
            "public": key.public.hex(),
            "purpose": purpose,
            "revoked_at": None,
        },
    )
    return True


def revoke(state: State, key_id: str, log_index: int) -> bool:
    """Ends a key at a log index. False where there is none, or it ended before."""
    entry = state.get(entry_key(key_id))
    if entry is None or entry["revoked_at"] is not None:
        return False
    entry["revoked_at"] = log_index
    state.put(entry_key(key_id), entry)
    return True


def alive(entry: Any, log_index: int) -> bool:
    """Whether a key entry is alive for a record at that log index."""
    revoked_at = entry["revoked_at"]
    return bool(entry["added_at"] < log_index and (revoked_at is None or log_index < revoked_at))


def signer_of(key_id: str, entry: Any) -> Signer:
    return Signer(key_id, entry["member"], entry["purpose"], entry["person"], entry["object"])
