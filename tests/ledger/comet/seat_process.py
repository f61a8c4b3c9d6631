"""One seat of a consortium in a process of its own, to be killed, paused, cut off, or to misbehave."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ledger.comet import engine as engine_module
from ledger.comet.engine import CometEngine
from ledger.errors import Unreachable
from tests.crash.speech import Speaker
from tests.ledger.comet.faults import FAULTS, Honest
from tests.ledger.comet.ring import Plan

_CLONE_NEWNET = 0x4000_0000
ANSWERED_S = 90.0


class Served(Speaker):
    def __init__(self, engine: CometEngine, said: Connection) -> None:
        super().__init__(said)
        self._engine = engine

    def submit(self, asked: Mapping[str, Any]) -> Any:
        try:
            return self._engine.submit(bytes.fromhex(asked["raw"])).result(ANSWERED_S).to_json()
        except Late as late:
            raise Unreachable("never-answered", "an engine answers in bounded time") from late

    def state(self, _: Mapping[str, Any]) -> Any:
        engine, position = self._engine, self._engine.position
        with engine.store.reading() as reader:
            head = [reader.head.height, reader.head.hash]
        return {
            "head": head,
            "height": position.height,
            "app_hash": position.app_hash.hex(),
            "misbehavior": [[each.kind, each.address] for each in position.misbehavior],
            "trouble": None if engine.trouble is None else engine.trouble.code,
            "waiting": engine.waiting(),
            "refused": Honest.refused,
            "comet": engine._process.pid,
        }

    def peers(self, _: Mapping[str, Any]) -> Any:
        """The network identities that the engine is connected with; none while it is not up."""
        with suppress(Unreachable):
            return sorted(self._engine.rpc.connected())
        return []

    def into_mempool(self, asked: Mapping[str, Any]) -> Any:
        """Past the engine's own check."""
        self._engine.rpc.send([bytes.fromhex(raw) for raw in asked["raws"]])


def main(plan: Plan, fault: str, asked: Connection, said: Connection) -> None:
    """Runs until nobody can ask any more."""
    if plan.seat.namespace is not None:
        enter(plan.seat.namespace)
    setattr(engine_module, "Application", FAULTS[fault])  # noqa: B010 - the module exports no such name
    store = plan.store()
    engine = plan.engine(store)
    try:
        engine.start()
        Served(engine, said).serve(asked)
    finally:
        engine.stop()
        store.close()


def enter(namespace: str) -> None:
    """Moves this thread, and those that it starts, into a network namespace."""
    file = os.open(Path("/run/netns") / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(file, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the namespace")
    finally:
        os.close(file)
