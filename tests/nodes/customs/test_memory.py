from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from loadtest.declarations import write_declarations
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed
from tests.nodes.customs.support import LAST_EXPORT


def peak_bytes(path: Path, count: int) -> int:
    tracemalloc.start()
    try:
        assert sum(isinstance(item, Parsed) for item in read_declarations(path, path.name)) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["xml", "csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str) -> None:
    # A declaration takes some seven thousand bytes: to keep six hundred more of them would take four million.
    small, large = tmp_path / f"small.{ending}", tmp_path / f"large.{ending}"
    write_declarations(small, 200, LAST_EXPORT)
    write_declarations(large, 800, LAST_EXPORT)
    assert peak_bytes(large, 800) - peak_bytes(small, 200) < 500_000
