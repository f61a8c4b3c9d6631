"""The authority's node in a process of its own, to be killed: `python -m tests.crash.child HOME`.

One JSON object a line. In: `{id, do: submit|import|blocks|checkpoint, ...}`; out: `{ready: height}`, `{item: ...}` for each declaration
whose result is durable, and `{id, value}` or `{id, error}`. A line is written in one call and stays in the pipe whatever becomes of
this process: so what it acknowledged is known outside.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ledger.errors import TallystickError
from ledger.follow import bundle_of
from ledger.solo import SoloEngine
from nodes.declarations.register import Declarations
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from tests.nodes.small_network import CHEAP

_writing = threading.Lock()


def say(what: Mapping[str, Any]) -> None:
    line = json.dumps(what).encode() + b"\n"
    with _writing:
        while line:
            line = line[os.write(1, line) :]


class Served:
    """What a line asks for."""

    def __init__(self, node: Node) -> None:
        self.node = node
        assert isinstance(node.engine, SoloEngine)
        self.engine = node.engine

    def handle(self, line: bytes) -> None:
        asked = json.loads(line)
        try:
            say({"id": asked["id"], "value": getattr(self, asked["do"])(asked)})
        except TallystickError as error:
            say({"id": asked["id"], "error": error.code, "kind": type(error).__name__})

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
        report = Declarations(self.node).import_files([(path.name, path)], lambda item: say({"item": item.to_json()}))
        return {"total": report.total, "registered": report.registered}


def main() -> None:
    with Node.open(Path(sys.argv[1]), cost=CHEAP) as node:
        served, workers = Served(node), [EnquiryWorker(node, f"worker-{number}") for number in (1, 2)]
        for worker in workers:
            worker.start()
        with ThreadPoolExecutor(16) as pool:
            say({"ready": served.engine.heights.height})
            for line in sys.stdin.buffer:
                pool.submit(served.handle, line)
        for worker in workers:
            worker.stop()


if __name__ == "__main__":
    main()
