from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_measurement_fills_replicas_and_writes_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "results" / "figures.json"
    command = [sys.executable, "-m", "loadtest.joining", "--records", "60", "--out", str(out)]
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["records"] >= 60
    assert figures["chunks"] == 1
    assert f"{figures['packed_bytes']:,} bytes" in finished.stdout
