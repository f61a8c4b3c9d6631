"""The sealed parts that a record type demands, for tests of something else than what they say.

`demanded_parts` are truly sealed, to a key that nobody keeps: nodes read such a record as one whose parts are for others.
`demanded_shapes` only look like it: enough for admission, and the same in every run, so that record ids follow from a test's seed.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.ruleset import RULESET
from ledger.keys import X25519, key_id
from nodes.author import Part
from nodes.sealing import Recipient
from tests.ledger.small_ledger import sealed_shape

_UNREAD: dict[str, Any] = {"v": 1}


def demanded_parts(record_type: str) -> dict[str, Part]:
    """Parts for `RecordAuthor`, by name; none where the type demands none."""
    public = X25519PrivateKey.generate().public_key().public_bytes_raw()
    nobody = Recipient(public, key_id(X25519, public), named=False)
    return {name: Part(_UNREAD, [nobody]) for name in sorted(RULESET.types[record_type].required_parts)}


def demanded_shapes(record_type: str) -> dict[str, Any]:
    """The field `sealed` of a record of the type."""
    return {name: sealed_shape(name) for name in sorted(RULESET.types[record_type].required_parts)}
