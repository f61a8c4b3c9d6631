"""Half a minute of what `python -m tests.long_runs.running` does for half an hour: load with faults at random, then all is compared."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import DEEP
from tests.long_runs.running import PLANS, long_run
from tests.ports import free_ports


def test_nothing_is_lost_and_every_balance_is_what_the_banks_were_told(tmp_path: Path) -> None:
    counts, wrong = long_run(tmp_path / "net", 30 if DEEP else 0.4, 1, free_ports(len(PLANS)))
    assert wrong == []
    assert counts["acknowledged: payout"] > 0
    assert sum(number for what, number in counts.items() if what.startswith("fault: ")) > 0
