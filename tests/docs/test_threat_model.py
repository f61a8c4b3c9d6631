"""Each row of the threat model names tests that there are, that run by `make test`, and none of which is skipped for good."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STRIDE = set("STRIDE")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[str, list[list[str]]]:
    """By border, the cells of each row."""
    found: dict[str, list[list[str]]] = {}
    for part in (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        border, _, text = part.partition("\n")
        lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| |")]
        found[border] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return found


def _marks_of(file: str) -> dict[str, set[str]]:
    """The tests of a file, and the marks of each."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {
        node.name: {ast.unparse(mark) for mark in node.decorator_list}
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def test_every_border_is_looked_at_from_all_sides() -> None:
    borders = rows()
    assert len(borders) == 10
    for border, threats in borders.items():
        assert {letter for cells in threats for letter in cells[0].split(", ")} == STRIDE, border
        assert all(len(cells) == 5 and cells[1] and cells[2] for cells in threats), border


def test_every_threat_names_tests_that_run() -> None:
    for border, threats in rows().items():
        for letters, threat, _, _, tests in threats:
            named = NAMED.findall(tests)
            assert named, (border, letters, threat)
            for file, name in named:
                marks = _marks_of(file).get(name)
                assert marks is not None, f"{file}::{name}"
                assert not any(word in mark for mark in marks for word in ("deep", "skip", "xfail")), f"{file}::{name}"


def test_every_played_attack_is_named_and_says_what_it_is() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    files = sorted((ROOT / "tests" / "attacks").glob("test_rogue_*.py")) + sorted((ROOT / "tests" / "attacks").glob("test_stolen_*.py"))
    assert len(files) == 6
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree)
        played = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        assert played and all(ast.get_docstring(node) for node in played), path
        assert any(f"{path.relative_to(ROOT)}::{node.name}" in text for node in played), path
