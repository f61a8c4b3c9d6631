"""What a process that is to be killed says, and how it is asked.

One JSON object a line. In: `{id, do, ...}`; out: `{ready}`, `{item: ...}` for whatever became durable in between, and `{id, value}` or
`{id, error, kind}`. A line is written in one call and stays in the pipe whatever becomes of the process: so what it acknowledged is known
outside.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from ledger.errors import TallystickError

ASKED_AT_ONCE = 16


class Speaker:
    """What a line asks for is a method of whoever inherits."""

    def __init__(self, said: Connection) -> None:
        self._said, self._writing = said, threading.Lock()

    def say(self, what: Mapping[str, Any]) -> None:
        line = json.dumps(what).encode() + b"\n"
        with self._writing:
            while line:
                line = line[os.write(self._said.fileno(), line) :]

    def serve(self, asked: Connection) -> None:
        """Until nobody can ask any more."""
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool, os.fdopen(os.dup(asked.fileno()), "rb") as lines:
            self.say({"ready": True})
            for line in lines:
                pool.submit(self._handle, line)

    def _handle(self, line: bytes) -> None:
        asked = json.loads(line)
        try:
            self.say({"id": asked["id"], "value": getattr(self, asked["do"])(asked)})
        except TallystickError as error:
            self.say({"id": asked["id"], "error": error.code, "kind": type(error).__name__})
