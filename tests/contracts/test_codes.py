"""The table of codes is exactly what the rules can say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import contracts
from contracts.codes import CODES


def literals_in_refusals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("refuse", "require", "known"):
            argument = node.args[0] if node.func.id == "refuse" else node.args[1]
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def test_every_code_that_a_rule_gives_is_explained_and_every_explained_code_is_given() -> None:
    root = Path(contracts.__file__).parent
    given = {code for path in root.rglob("*.py") for code in literals_in_refusals(ast.parse(path.read_text(encoding="utf-8")))}
    assert given | {"ok"} == set(CODES)


def test_codes_are_kebab_case_and_their_meanings_one_line() -> None:
    for code, meaning in CODES.items():
        assert code == code.lower()
        assert set(code) <= set("abcdefghijklmnopqrstuvwxyz-")
        assert meaning
        assert "\n" not in meaning
