"""The authority's node in a process of its own, to be killed. It says an item for each declaration whose result is durable."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ledger.follow import bundle_of
from ledger.solo import SoloEngine
from nodes.declarations.register import Declarations
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from tests.crash.speech import Speaker
from tests.nodes.small_network import CHEAP


class Served(Speaker):
    def __init__(self, node: Node, said: Connection) -> None:
        super().__init__(said)
        assert isinstance(node.engine, SoloEngine)
        self.node, self.engine = node, node.engine

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
        served.serve(asked)
        for worker in workers:
            worker.stop()
