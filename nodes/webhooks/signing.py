"""Secrets of webhooks, and signatures by them after the Standard Webhooks specification (symmetric, `v1`).

A secret is `whsec_` and 32 random bytes in base64. At rest it is encrypted under a key that follows from `node.secret`, bound to its
webhook, so that a copy of the database alone cannot sign.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import VerificationFailed

PREFIX: Final = "whsec_"
_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_INFO: Final = b"tallystick:webhook-secrets:v1"


class SecretBox:
    """Seals and opens the secrets of one node."""

    def __init__(self, node_secret: bytes, random: Callable[[int], bytes]) -> None:
        self._aead = AESGCM(HKDF(SHA256(), 32, None, _INFO).derive(node_secret))
        self._random = random

    def new(self, webhook: str) -> str:
        """A new secret, sealed."""
        nonce = self._random(_NONCE_BYTES)
        return (nonce + self._aead.encrypt(nonce, self._random(_BYTES), webhook.encode("ascii"))).hex()

    def open(self, webhook: str, sealed: str) -> bytes:
        """Raises `VerificationFailed` (`webhook-secret-damaged`) where it is another webhook's, or the home has another `node.secret`."""
        try:
            data = bytes.fromhex(sealed)
            return self._aead.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], webhook.encode("ascii"))
        except (InvalidTag, ValueError) as error:
            hint = "rotate the webhook's secret, and tell its receiver"
            raise VerificationFailed("webhook-secret-damaged", "the webhook's secret does not open", hint=hint) from error


def shown(secret: bytes) -> str:
    """A secret as its receiver is given it."""
    return PREFIX + base64.b64encode(secret).decode("ascii")


def signature(secrets: Sequence[bytes], message: str, timestamp_s: int, content: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret, so that a receiver may still hold the old one."""
    signed = f"{message}.{timestamp_s}.".encode("ascii") + content
    made = [hmac.new(secret, signed, sha256).digest() for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(each).decode('ascii')}" for each in made)
