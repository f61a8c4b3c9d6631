"""How a replica stops for good: it makes sure that the damage is not its own, and then keeps what the operator signed as evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ledger.audit import audit
from ledger.errors import VerificationFailed
from ledger.evidence import OPERATOR_INVALID
from ledger.rules import Rulebook
from ledger.store import LedgerStore, Reader
from ledger.vouching import Voucher

Show = Callable[[Reader], dict[str, Any] | None]


def halt(store: LedgerStore, genesis: Mapping[str, Any], rulebook: Rulebook, voucher: Voucher, evidence: Mapping[str, Any]) -> None:
    """Always raises: `VerificationFailed` with the evidence's code, once it is kept; or `replica-damaged` where this replica's own audit
    finds something, and then nobody is accused. No block may be written meanwhile.
    """
    report = audit(store, genesis, rulebook, voucher)
    if not report.ok:
        hint = "see tallystick audit; restore this home, or follow anew into an empty one"
        raise VerificationFailed("replica-damaged", "this replica's own database does not hold", hint=hint)
    store.halt(evidence)
    invalid = evidence["code"] == OPERATOR_INVALID
    message = "the operator signed a block that breaks the rules" if invalid else "the operator signed two histories"
    raise VerificationFailed(evidence["code"], message, hint="keep this home as evidence and tell the other members")


def refuse_if_halted(store: LedgerStore) -> None:
    """Raises `VerificationFailed` with the code for which this replica halted."""
    halted = store.halted()
    if halted is not None:
        hint = "see tallystick audit and tallystick evidence; keep this home as evidence"
        raise VerificationFailed(halted["code"], "this replica goes on no more: its operator signed what cannot stand", hint=hint)
