from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from contracts.ruleset import RULEBOOK
from ledger.audit import audit
from ledger.store import LedgerStore
from ledger.vouching import OperatorsWord
from loadtest.lifecycle import GENESIS, OPERATOR, Lives

ROOT = Path(__file__).parents[2]
TYPES = {
    "declaration.register",
    "consent.give",
    "enquiry.request",
    "enquiry.take",
    "enquiry.answer",
    "financing.apply",
    "financing.intake",
    "financing.approve",
    "financing.disburse",
    "declaration.collected",
    "financing.repay",
}


def test_the_measurement_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "results" / "figures.json"
    command = [sys.executable, "-m", "loadtest.audit_speed", "--records", "60", "--repeat", "1", "--out", str(out)]
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["records"] >= 60
    whats = ["replay without signatures", "audit without signatures", "audit", "audit with --jobs 2"]
    assert [run["what"] for run in figures["runs"]] == whats
    assert all(f"{run['per_cpu_second']:,}" in finished.stdout for run in figures["runs"])


def test_the_ledger_that_is_measured_holds_and_has_every_record_of_a_life(tmp_path: Path) -> None:
    with closing(LedgerStore(f"sqlite:///{tmp_path / 'ledger.db'}")) as store:
        made = Lives(2).fill(store, 200)
        report = audit(store, GENESIS, RULEBOOK, OperatorsWord(OPERATOR.key))
        with store.reading() as reader:
            types = {stored.record.type for stored in reader.records(0, made)}
    assert (report.ok, report.records) == (True, made)
    assert types == TYPES
