"""Sealed amounts against public shares, for every declaration whose money this node can read: the comparison of `nodes.monitoring`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from contracts.shares import WHOLE
from ledger.audit_walk import Finding
from ledger.limits import AUDIT_FINDINGS_MAX
from ledger.store import Reader
from nodes.auditing.parts import Compared
from nodes.monitoring.reconciliation import Reconciled, reconcile
from nodes.reader import cursor_of

_PAGE: Final = 200


def compare_amounts(connection: sa.Connection, reader: Reader) -> Compared | None:
    """None where the node has not yet read the ledger to its end, or has read beyond `reader`: shares and money are then of two times."""
    if cursor_of(connection) > reader.head.log_size + 1 or reader.records(max(1, cursor_of(connection)), 1):
        return None
    found: list[Finding] = []
    count, after = 0, 0
    while len(found) < AUDIT_FINDINGS_MAX:
        page = reconcile(connection, reader, after, _PAGE)
        found += [_finding(each, reader) for each in page if not each.agrees]
        count += len(page)
        if len(page) < _PAGE:
            break
        after = page[-1].log_index
    return Compared(count, tuple(found[:AUDIT_FINDINGS_MAX]))


def _finding(each: Reconciled, reader: Reader) -> Finding:
    """Named by the height of the declaration's registration; the amounts are in the currency's minor unit."""
    drawn = f"{each.drawn} drawn and {each.lost} lost of {WHOLE} parts"
    reason = f"declaration {each.declaration}: {drawn} do not agree with {each.owed_minor} {each.currency} (minor unit) lent and not repaid"
    return Finding(reader.height_of_log_index(each.log_index) or 0, None, "amount-differs", reason)
