"""Examples of every operation: real exchanges with a node, written by `make examples`, a file for each group of resources.

Each is `{"method", "path", "status", "parameters", "request", "request_type", "response", "response_type"}`; what is secret reads `...`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = Path(__file__).parent


@cache
def examples() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The examples of each operation, by its method and path."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for file in sorted(DIRECTORY.glob("*.json")):
        for example in json.loads(file.read_text(encoding="utf-8")):
            found.setdefault((example["method"], example["path"]), []).append(example)
    return found
