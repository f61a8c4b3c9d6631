"""The registry key: what turns a declaration's number into its id on the ledger.

Ids are HMAC-SHA-256 (RFC 2104) under a key that only the registrar and the authority hold, so that nobody can find a declaration
by trying the numbers. The genesis document commits to the key.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from ledger.hashing import tagged

REGISTRY_KEY_BYTES: Final = 32


def registry_commitment(key: bytes) -> str:
    """The public commitment to a registry key, 64 hex digits."""
    return tagged("registry-key", key).hex()


def declaration_id(key: bytes, number: str) -> str:
    """The id of the declaration with this 18-digit number, 64 hex digits."""
    return hmac.new(key, number.encode("ascii"), hashlib.sha256).hexdigest()
