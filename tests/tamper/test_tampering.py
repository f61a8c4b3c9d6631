"""A sample of `running`: every so many changes of each ledger, and all of those that no audit can see."""

from __future__ import annotations

import pytest

from tests.tamper import archives, file_bytes, rows
from tests.tamper.ledgers import LEDGERS
from tests.tamper.running import SWEEPS
from tests.tamper.trying import tell_wrong

_STEPS = {"rows": 997, "archive": 997, "file": 397}


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("step", [pytest.param(0, id="sampled"), pytest.param(1, marks=pytest.mark.deep, id="whole")])
def test_whatever_is_changed_is_found_at_its_height_or_is_slack(sweep: str, ledger: str, step: int) -> None:
    counts, wrong = SWEEPS[sweep](ledger, step or _STEPS[sweep])
    assert not wrong, tell_wrong(wrong)
    reasons = {what.removeprefix("slack: ") for what in counts if what.startswith("slack: ")}
    known = {"rows": rows.SLACK, "archive": archives.SLACK, "file": file_bytes.SLACK}[sweep]
    assert reasons <= set(known)
    assert sum(number for what, number in counts.items() if what.startswith("found")) > 20


def test_each_reason_why_a_change_of_rows_cannot_be_seen_is_met() -> None:
    """All changes that are slack are tried whatever the step."""
    seen = {what for ledger in LEDGERS for what in SWEEPS["rows"](ledger, 10_000_019)[0]}
    assert {f"slack: {reason}" for reason in rows.SLACK} <= seen
