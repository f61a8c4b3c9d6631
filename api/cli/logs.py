"""Where the logs of a command go: never to stdout, which belongs to its answer. One JSON object a line."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TextIO

import structlog


def log_to_stderr() -> None:
    """For commands and for a served node: warnings and worse."""
    _log_to(sys.stderr)


def log_to_file(path: Path) -> TextIO:
    """For whoever draws on the terminal meanwhile. The file is its owner's alone; the caller closes it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    file = os.fdopen(descriptor, "a", encoding="utf-8", buffering=1)
    _log_to(file)
    return file


def _log_to(stream: TextIO) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    # uvicorn speaks through the standard library's logging.
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", force=True)
