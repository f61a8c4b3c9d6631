"""The authority's node in a process of its own, to be killed.

One JSON object a line. In: `{id, do: submit|import|blocks|checkpoint, ...}`; out: `{ready: height}`, `{item: ...}` for each declaration
whose result is durable, and `{id, value}` or `{id, error}`. A line is written in one call and stays in the pipe whatever becomes of
this process: so what it acknowledged is known outside.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ledger.errors import TallystickError
from ledger.follow import bundle_of
from ledger.solo import SoloEngine
from nodes.declarations.register import Declarations
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from tests.nodes.small_network import CHEAP


class Served:
    """What a line asks for."""

    def __init__(self, node: Node, said: Connection) -> None:
        self.node, self._said, self._writing = node, said, threading.Lock()
        assert isinstance(node.engine, SoloEngine)
        self.engine = node.engine

    def say(self, what: Mapping[str, Any]) -> None:
        line = json.dumps(what).encode() + b"\n"
        with self._writing:
            while line:
                line = line[os.write(self._said.fileno(), line) :]

    def handle(self, line: bytes) -> None:
        asked = json.loads(line)
        try:
            self.say({"id": asked["id"], "value": getattr(self, asked["do"])(asked)})
        except TallystickError as error:
            self.say({"id": asked["id"], "error": error.code, "kind": type(error).__name__})

    def submit(self, asked: Mapping[str, Any]) -> Any:
        return self.engine.submit(bytes.fromhex(asked["raw"])).result(20).to_json()

    def blocks(self, asked: Mapping[str, Any]) -> Any:
        self.engine.heights.wait_for(asked["after"] + 1, asked["wait_s"])
        with self.node.store.reading() as reader:
            newest = reader.head.height
        heights = range(asked["after"] + 1, min(newest, asked["after"] + asked["limit"]) + 1)
        return [bundle.to_json() for height in heights if (bundle := bundle_of(self.node.store, height)) is not None]

    def checkpoint(self, _: Mapping[str, Any]) -> Any:
        with self.node.store.reading() as reader:
            return reader.checkpoint()

    def load(self, asked: Mapping[str, Any]) -> Any:
        path = Path(asked["file"])
        report = Declarations(self.node).import_files([(path.name, path)], lambda item: self.say({"item": item.to_json()}))
        return {"total": report.total, "registered": report.registered}


def main(home: Path, asked: Connection, said: Connection) -> None:
    """Runs until nobody can ask any more."""
    with Node.open(home, cost=CHEAP) as node:
        served, workers = Served(node, said), [EnquiryWorker(node, f"worker-{number}") for number in (1, 2)]
        for worker in workers:
            worker.start()
        with ThreadPoolExecutor(16) as pool:
            served.say({"ready": served.engine.heights.height})
            with os.fdopen(os.dup(asked.fileno()), "rb") as lines:
                for line in lines:
                    pool.submit(served.handle, line)
        for worker in workers:
            worker.stop()
