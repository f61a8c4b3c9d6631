"""Whatever of a stored ledger is changed, its audit fails and names the first bad height; what it cannot see is listed with the reason.

`python -m tests.tamper.running rows operator` changes the rows of an operator's ledger, `archive` its archive, `file` the bytes of its
SQLite file; `consortium` is the other ledger. `--step N` tries every Nth change. What was counted is printed, the slack among it; `--out`
keeps it (`tests/counted.py`).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.counted import tell
from tests.tamper.archives import try_archive
from tests.tamper.file_bytes import try_file
from tests.tamper.ledgers import LEDGERS
from tests.tamper.rows import MASKS
from tests.tamper.trying import tell_wrong, try_rows

SWEEPS: Final[dict[str, Callable[[str, int], tuple[Counter[str], list[str]]]]] = {
    "rows": lambda name, step: try_rows(name, MASKS, step),
    "archive": lambda name, step: try_archive(name, MASKS, step),
    "file": try_file,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", choices=SWEEPS)
    parser.add_argument("ledger", choices=LEDGERS)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    counted, wrong = SWEEPS[asked.sweep](asked.ledger, asked.step)
    if wrong:
        sys.exit(tell_wrong(wrong, at_most=60))
    command = f"python -m tests.tamper.running {asked.sweep} {asked.ledger}" + (f" --step {asked.step}" if asked.step > 1 else "")
    tell(counted, command, asked.out)
