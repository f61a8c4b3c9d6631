"""Memory and files of the nodes of a long run, sampled by the operating system's own figures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """At `second` of the run: the process, its resident memory, its open files, and the bytes of its home's databases."""

    second: float
    pid: int
    memory_kib: int
    files: int
    database_bytes: int


@dataclass
class Watch:
    """Samples by node."""

    begun: float = field(default_factory=time.monotonic)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def look(self, node: str, pid: int, home: Path) -> None:
        """Takes one; nothing where the process ended in this moment."""
        status = Path(f"/proc/{pid}/status")
        try:
            memory = next(int(line.split()[1]) for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmRSS"))
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except (OSError, StopIteration):
            return
        size = sum(path.stat().st_size for path in home.glob("*.db"))
        self.samples.setdefault(node, []).append(Sample(time.monotonic() - self.begun, pid, memory, files, size))

    def memory(self, node: str, since_s: float) -> dict[str, int]:
        """A node's memory after `since_s`, as far as one process had it: the middle, the slope of its line, and its open files."""
        chosen = [each for each in self.samples[node] if each.second >= since_s]
        same = [each for each in chosen if each.pid == chosen[-1].pid]
        slope, _ = fitted([(each.second / 3_600, float(each.memory_kib)) for each in same])
        return {
            "minutes watched": round((same[-1].second - same[0].second) / 60),
            "KiB": round(statistics.median(each.memory_kib for each in same)),
            "KiB more an hour": round(slope),
            "open files at the most": max(each.files for each in same),
        }


def off_the_line(points: Sequence[tuple[float, float]]) -> float:
    """How far the points lie from their line at the most, as a part of the last one."""
    slope, start = fitted(points)
    return max(abs(y - (slope * x + start)) for x, y in points) / points[-1][1]


def fitted(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope and the beginning of the least squares line."""
    fit = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    return fit.slope, fit.intercept
