"""The counts of mutants are those that mutmut kept, whatever became of each."""

from __future__ import annotations

import json
from pathlib import Path

from tests.mutants.running import counted


def test_every_mutant_is_counted_once_in_all_and_once_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    kept = {"a": 1, "b": 0, "c": 33, "d": 36, "e": None, "f": -11, "g": 1}
    (tmp_path / "contracts" / "shares.py.meta").write_text(json.dumps({"exit_code_by_key": kept}), encoding="utf-8")
    counts = counted(tmp_path)
    assert counts["all: noticed"] == counts["contracts/shares.py: noticed"] == 2
    for what in ("not noticed", "reached by no test", "ended by time", "not tried", "broken"):
        assert counts[f"all: {what}"] == counts[f"contracts/shares.py: {what}"] == 1
    assert sum(counts.values()) == 2 * len(kept)
