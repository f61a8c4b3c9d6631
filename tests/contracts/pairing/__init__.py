"""The handlers and the model side by side: each action tells one record to both and compares what they answer."""

from __future__ import annotations

from tests.contracts.pairing.authority import Oversight
from tests.contracts.pairing.base import Choose, Item
from tests.contracts.pairing.lending import Loans
from tests.contracts.pairing.registrar import Registrations

__all__ = ["Choose", "Item", "Pair"]


class Pair(Loans, Oversight, Registrations):
    """Five banks with grants on three declarations: one whole, one with an odd ceiling, one that soon is too old."""
