"""SHA-256 under domain tags, so that no hash of one kind of thing can be taken for that of another."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

from ledger import canonical

HASH_BYTES = 32


def sha256(data: bytes) -> bytes:
    """Plain SHA-256, for the Merkle trees, which carry their own prefix bytes."""
    return hashlib.sha256(data).digest()


def packed(hashes: Sequence[bytes]) -> str:
    """Hashes of a Merkle proof in one text: 43 characters of base64url for each, and a point for that of an empty subtree."""
    return "".join("." if each == bytes(HASH_BYTES) else urlsafe_b64encode(each).decode().rstrip("=") for each in hashes)


def tagged(tag: str, data: bytes) -> bytes:
    """SHA-256 of `tallystick:<tag>:v1`, a zero byte, and the data."""
    return hashlib.sha256(b"tallystick:" + tag.encode("ascii") + b":v1\x00" + data).digest()


def tagged_json(tag: str, value: Any) -> str:
    """The tagged hash of the canonical JSON of a value, as 64 lower-case hex digits."""
    return tagged(tag, canonical.encode(value)).hex()
