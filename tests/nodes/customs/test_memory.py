from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from loadtest.declarations import write_declarations
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed
from tests.apart import measured_apart
from tests.nodes.customs.support import LAST_EXPORT


def peaks_bytes(*names: str) -> list[int]:
    """The peak of reading each of these files, for a process of its own."""
    return [peak_bytes(Path(name)) for name in names]


def peak_bytes(path: Path) -> int:
    tracemalloc.start()
    try:
        assert all(isinstance(item, Parsed) for item in read_declarations(path, path.name))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["xml", "csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str) -> None:
    # A declaration takes some seven thousand bytes: to keep six hundred more of them would take four million.
    small, large = tmp_path / f"small.{ending}", tmp_path / f"large.{ending}"
    write_declarations(small, 200, LAST_EXPORT)
    write_declarations(large, 800, LAST_EXPORT)
    assert sum(isinstance(item, Parsed) for item in read_declarations(large, large.name)) == 800
    _, first, second = measured_apart(peaks_bytes, str(small), str(small), str(large))
    assert second - first < 500_000
