"""The verifier with one thing changed at a time: every mutant of its source, and the package loaded with one of them."""

from __future__ import annotations

import ast
import copy
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

import ledger.verify

PACKAGE: Final = "mutated_verify"
ORDER: Final = ("strict_json", "merkle", "signatures", "blocks", "notes", "records", "sealed_parts", "proof_file")
"""The modules, each after those that it imports."""

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.RShift: ast.LShift,
    ast.LShift: ast.RShift,
    ast.BitAnd: ast.BitOr,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
}


@dataclass(frozen=True)
class Mutant:
    """`name` says where it is and what was changed: the same as long as that line of the source is."""

    module: str
    name: str
    _place: int
    _change: int

    def compiled(self) -> CodeType:
        """Its source, changed."""
        tree = _parsed(self.module)
        target = next(node for at, node in enumerate(ast.walk(tree)) if at == self._place)
        _, change = list(_changes(target))[self._change]
        made = ast.copy_location(change(copy.deepcopy(target)), target)
        return compile(ast.fix_missing_locations(_Swap(target, made).visit(tree)), f"<{self.module}>", "exec")


def _parsed(module: str) -> ast.Module:
    text = (Path(ledger.verify.__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    return ast.parse(text.replace("ledger.verify", PACKAGE))


@cache
def _compiled(module: str) -> CodeType:
    return compile(_parsed(module), f"<{module}>", "exec")


def mutants() -> Iterator[Mutant]:
    """All of them, in the order of the source."""
    for module in ORDER:
        tree = _parsed(module)
        places = {id(node): at for at, node in enumerate(ast.walk(tree))}
        for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
            names: Counter[str] = Counter()
            for node in ast.walk(function):
                for at, (what, _) in enumerate(_changes(node)):
                    name = f"{module}.{function.name}: {ast.unparse(node).splitlines()[0][:100]} [{what}]"
                    names[name] += 1
                    yield Mutant(module, f"{name} #{names[name]}" if names[name] > 1 else name, places[id(node)], at)


class _Swap(ast.NodeTransformer):
    def __init__(self, target: ast.AST, made: ast.AST) -> None:
        self._target, self._made = target, made

    def visit(self, node: ast.AST) -> Any:
        return self._made if node is self._target else super().visit(node)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[Any], ast.AST]]]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in _COMPARED:
                yield f"compare {at}", partial(_compared, at)
    elif isinstance(node, ast.BoolOp):
        for at in range(len(node.values)):
            yield f"without {at}", partial(_without, at)
        yield "and/or", lambda found: ast.BoolOp(ast.Or() if isinstance(found.op, ast.And) else ast.And(), found.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in _COUNTED:
        yield "operator", lambda found: ast.BinOp(found.left, _COUNTED[type(found.op)](), found.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", lambda found: found.operand
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield "one more", lambda found: ast.Constant(found.value + 1)
        yield "one less", lambda found: ast.Constant(found.value - 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "other", lambda found: ast.Constant(not found.value)
    elif isinstance(node, ast.Raise):
        yield "no raise", lambda _: ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "no call", lambda _: ast.Pass()


def _compared(at: int, node: ast.Compare) -> ast.AST:
    node.ops[at] = _COMPARED[type(node.ops[at])]()
    return node


def _without(at: int, node: ast.BoolOp) -> ast.AST:
    left = node.values[:at] + node.values[at + 1 :]
    return left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def loaded(mutant: Mutant | None) -> Callable[[bytes, bytes], Any]:
    """The `verify` of the package with a mutant in it, or as it is. Raises whatever the changed source raises at once."""
    for name in ["", *(f".{module}" for module in ORDER)]:
        sys.modules[PACKAGE + name] = ModuleType(PACKAGE + name)
    for module in ORDER:
        code = _compiled(module) if mutant is None or mutant.module != module else mutant.compiled()
        made = sys.modules[f"{PACKAGE}.{module}"]
        setattr(sys.modules[PACKAGE], module, made)
        exec(code, made.__dict__)  # noqa: S102 - the verifier's own source, with one thing changed
    verify: Callable[[bytes, bytes], Any] = sys.modules[f"{PACKAGE}.proof_file"].__dict__["verify"]
    return verify
