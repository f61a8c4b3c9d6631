"""SHA-256 under domain tags, so that no hash of one kind of thing can be taken for that of another."""

from __future__ import annotations

import hashlib
from typing import Any

from ledger import canonical

HASH_BYTES = 32


def sha256(data: bytes) -> bytes:
    """Plain SHA-256, for the Merkle trees, which carry their own prefix bytes."""
    return hashlib.sha256(data).digest()


def tagged(tag: str, data: bytes) -> bytes:
    """SHA-256 of `tallystick:<tag>:v1`, a zero byte, and the data."""
    return hashlib.sha256(b"tallystick:" + tag.encode("ascii") + b":v1\x00" + data).digest()


def tagged_json(tag: str, value: Any) -> str:
    """The tagged hash of the canonical JSON of a value, as 64 lower-case hex digits."""
    return tagged(tag, canonical.encode(value)).hex()
