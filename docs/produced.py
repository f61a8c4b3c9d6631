"""Which test brings what about: a marker on a test names it, and the generated documents name the test.

    @pytest.mark.produces("alert", "double-attempt", "over-limit-attempt")
    def test_what_two_banks_try_on_one_declaration_is_seen(...): ...

The first argument is the kind of thing (`alert`, `record-type`, `result-code`, `answer-code`, `admission-code`, `problem-code`,
`row-code`, `decline-code`), the others are its names. Tests are read, not run.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MARKER: Final = "produces"


def produced(kind: str, names: Collection[str]) -> Mapping[str, list[str]]:
    """For each name, the tests that produce it, as `tests/file.py::test`. Raises `ValueError` for a marker that names something else, or
    says anything but plain text.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, marker in _markers(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            place = f"{path.relative_to(ROOT).as_posix()}::{test}"
            said = [argument.value for argument in marker.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
            if len(said) != len(marker.args) or len(said) < 2 or marker.keywords:
                raise ValueError(f"{place}: {MARKER} takes a kind and names, as plain text")
            if said[0] != kind:
                continue
            for name in said[1:]:
                if name not in names:
                    raise ValueError(f"{place}: there is no {kind} {name}")
                found[name].append(place)
    return found


def _markers(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr == MARKER:
                    yield node.name, decorator
