"""Answers of a real CometBFT about a small network, as `python -m tests.ledger.comet.recorded` wrote them: its first blocks, up to two
after its validators changed from four with equal power to five, of whom the new one has more than two thirds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ledger.comet.commits import trusted_validators
from ledger.verify.comet import Trust
from tests.cometbft import MISSING, VALIDATORS, program, running

NETWORK: Final = sha256(b"a network of four").hexdigest()
CHAIN_ID: Final = f"tallystick-{NETWORK[:32]}"
FILE: Final = Path(__file__).parents[2] / "fixtures" / "comet" / "answers.json"
NEW_POWER: Final = 9
_BLOCKS_BEFORE: Final = 2


@dataclass(frozen=True)
class Recorded:
    """Stands where a node's JSON-RPC would. `powers` are the first validators', `changed_at` the first height of the others."""

    time_ms: int
    powers: dict[str, int]
    changed_at: int
    commits: dict[str, Any]
    sets: dict[str, list[Any]]

    def commit(self, height: int) -> Any:
        return self.commits[str(height)]

    def validators(self, height: int) -> list[Any]:
        return self.sets[str(height)]

    @property
    def last(self) -> int:
        return max(map(int, self.commits))

    def trust(self, height: int = 1) -> Trust:
        """In the first validators."""
        return trusted_validators(NETWORK, self.powers, height, self.time_ms)


def recorded() -> Recorded:
    return Recorded(**json.loads(FILE.read_bytes()))


def record(binary: str) -> Recorded:
    """Runs the network until it has changed."""
    with tempfile.TemporaryDirectory() as directory, running(binary, Path(directory), CHAIN_ID, time.time_ns() // 1_000_000) as network:
        network.wait(_BLOCKS_BEFORE)
        changed_at = network.set_power(VALIDATORS, NEW_POWER)
        network.wait(changed_at + 2)
        heights = range(1, changed_at + 2)
        commits = {str(height): network.commit(height) for height in heights}
        sets = {str(height): network.validators(height) for height in heights}
        return Recorded(network.time_ms, network.powers, changed_at, commits, sets)


def main() -> None:
    """Writes the file anew."""
    binary = program()
    if binary is None:
        sys.exit(MISSING)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(asdict(record(binary)), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
