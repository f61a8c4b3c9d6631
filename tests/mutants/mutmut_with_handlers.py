"""mutmut, which here changes the handlers too: `@rule` stands before each of them, and by itself it leaves decorated functions out.

A mutant is tried by a sample of its tests first: whatever is wrong with it mostly shows at once, and finding a thousand tests by their
names takes longer than running ten.

A program of mutmut's own environment (`var/mutants`), run by its path, so that of this project it imports nothing but what it changed.
The version of mutmut is pinned, and `tests.mutants.running` says how many mutants of handlers there are.
"""

from __future__ import annotations

from collections.abc import Iterable

import libcst
from mutmut.__main__ import cli
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.runners.harness import PytestRunner

_FASTEST = 15
_SAMPLED = 25

_leave_out = MutationVisitor._skip_node_and_children
_run_all = PytestRunner.run_tests


def _leave_out_but_handlers(visitor: MutationVisitor, node: libcst.CSTNode) -> bool:
    if isinstance(node, libcst.FunctionDef) and len(node.decorators) == 1:
        decorator = node.decorators[0].decorator
        if isinstance(decorator, libcst.Name) and decorator.value == "rule":
            return False
    return bool(_leave_out(visitor, node))


def _run_some_first(runner: PytestRunner, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """Mutmut gives the fastest tests first."""
    every = list(tests)
    if len(every) > 2 * (_FASTEST + _SAMPLED):
        first = [*every[:_FASTEST], *every[_FASTEST :: len(every) // _SAMPLED]]
        code = _run_all(runner, mutant_name=mutant_name, tests=first)
        if code != 0:
            return int(code)
        chosen = set(first)
        every = [test for test in every if test not in chosen]
    return int(_run_all(runner, mutant_name=mutant_name, tests=every))


MutationVisitor._skip_node_and_children = _leave_out_but_handlers
PytestRunner.run_tests = _run_some_first
cli()
