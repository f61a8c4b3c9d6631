"""Rows of credit facts for tests: a plum exporter that collects more than it declares, and was once in class B."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.clock import SettableClock
from nodes.credit.columns import LAYOUTS, entry_of
from nodes.credit.facts import KINDS, Fact, Kind
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
def profiles(place: Path | str) -> Iterator[tuple[Profiles, SettableClock]]:
    """An empty store, in a directory or at a URL."""
    url = place if isinstance(place, str) else f"sqlite:///{place / 'private.db'}"
    private, clock = PrivateStore(url), SettableClock(START_MS)
    try:
        yield Profiles(private, clock), clock
    finally:
        private.close()


def facts_of(*rows: dict[str, str]) -> list[Fact]:
    """What rows say, without a store."""
    entries = [entry_of(LAYOUTS[fact_kind(row)], {name: text for name, text in row.items() if name != "kind"}) for row in rows]
    return [entry.fact for entry in entries if entry.fact is not None]


def fact_kind(row: dict[str, str]) -> Kind:
    return next(kind for kind in KINDS if kind == row["kind"])


def record(store: Profiles, *rows: dict[str, str]) -> list[str]:
    """Records rows: their results."""
    return [result.result for result in import_objects(store, rows, "clerk", "test")]
