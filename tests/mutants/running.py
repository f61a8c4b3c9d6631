"""Mutants of the rules and the ledger, and how many of them the tests notice: docs/mutation.md says what was left and why.

`python -m tests.mutants.running run 'contracts.shares*'` tries those of a name that it has not tried before, or of all the files that
`pyproject.toml` names, in the environment that `make mutants` makes; `count` prints what is known so far, file by file, and `--out` keeps
it (`tests/counted.py`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from tests.counted import ROOT, tell

PYTHON: Final = ROOT / "var" / "mutants" / "bin" / "python"
LOG: Final = ROOT / "var" / "mutants" / "log"
# Exit statuses of pytest, and those with which mutmut marks what it did not run: mutmut/stats.py.
_OUTCOMES: Final = {0: "not noticed", 1: "noticed", 3: "noticed", 5: "reached by no test", 33: "reached by no test", None: "not tried"}
_TIMES: Final = (36, 24, -24, 152, 255)


def run(names: list[str]) -> int:
    """Tries mutants, one at a time; what mutmut says goes to a file, for it is long."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    command = [str(PYTHON), "tests/mutants/mutmut_with_handlers.py", "run", "--max-children", "1", *names]
    with LOG.open("w") as log:
        return subprocess.run(command, check=False, cwd=ROOT, stdout=log, stderr=log).returncode


def counted(mutants: Path = ROOT / "mutants") -> Counter[str]:
    """What became of the mutants, in all and by file, as mutmut keeps it in a directory."""
    counts: Counter[str] = Counter()
    for kept in sorted(mutants.rglob("*.py.meta")):
        outcomes = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        source = str(kept.relative_to(mutants)).removesuffix(".meta")
        for status in outcomes:
            what = "ended by time" if status in _TIMES else _OUTCOMES.get(status, "broken")
            counts[f"all: {what}"] += 1
            counts[f"{source}: {what}"] += 1
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "count"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--mutants", type=Path, default=ROOT / "mutants", help="where mutmut keeps what it found")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    status = run(asked.names) if asked.what == "run" else 0
    tell(counted(asked.mutants), "python -m tests.mutants.running count", asked.out)
    sys.exit(status)
