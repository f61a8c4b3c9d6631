"""The audit of a home: the ledger's own, and then what only this node can compare: the sealed parts that it opened with the ledger, and
the money in them with the shares that it stands for.

Each kind of finding has the form of `ledger.audit`. What could not be compared is said, and is no finding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.ruleset import RULEBOOK
from ledger.audit import AuditReport, Manner, audit
from ledger.audit_walk import Finding
from ledger.limits import AUDIT_FINDINGS_MAX
from ledger.store import LedgerStore
from ledger.vouching import voucher_of
from nodes.auditing.amounts import compare_amounts
from nodes.auditing.parts import compare_parts
from nodes.private import PrivateStore

NOT_READ: Final = "the node has not read its whole ledger yet: start it, and audit again"
# On a node at work a block may come between the reading of the two databases.
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class HomeAudit:
    """`parts` and `declarations` are how many were compared; `amounts_left_out` says why no amounts were, where none were."""

    ledger: AuditReport
    parts: int
    declarations: int
    amounts_left_out: str | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """As `tallystick audit --json` gives it: the ledger's report, with the findings of all three."""
        first = min((finding.height for finding in self.findings), default=None)
        report = AuditReport(self.ok, self.ledger.height, self.ledger.records, first, self.findings, self.ledger.resumed_from)
        return report.to_json()


def audit_home(store: LedgerStore, private: PrivateStore, genesis: Mapping[str, Any], manner: Manner | None = None) -> HomeAudit:
    """Everything, one after the other. Raises as `ledger.audit.audit`, and `Unreachable` (`database-unreachable`)."""
    return with_parts(audit(store, genesis, RULEBOOK, voucher_of(genesis), manner), store, private)


def with_parts(report: AuditReport, store: LedgerStore, private: PrivateStore) -> HomeAudit:
    """The ledger's report, and what the private database adds. On a ledger that does not hold nothing more is compared with it."""
    if not report.ok:
        return HomeAudit(report, 0, 0, "the ledger itself does not hold", report.findings)
    with store.reading() as reader, private.reading() as connection:
        parts = compare_parts(connection, reader)
    amounts = None
    for _ in range(_ATTEMPTS):
        with store.reading() as reader, private.reading() as connection:
            amounts = compare_amounts(connection, reader)
        if amounts is not None:
            break
    findings = (*parts.findings, *(amounts.findings if amounts is not None else ()))[:AUDIT_FINDINGS_MAX]
    return HomeAudit(report, parts.count, 0 if amounts is None else amounts.count, NOT_READ if amounts is None else None, findings)
