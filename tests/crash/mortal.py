"""The killed process seen from outside: started, asked, killed, started again; and the way upstream of a bank's node beside it.

Each is forked from one that has read the program already (multiprocessing's forkserver): reading it takes longer than most rounds.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from ledger.engine import Receipt
from ledger.errors import InputError, Refused, Unreachable
from ledger.evidence import BlockBundle

READY_S = 180.0
ANSWER_S = 120.0


class Mortal:
    """Runs `main(*arguments, asked, said)` in a process, which speaks as `speech` says. Safe to share between threads. `items` are the
    acknowledged results of imports, in the order in which they arrived.
    """

    def __init__(self, main: Callable[..., None], *arguments: Any) -> None:
        self._main, self._arguments = main, arguments
        self._ids = count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._fork = multiprocessing.get_context("forkserver")
        self._fork.set_forkserver_preload([main.__module__])
        self._process: BaseProcess | None = None
        self._asked: Connection | None = None
        self._listener: threading.Thread | None = None
        self.alive = threading.Event()
        self.items: list[dict[str, Any]] = []
        self.receipts: list[dict[str, Any]] = []

    def start(self) -> None:
        """Returns when the node answers."""
        asked, self._asked = self._fork.Pipe(duplex=False)
        heard, said = self._fork.Pipe(duplex=False)
        self._process = self._fork.Process(target=self._main, args=(*self._arguments, asked, said), daemon=True)
        self._process.start()
        # Its ends are its own now: when it ends, they do.
        asked.close()
        said.close()
        self._listener = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self._listener.start()
        assert self.alive.wait(READY_S), f"the node did not start: exit {self._process.exitcode}"

    @property
    def pid(self) -> int:
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, and everything that was under way fails. What was still in the pipe is read first."""
        assert self._process is not None
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """Lets it end by itself: its exit status."""
        assert self._asked is not None
        with self._lock:
            self._asked.close()
        return self._end()

    def _end(self) -> int:
        assert self._process is not None and self._listener is not None and self._asked is not None
        self._listener.join(READY_S)
        self._process.join(READY_S)
        status = self._process.exitcode
        assert status is not None, "the process did not end"
        self._process.close()
        self._asked.close()
        return status

    def ask(self, do: str, **more: Any) -> Any:
        """Raises `Unreachable` where the process ended first, and the error that it answered with."""
        number, future = next(self._ids), Future[Any]()
        line = json.dumps({"id": number, "do": do, **more}).encode() + b"\n"
        with self._lock:
            if not self.alive.is_set() or self._asked is None:
                raise gone()
            self._waiting[number] = future
            try:
                while line:
                    line = line[os.write(self._asked.fileno(), line) :]
            except (OSError, ValueError) as error:
                self._waiting.pop(number, None)
                raise gone() from error
        try:
            return future.result(ANSWER_S)
        except TimeoutError as error:
            raise Unreachable("answer-late", "the process did not answer in time") from error

    def _listen(self, heard: Connection) -> None:
        with heard, os.fdopen(os.dup(heard.fileno()), "rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    self._take(json.loads(line))
        with self._lock:
            self.alive.clear()
            left, self._waiting = list(self._waiting.values()), {}
        for future in left:
            future.set_exception(gone())

    def _take(self, said: Mapping[str, Any]) -> None:
        if "ready" in said:
            self.alive.set()
        elif "item" in said:
            self.items.append(said["item"])
        else:
            with self._lock:
                future = self._waiting.pop(said["id"], None)
            if future is None:
                return
            if "error" in said:
                kind = {"InputError": InputError, "Refused": Refused}.get(said["kind"], Unreachable)
                future.set_exception(kind(said["error"], "the process refused"))
            else:
                future.set_result(said["value"])


class Upstream:
    """A bank's way to the process. Each receipt that comes back is noted: it was acknowledged."""

    def __init__(self, mortal: Mortal) -> None:
        self._mortal = mortal

    def blocks(self, after_height: int, limit: int, wait_s: float) -> list[BlockBundle]:
        # While there is no process a caller waits here for the next one, instead of longer and longer before it asks again.
        self._mortal.alive.wait(wait_s)
        found = self._mortal.ask("blocks", after=after_height, limit=limit, wait_s=min(wait_s, 0.5))
        return [BlockBundle.from_json(value) for value in found]

    def checkpoint(self) -> str:
        return str(self._mortal.ask("checkpoint"))

    def submit(self, raw: bytes) -> Receipt:
        receipt = self._mortal.ask("submit", raw=raw.hex())
        self._mortal.receipts.append(receipt)
        return Receipt(**receipt)

    def introduce(self, core: Mapping[str, Any], signature: bytes) -> Receipt:
        raise AssertionError("a bank introduces nothing in these tests")


def gone() -> Unreachable:
    return Unreachable("process-gone", "the process was killed")
