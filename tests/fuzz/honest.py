"""Who is believed where proof files, notes and archives are read: the operator and the witness of the tests' small ledger."""

from __future__ import annotations

from typing import Final

from ledger.header import network_of
from tests.ledger.small_ledger import GENESIS, OPERATOR
from tests.ledger.verify.trusting import WITNESS, trust

NETWORK: Final = network_of(GENESIS)
OPERATOR_NAME: Final = OPERATOR.key.name
OPERATOR_PUBLIC: Final = OPERATOR.key.public
WITNESS_PUBLIC: Final = WITNESS.public_key().public_bytes_raw()
TRUST: Final = trust(NETWORK, witnesses=[{"name": "w", "public": WITNESS_PUBLIC.hex()}])
