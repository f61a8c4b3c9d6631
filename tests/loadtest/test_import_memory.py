from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("ending", ["xml", "csv"])
def test_the_measurement_registers_everything_and_writes_its_figures(tmp_path: Path, ending: str) -> None:
    out = tmp_path / "results" / "figures.json"
    command = [sys.executable, "-m", "loadtest.import_memory", "--counts", "5", "50", "--ending", ending, "--out", str(out)]
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert [(run["declarations"], run["registered"]) for run in figures["runs"]] == [(5, 5), (50, 50)]
    assert all(0 < run["before_kib"] <= run["curve_kib"][-1] <= run["peak_kib"] for run in figures["runs"])
    peaks = [run["peak_kib"] for run in figures["runs"]]
    assert figures["ratio"] == round(max(peaks) / min(peaks), 3)
    assert f"{figures['ratio']:.3f}" in finished.stdout
