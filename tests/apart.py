"""Measuring memory in a process of its own: in a process of tests other threads allocate too, and what they take would be counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_PROGRAM = """
import json, sys
from importlib import import_module
module, name, *arguments = json.loads(sys.argv[1])
print(json.dumps(getattr(import_module(module), name)(*arguments)))
"""


def measured_apart(function: Callable[..., Any], *arguments: str | int) -> Any:
    """What a module's function gives in a fresh interpreter that does nothing else. It is named to it; what it gives comes as JSON."""
    said = json.dumps([function.__module__, function.__qualname__, *arguments])
    finished = subprocess.run([sys.executable, "-c", _PROGRAM, said], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
