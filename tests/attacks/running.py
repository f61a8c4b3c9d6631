"""Counts the attacks of this directory that can be counted.

python -m tests.attacks.running floods [--times N] [--out docs/assurance/security.json]
python -m tests.attacks.running privileges [--out docs/assurance/security.json]
python -m tests.attacks.running threats [--out docs/assurance/security.json]

`floods` sends them at a node in a process of its own; `privileges` tries every route as every role at every seat; `threats` counts the rows
of the threat model and the tests that they name. Exits with a failure where an attack did what it should not.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.api.served import served_network
from tests.api.test_permissions import try_every_role
from tests.attacks import flooding
from tests.counted import tell
from tests.docs.test_threat_model import NAMED, rows


def floods(times: int) -> Counter[str]:
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory, flooding.target(Path(directory) / "net") as at:
        counted += flooding.streams(at)
        counted += flooding.bodies(at, times)
        counted += flooding.nonsense(at, 100 * times)
        counted += flooding.dawdlers(at, 300 * times, 30)
        counted += flooding.requests_of_one_caller(at, 1_000 * times)
        counted += flooding.sign_ins(at, 200 * times)
        assert at.process.poll() is None
    return counted


_SEATS: Final = (("authority", {"authority", "registrar"}), ("bank-a", {"bank"}), ("exporter-a", {"enterprise"}), ("auditor", {"auditor"}))


def privileges(_times: int) -> Counter[str]:
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory, served_network(Path(directory)) as network, pytest.MonkeyPatch.context() as patch:
        for node, seats in (
            ("authority", {"authority", "registrar"}),
            ("bank-a", {"bank"}),
            ("exporter-a", {"enterprise"}),
            ("auditor", {"auditor"}),
        ):
            counted += try_every_role(network, patch, node, seats)
    return counted


def threats(_times: int) -> Counter[str]:
    found = [(border, cells) for border, threats_ in rows().items() for cells in threats_]
    tests = {named for _, cells in found for named in NAMED.findall(cells[4])}
    return Counter({"threats, each with its test": len(found), "borders": len(rows()), "tests that the threat model names": len(tests)})


PARTS: Final[dict[str, Callable[[int], Counter[str]]]] = {"floods": floods, "privileges": privileges, "threats": threats}


def main() -> None:
    parser = argparse.ArgumentParser(description="counts attacks")
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--times", type=int, default=1, help="how many times as much as the least")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    many = f" --times {given.times}" if given.times != 1 else ""
    tell(PARTS[given.part](given.times), f"python -m tests.attacks.running {given.part}{many}", given.out)


if __name__ == "__main__":
    main()
