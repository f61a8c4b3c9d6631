"""What became of a record that was to do one thing: done, or refused by the rules, which is an error for whoever wanted it done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.codes import CODES
from ledger.engine import Receipt
from ledger.errors import Refused


class RuleRefused(Refused):
    """The record is on the ledger and the rules refused it. `details` is what its result says beside the code."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt.code, CODES.get(receipt.code, "the rules refused the record"))
        self.receipt = receipt
        self.record_id = receipt.record_id
        self.details: Mapping[str, Any] = {name: value for name, value in receipt.result.items() if name != "code"}


def require_ok(receipt: Receipt) -> Receipt:
    """The receipt of a record that took effect. Raises `RuleRefused` with the rules' code."""
    if receipt.code != "ok":
        raise RuleRefused(receipt)
    return receipt
