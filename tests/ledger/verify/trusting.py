"""Trust files of tests, which believe the small ledger's operator, or validators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from tests.ledger.small_ledger import OPERATOR

WITNESS = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)


def trust(network: str, /, **changes: Any) -> bytes:
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    file: dict[str, Any] = {"v": 1, "network": network, "engine": "solo", "operators": [operator], "witnesses": [], "witnesses_required": 0}
    return canonical.encode({**file, **changes})


def consortium_trust(network: str, validators: Sequence[Mapping[str, Any]], time_ms: int, max_age_s: int) -> bytes:
    """In `{name, public, power}` from the first block on."""
    file = {"v": 1, "network": network, "engine": "comet", "validators": [dict(each) for each in validators]}
    return canonical.encode({**file, "height": 1, "time": time_ms, "max_age_s": max_age_s})
