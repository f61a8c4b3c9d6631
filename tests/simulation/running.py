"""Runs of the simulation by their seed. `python -m tests.simulation.running solo 0 100` makes a hundred and prints what was counted.

A run that fails names its seed, its world and the commit: with these it fails again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from unittest.mock import patch

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from ledger import keys
from tests.simulation.ring_world import RingWorld
from tests.simulation.solo_world import SoloWorld

ROOT: Final = Path(__file__).parents[2]
# RFC 6979: or else no run would have the same bytes again.
_SAME_EACH_TIME: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)
WORLDS: Final[Mapping[str, Callable[[int, Path], SoloWorld | RingWorld]]] = {
    "solo": SoloWorld,
    "consortium": RingWorld,
    "restored": lambda seed, directory: SoloWorld(seed, directory, loses_disk=True),
}


def run(world: str, seed: int) -> tuple[Counter[str], str]:
    """One run: what was counted, and the digest of all that happened. Raises `AssertionError` where something does not hold."""
    with tempfile.TemporaryDirectory() as directory, patch.object(keys, "_PREHASHED", _SAME_EACH_TIME):
        made = WORLDS[world](seed, Path(directory))
        try:
            return made.run(), made.works.digest
        except Exception as error:
            raise AssertionError(f"world {world}, seed {seed}, commit {_commit()}, at {made.works.now_ms}: {error}") from error


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], check=False, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    counted: Counter[str] = Counter()
    for each in range(int(sys.argv[2]), int(sys.argv[3])):
        counted += run(sys.argv[1], each)[0] + Counter({"seeds": 1})
    sys.stdout.writelines(f"{number:10,} {what}\n" for what, number in sorted(counted.items()))
