"""Dead code: functions, methods, classes and imports that nothing names, tests included. `make check` runs it.

vulture is sure of unused imports only; everything else it gives as a guess. Here its guesses count, except where a framework does the
calling: routes, commands, validators, database hooks and protocols. Fields of models and dataclasses are not judged: formats need them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parent.parent
PATHS = ["ledger", "contracts", "nodes", "api", "loadtest", "examples", "docs", "tests"]
JUDGED = {"function", "method", "class", "import", "property", "unreachable_code"}
CALLED_BY_FRAMEWORKS = [
    "@*.get",
    "@*.post",
    "@*.put",
    "@*.delete",
    "@*.command",
    "@*.callback",
    "@*.exception_handler",
    "@*.middleware",
    "@*field_validator",
    "@*model_validator",
    "@*field_serializer",
    "@*model_serializer",
    "@*.listens_for",
    "@pytest.fixture",
    "@rule",
    "@invariant",
    "@initialize",
    "@precondition",
]
CALLED_BY_NAME = [
    "test_*",
    "Test*",
    "pytest_*",
    "__*__",
    # Interfaces of the standard library and of httpx, which call these.
    "connection_made",
    "data_received",
    "readable",
    "handle_request",
    # What uvicorn calls on a connection.
    "send_400_response",
    "_unsupported_upgrade_warning",
    "msg",
    "handle_starttag",
    "dispatch",
    "emit",
    "do_POST",
    "log_message",
    "handle_error",
    # What an SMTP server of tests is called for.
    "handle_RCPT",
    "handle_DATA",
    # What tests call in other processes.
    "into_mempool",
    # Commands, which the table of the command line names.
    "init",
    "recover",
    "make_testnet",
]


def unused() -> list[str]:
    """Where code is that nothing names, one line for each."""
    finder = Vulture(ignore_names=CALLED_BY_NAME, ignore_decorators=CALLED_BY_FRAMEWORKS)
    # What protoc writes is as protoc writes it.
    finder.scavenge([str(ROOT / path) for path in PATHS], exclude=["*_pb2.py"])
    return [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: nothing uses the {item.typ} {item.name}"
        for item in finder.get_unused_code(min_confidence=60, sort_by_size=False)
        if item.typ in JUDGED or item.confidence == 100
    ]


if __name__ == "__main__":
    found = unused()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.exit(1 if found else 0)
