"""Does importing take more memory where there is more to import? Declarations are read, registered, sealed and read back on a fresh
solo home, in a process of its own for each size; the peak of its resident memory is what the operating system says.

    python -m loadtest.import_memory --counts 10000 100000 --out loadtest/results/import-memory.json

The sizes run one after the other, and both go through the same program; only the number of declarations differs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ledger.clock import SystemClock
from loadtest.declarations import write_declarations
from nodes.declarations.register import Declarations
from nodes.founding import MemberPlan, create_network
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node

LAST_EXPORT: Final = date(2026, 10, 31)
LIBRARIES: Final = ("cryptography", "pydantic", "sqlalchemy", "orjson")
# The staff of this home never sign in, and its keys guard nothing.
_CHEAP: Final = Argon2Cost(passes=1, memory_kib=8, lanes=1)
_KIB: Final = 1_024
_CURVE_POINTS: Final = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """One size. `before_kib` is the resident memory of the started node before the import; `curve_kib` the peak so far, at equal steps."""

    declarations: int
    registered: int
    seconds: float
    per_second: float
    before_kib: int
    peak_kib: int
    curve_kib: Sequence[int]


def measure(count: int, ending: str, directory: Path) -> Measured:
    """Imports in this process, which should have done nothing else before: a peak never goes down."""
    path = directory / f"declarations.{ending}"
    write_declarations(path, count, LAST_EXPORT)
    plans = [MemberPlan("authority", "authority", "Authority")]
    founded = create_network(directory / "homes", "import-memory", plans, clock=SystemClock(), random=os.urandom, cost=_CHEAP)
    step, curve, done = max(1, count // _CURVE_POINTS), [], 0
    with Node.open(founded.homes["authority"], cost=_CHEAP) as node:

        def on_item(_: object) -> None:
            nonlocal done
            done += 1
            if done % step == 0:
                curve.append(peak_kib())

        before_kib, began = peak_kib(), time.monotonic()
        report = Declarations(node).import_files([(path.name, path)], on_item)
        node.reader.catch_up()
        seconds = time.monotonic() - began
    per_second = round(report.total / seconds, 1)
    return Measured(report.total, report.registered, round(seconds, 1), per_second, before_kib, peak_kib(), curve)


def peak_kib() -> int:
    """The greatest resident memory of this process so far, in KiB (Linux counts in these; macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // _KIB if sys.platform == "darwin" else peak


def measure_apart(count: int, ending: str) -> Measured:
    """`measure` in a process of its own, on a home that is thrown away. Raises `CalledProcessError`."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "loadtest.import_memory", "--one", directory, "--counts", str(count), "--ending", ending]
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - this very program  # nosec B603
    return Measured(**json.loads(finished.stdout))


def machine() -> dict[str, Any]:
    """What the figures depend on. `load` is the machine's load average over a minute when the measurement ended."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in LIBRARIES},
    }


def main() -> None:
    """Print the figures, and write them where asked."""
    arguments = argparse.ArgumentParser(description="Measure the memory of importing declarations.")
    arguments.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    arguments.add_argument("--ending", choices=["xml", "csv"], default="xml")
    arguments.add_argument("--out", type=Path, help="a JSON file for the figures")
    arguments.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.one is not None:
        print(json.dumps(asdict(measure(chosen.counts[0], chosen.ending, chosen.one))))
        return
    found = []
    for count in chosen.counts:
        found.append(measure_apart(count, chosen.ending))
        one = found[-1]
        print(f"{one.declarations:>9,} declarations: peak {one.peak_kib / _KIB:.1f} MiB, {one.per_second} a second", flush=True)
    ratio = max(one.peak_kib for one in found) / min(one.peak_kib for one in found)
    print(f"greatest peak / least peak: {ratio:.3f}")
    if chosen.out is not None:
        figures = {"ending": chosen.ending, "runs": [asdict(one) for one in found], "ratio": round(ratio, 3), "machine": machine()}
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
