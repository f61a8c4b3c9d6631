"""Readers of bytes from outside refuse with their own errors whatever they are given, and give back what they took.

The seeds, and what was once a finding, are read in every run. Where atheris is installed each reader is fuzzed too: for a moment, and by
`TALLYSTICK_DEEP=1` for minutes. `python -m tests.fuzz.running all` does it by itself.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.fuzz import running
from tests.fuzz.changes import changed
from tests.fuzz.target import CORPUS, Reader, seeds
from tests.fuzz.targets import TARGETS

DEEP = os.environ.get("TALLYSTICK_DEEP") == "1"
SECONDS = 240 if DEEP else 2
CHANGES = 400 if DEEP else 20
CORPUS_BYTES_MAX = 65_536
NO_ATHERIS = "atheris is not installed: it has no wheel for this machine"


@cache
def reader(name: str) -> Reader:
    return TARGETS[name].make()


def spoiler(source: random.Random) -> Callable[[bytes], bytes]:
    """Blind changes, for a machine without the fuzzer."""

    def spoil(data: bytes) -> bytes:
        at = source.randrange(len(data) + 1)
        return data[:at] + source.randbytes(source.randrange(3)) + data[at + source.randrange(3) :]

    return spoil


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read_and_some_are_taken(name: str) -> None:
    codes = {path.name: reader(name)(path.read_bytes()) for path in seeds(name)}
    assert {"read", "signed"} & set(codes.values()), codes


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
@pytest.mark.parametrize("name", TARGETS)
def test_a_changed_seed_is_refused_by_the_readers_own_errors(name: str) -> None:
    source = random.Random(name)
    codes = set()
    for path in seeds(name):
        data = path.read_bytes()
        for _ in range(CHANGES):
            data = changed(
                TARGETS[name].shape, data if source.random() < 0.5 else path.read_bytes(), source.getrandbits(32), spoiler(source)
            )
            codes.add(reader(name)(data[: TARGETS[name].bytes_max]))
    assert codes - {"read", "signed"}


@pytest.mark.parametrize("name", TARGETS)
def test_the_fuzzer_finds_nothing(name: str, record_property: Callable[[str, object], None]) -> None:
    if not running.is_installed():
        pytest.skip(NO_ATHERIS)
    run = running.fuzz(name, SECONDS)
    for what, number in run.counted.items():
        record_property(what, number)
    assert not run.findings, run.said
    assert run.counted[f"{name}: inputs tried"] >= len(seeds(name))
    if DEEP:
        # On a busy machine two seconds may be over before anything is said of these.
        assert run.counted[f"{name}: edges covered"] > 0


@pytest.mark.parametrize(("name", "left"), [("raises", "crash"), *([("hangs", "timeout"), ("grows", "oom")] if DEEP else [])])
def test_a_reader_with_a_fault_is_found_out(name: str, left: str, tmp_path: Path) -> None:
    if not running.is_installed():
        pytest.skip(NO_ATHERIS)
    (tmp_path / "seed").write_bytes(b"[1, 2, 3, 4]")
    run = running.fuzz(name, 60, corpus=tmp_path)
    assert [path.name.partition("-")[0] for path in run.findings] == [left], run.said
    for path in run.findings:
        path.unlink()


def corpora() -> Iterator[Path]:
    yield from (path for path in CORPUS.iterdir() if path.is_dir())


def test_each_corpus_belongs_to_a_target_and_is_small() -> None:
    assert {path.name for path in corpora()} == set(TARGETS)
    sizes = {path.name: sum(each.stat().st_size for each in path.iterdir()) for path in corpora()}
    assert all(size <= CORPUS_BYTES_MAX for size in sizes.values()), sizes
