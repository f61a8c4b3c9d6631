"""Rows of credit facts for tests: a plum exporter that collects more than it declares, and was once in class B."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.clock import SettableClock
from nodes.credit.imports import import_objects
from nodes.credit.profiles import Profiles
from nodes.private import PrivateStore

START_MS = 1_793_000_000_000
USCC = "91210800MA0000001L"

BASIC = {"kind": "basic", "uscc": USCC, "name": "营口青果出口有限公司", "directory_status": "listed", "directory_since": "2014-03-18"}
CLASS_A = {"kind": "class", "uscc": USCC, "class_since": "2020-01-01", "class": "A"}
CLASS_B = {"kind": "class", "uscc": USCC, "class_since": "2017-06-01", "class": "B", "class_reason": "late reporting"}
YEAR = {
    "kind": "year",
    "uscc": USCC,
    "year": "2025",
    "collections_goods": "1073300.00",
    "collections_services": "20500.50",
    "collections_capital": "0",
    "payments_goods": "310000.25",
    "payments_services": "12000",
    "payments_capital": "5000",
    "exports": "1110400.40",
    "imports": "305000",
}
MONTH = {"kind": "month", "uscc": USCC, "month": "2026-05", "collections_goods": "595510"}
PENALTY = {
    "kind": "penalty",
    "uscc": USCC,
    "penalty_reference": "辽汇检罚〔2024〕7号",
    "decided_on": "2024-04-02",
    "description": "逾期未报告贸易信贷",
    "penalty_amount": "30000.55",
    "currency": "CNY",
}
ROWS = (BASIC, CLASS_A, CLASS_B, YEAR, MONTH, PENALTY)


@contextmanager
def profiles(directory: Path) -> Iterator[tuple[Profiles, SettableClock]]:
    """An empty store."""
    private, clock = PrivateStore(f"sqlite:///{directory / 'private.db'}"), SettableClock(START_MS)
    try:
        yield Profiles(private, clock), clock
    finally:
        private.close()


def record(store: Profiles, *rows: dict[str, str]) -> list[str]:
    """Records rows: their results."""
    return [result.result for result in import_objects(store, rows, "clerk", "test")]
