"""Two hundred clients at once on one served node, which is killed in the middle: nothing is lost, doubled or answered with a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.concurrency import run
from tests.conftest import DEEP
from tests.ports import free_ports


@pytest.mark.parametrize("kill", [False, True])
def test_every_acknowledged_write_is_on_the_ledger_once(tmp_path: Path, kill: bool) -> None:
    figures = run(tmp_path, 200, 60 if DEEP else 4, free_ports(1), kill=kill)
    assert figures["faults"] == [], figures
    assert [status for status in figures["statuses"] if status.startswith("5")] == []
    assert figures["acknowledged"] >= 200, "every client wrote"
    assert (figures["not_on_the_ledger"], figures["more_than_once"]) == ([], [])
    assert (figures["unanswered"] > 0) == kill
    assert figures["exit_status"] == 0
