"""Runs of the simulation by their seed. `python -m tests.simulation.running solo 0 100` makes a hundred and prints what was counted;
`--out` keeps it (`tests/counted.py`).

A run that fails names its seed, its world and the commit: with these it fails again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.counted import commit, tell
from tests.simulation.ring_world import RingWorld
from tests.simulation.solo_world import SoloWorld

WORLDS: Final[Mapping[str, Callable[[int, Path], SoloWorld | RingWorld]]] = {
    "solo": SoloWorld,
    "consortium": RingWorld,
    "restored": lambda seed, directory: SoloWorld(seed, directory, loses_disk=True),
}


def run(world: str, seed: int) -> tuple[Counter[str], str]:
    """One run: what was counted, and the digest of all that happened. Raises `AssertionError` where something does not hold."""
    with tempfile.TemporaryDirectory() as directory:
        made = WORLDS[world](seed, Path(directory))
        try:
            return made.run(), made.works.digest
        except Exception as error:
            raise AssertionError(f"world {world}, seed {seed}, commit {commit()}, at {made.works.now_ms}: {error}") from error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("first", type=int)
    parser.add_argument("end", type=int)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    counted: Counter[str] = Counter()
    for each in range(asked.first, asked.end):
        counted += run(asked.world, each)[0] + Counter({"seeds": 1})
    tell(counted, f"python -m tests.simulation.running {asked.world} {asked.first} {asked.end}", asked.out)
