"""Stories stopped or hindered at each system call, and stories whose machine loses its power.

`python -m tests.crash.running calls solo` hinders the story in every manner at every call, `power solo` loses its power after every call;
`--step N` takes every Nth of them. What was counted is printed; `--out` keeps it (`tests/counted.py`).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.counted import tell
from tests.crash.every_call import MANNERS, hindered, run
from tests.crash.lost_writes import power_lost
from tests.crash.stories import STORIES
from tests.crash.tracing import hindrance

_CHOICES = 4


def calls(story: str, step: int = 1) -> tuple[Counter[str], list[str]]:
    """Every manner at every so many of the calls: what was counted, and what did not hold."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for manner in MANNERS:
        for call in hindered(story, manner)[::step]:
            try:
                counts += run(story, manner, call)
            except AssertionError as error:
                wrong.append(str(error))
    return counts, wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("calls", "power"))
    parser.add_argument("story", choices=STORIES)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if hindrance():
        sys.exit(hindrance())
    if asked.what == "calls":
        counted, failed = calls(asked.story, asked.step)
        if failed:
            sys.exit("\n".join([f"{len(failed)} did not hold", *failed[:50]]))
    else:
        counted = power_lost(asked.story, 1, _CHOICES, one_by_one=True, step=asked.step)
    command = f"python -m tests.crash.running {asked.what} {asked.story}" + (f" --step {asked.step}" if asked.step > 1 else "")
    tell(counted, command, asked.out)
