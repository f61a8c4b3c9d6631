"""What the walks reach: every code that a rule can give, but those that a test of its own asks for, and the table of transitions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from contracts.codes import CODES
from tests.contracts.walks import counts

SEEDS_MAX, STEPS = 300, 100
# Rules of members, consents and enquiries, and limits, that no walk of lending comes to: each has a directed test.
DIRECTED = {
    "already-answered",
    "already-lifted",
    "already-resolved",
    "already-revoked",
    "already-taken",
    "consent-expired",
    "consent-used-up",
    "grant-used-up",
    "proposal-lapsed",
    "too-many-collections",
    "too-many-orders",
    "too-many-scheduled",
    "unknown-consent",
    "unknown-key",
    "unknown-order",
    "unknown-proposal",
    "unknown-request",
    "unknown-take",
}
APPLICATIONS = {
    ("apply", "-", "APPLIED"),
    ("intake", "APPLIED", "IN_REVIEW"),
    ("approve", "IN_REVIEW", "APPROVED"),
    ("cancel", "APPLIED", "CANCELLED"),
    ("cancel", "IN_REVIEW", "CANCELLED"),
    ("cancel", "APPROVED", "CANCELLED"),
}
LOANS = {
    ("load", "-", "DISBURSED"),
    ("tranche", "APPROVED", "APPROVED"),
    ("tranche", "APPROVED", "DISBURSED"),
    ("disburse", "APPROVED", "DISBURSED"),
    ("disburse", "CANCELLED", "DISBURSED"),
    ("repay", "DISBURSED", "REPAYING"),
    ("repay", "DISBURSED", "PAID_OFF"),
    ("repay", "REPAYING", "PAID_OFF"),
    ("write-off", "DISBURSED", "DISBURSED"),
    ("write-off", "DISBURSED", "WRITTEN_OFF"),
    ("write-off", "REPAYING", "WRITTEN_OFF"),
    ("write-off", "WRITTEN_OFF", "DISBURSED"),
    ("correct", "DISBURSED", "CANCELLED"),
    ("correct", "DISBURSED", "DISBURSED"),
    ("correct", "PAID_OFF", "REPAYING"),
    ("transfer", "DISBURSED", "DISBURSED"),
    ("transfer", "REPAYING", "REPAYING"),
    ("take-over", "DISBURSED", "TRANSFERRED"),
    ("take-over", "DISBURSED", "WRITTEN_OFF"),
    ("take-over", "REPAYING", "TRANSFERRED"),
}


def test_walks_reach_every_code_but_the_directed_ones_and_every_common_transition() -> None:
    missing: set[object] = (set(CODES) - DIRECTED) | APPLICATIONS | LOANS
    for first in range(0, SEEDS_MAX, 10):
        codes, moves = counts(range(first, first + 10), STEPS)
        assert set(codes) <= set(CODES)
        missing -= set(codes) | set(moves)
        if not missing:
            break
    assert missing == set()


def asserted(path: Path) -> Iterator[str]:
    """Texts that stand in an assertion or in a table of expectations of a test."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_code_that_no_walk_comes_to_is_asked_for_by_a_test() -> None:
    here = Path(__file__)
    found = {text for path in here.parent.rglob("test_*.py") if path != here for text in asserted(path)}
    assert DIRECTED - found == set()
