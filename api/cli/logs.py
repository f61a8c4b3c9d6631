"""Where the logs of a command go: never to stdout, which belongs to its answer. One JSON object a line."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import structlog


def log_to_stderr() -> None:
    """For commands and for a served node: warnings and worse."""
    _log_to(lambda: sys.stderr)


def log_to_file(path: Path) -> TextIO:
    """For whoever draws on the terminal meanwhile. The file is its owner's alone; the caller closes it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "a", encoding="utf-8", buffering=1)
    _log_to(lambda: file)
    return file


class _Server(logging.Handler):
    """What uvicorn and asyncio say of faults through the standard library's logging, in the same form, a line each. Their warnings are of
    what strangers send, who could fill a log with them.
    """

    def __init__(self, stream: Callable[[], TextIO]) -> None:
        super().__init__(logging.ERROR)
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        line = {"event": record.getMessage(), "level": record.levelname.lower(), "logger": record.name}
        self._stream().write(json.dumps(line) + "\n")


def _log_to(stream: Callable[[], TextIO]) -> None:
    """The stream is asked for each time, because it may be another by then."""

    def factory(*_: Any) -> structlog.PrintLogger:
        return structlog.PrintLogger(stream())

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )
    for name in ("uvicorn", "asyncio"):
        server = logging.getLogger(name)
        server.handlers[:] = [_Server(stream)]
        server.propagate = False
