from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_measurement_makes_proofs_that_hold_and_writes_their_sizes(tmp_path: Path) -> None:
    out = tmp_path / "results" / "figures.json"
    command = [sys.executable, "-m", "loadtest.proof_size", "--records", "300", "--out", str(out)]
    finished = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["records"] >= 300
    whats = [each["what"] for each in figures["proofs"]]
    assert len([what for what in whats if what.startswith("record ")]) == 11
    assert whats[11:] == ["state declaration/", "state financing/", "state consent/", "state key/", "absence of declaration/"]
    assert all(each["bytes_max"] > each["content_bytes"] for each in figures["proofs"])
    assert [each["signers"] for each in figures["around"]] == [1, 2]
    assert all(500 < each["bytes_median"] <= each["bytes_max"] < 4_096 for each in figures["around"])
    assert f"{figures['proofs'][0]['bytes_max']:,} bytes" in finished.stdout
