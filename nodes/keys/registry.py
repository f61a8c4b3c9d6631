"""The registry key: what turns a declaration's number into its id on the ledger.

Ids are HMAC-SHA-256 (RFC 2104) under a key that only the registrar and the authority hold, so that nobody can find a declaration
by trying the numbers. The genesis document commits to the key.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from ledger.hashing import tagged

HMAC_SHA256: Final = "hmac-sha256"
REGISTRY_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """32 secret bytes. They stay out of `repr`, so that no log shows them."""

    value: bytes = field(repr=False)

    @property
    def commitment(self) -> str:
        """The public commitment to the key, 64 hex digits, as genesis holds it."""
        return tagged("registry-key", self.value).hex()

    def declaration_id(self, number: str) -> str:
        """The id of the declaration with this 18-digit number, 64 hex digits."""
        return hmac.new(self.value, number.encode("ascii"), hashlib.sha256).hexdigest()
