"""Fuzzing of every reader of bytes from outside. `python -m tests.fuzz.running proof --seconds 60` fuzzes one target and prints what was
counted, `all` stands for every target; `--out` keeps it (`tests/counted.py`), `--kept DIR` keeps what inputs were found on the way.

A finding is an input over which a reader raises what is not its own refusal, reads something else back than it took, needs more than
5 seconds or more than a gigabyte. It is left in `var/fuzz/TARGET`, and fails again by `python -m tests.fuzz.running TARGET --input FILE`.
It ends that target's run; once it is mended it becomes a seed in `tests/fuzz/corpus`, which the tests replay, so it would be noticed again.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from tests.counted import ROOT, tell
from tests.fuzz.broken import BROKEN
from tests.fuzz.target import CORPUS, READ
from tests.fuzz.targets import TARGETS

INPUT_SECONDS_MAX: Final = 5
MEMORY_MIB_MAX: Final = 1_024
# Beyond the seconds that it may fuzz: imports under measurement, and reading the seeds.
_START_SECONDS_MAX: Final = 300
_COVERED: Final = re.compile(r"cov: (\d+) ft: \d+ corp: (\d+)/")
_FINDINGS: Final = ("crash-*", "timeout-*", "oom-*", "leak-*", "slow-unit-*")


class Run(NamedTuple):
    """What a run of one target counted, the inputs that are findings, and the end of what the fuzzer said."""

    counted: Counter[str]
    findings: list[Path]
    said: str


def is_installed() -> bool:
    """Whether atheris is: it has wheels for Linux on x86-64 alone."""
    return find_spec("atheris") is not None


def fuzz(name: str, seconds: int, kept: Path | None = None, corpus: Path | None = None) -> Run:
    """Fuzzes one target for some seconds, from its seeds or those of another directory. `kept` gets what reached something new."""
    begun = CORPUS / name if corpus is None else corpus
    target = {**TARGETS, **BROKEN}[name]
    found = ROOT / "var" / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    known = set(_findings(found))
    with tempfile.TemporaryDirectory() as directory:
        grown, told = Path(directory) / "corpus", Path(directory) / "told.json"
        shutil.copytree(begun, grown)
        arguments = [
            *(f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}", "-seed=1"),
            *(f"-max_len={target.bytes_max}", f"-artifact_prefix={found}/", "-print_final_stats=1", "-report_slow_units=4"),
            str(grown),
        ]
        command = [sys.executable, "-m", "tests.fuzz.fuzzer", name, str(told), "--", *arguments]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, timeout=seconds + _START_SECONDS_MAX)
        said = done.stderr.decode("utf-8", "replace")
        counted = _counted(name, len(list(begun.iterdir())), said, json.loads(told.read_text("utf-8")) if told.exists() else {})
        findings = sorted(set(_findings(found)) - known)
        counted[f"{name}: findings"] = len(findings)
        if kept is not None:
            shutil.copytree(grown, kept / name, dirs_exist_ok=True)
    if done.returncode != 0 and not findings:
        raise RuntimeError(
            f"the fuzzer of {name} failed without a finding: {(done.stdout + done.stderr)[-2_000:].decode('utf-8', 'replace')}"
        )
    return Run(counted, findings, (done.stdout.decode("utf-8", "replace") + said)[-3_000:])


def _findings(directory: Path) -> list[Path]:
    return [path for pattern in _FINDINGS for path in directory.glob(pattern)]


def _counted(name: str, seeds: int, said: str, told: dict[str, int]) -> Counter[str]:
    covered = _COVERED.findall(said)
    edges, corpus = map(int, covered[-1]) if covered else (0, 0)
    codes = {code for code in told if code.startswith("code ")}
    units = re.search(r"stat::number_of_executed_units: +(\d+)", said)
    return Counter(
        {
            f"{name}: inputs tried": int(units[1]) if units else told.get("tried", 0),
            f"{name}: inputs read": told.get(f"code {READ}", 0) + told.get("code signed", 0),
            f"{name}: different refusals": len(codes - {f"code {READ}"}),
            f"{name}: edges covered": edges,
            f"{name}: seeds": seeds,
            f"{name}: inputs that reached something new": corpus,
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["all", *TARGETS])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--input", type=Path, help="read this one input, and raise what it raises")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.input is not None:
        sys.stdout.write(TARGETS[asked.target].make()(asked.input.read_bytes()) + "\n")
        sys.exit(0)
    counts: Counter[str] = Counter()
    failed = 0
    for each in TARGETS if asked.target == "all" else [asked.target]:
        run = fuzz(each, asked.seconds, asked.kept)
        counts.update(run.counted)
        failed += len(run.findings)
        for path in run.findings:
            sys.stdout.write(f"{path}\n{run.said}\n")
    tell(counts, f"python -m tests.fuzz.running {asked.target} --seconds {asked.seconds}", asked.out)
    sys.exit(1 if failed else 0)
