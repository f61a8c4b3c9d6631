"""Trust files of tests, which believe the small ledger's operator."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from tests.ledger.small_ledger import OPERATOR

WITNESS = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)


def trust(network: str, /, **changes: Any) -> bytes:
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    file: dict[str, Any] = {"v": 1, "network": network, "engine": "solo", "operators": [operator], "witnesses": [], "witnesses_required": 0}
    return canonical.encode({**file, **changes})
