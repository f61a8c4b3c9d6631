"""Witnessing in the background: one thread that cosigns what is new, at most once a second, and one that asks peers what they are shown."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog

from ledger.errors import TallystickError, Unreachable
from nodes.witnessing.gossip import Gossip, Pusher
from nodes.witnessing.witness import Witness

if TYPE_CHECKING:
    from nodes.node import Node

_PAUSE_S: Final = 1.0
# What could not be handed in, or pushed, is tried again after so long, new blocks or not.
_RETRY_S: Final = 10.0

log = structlog.get_logger(__name__)


class _Worker:
    """A thread that does one thing again and again, when it is woken or after so long."""

    def __init__(self, name: str, every_s: float, pause_s: float) -> None:
        self._name, self._every_s, self._pause_s = name, every_s, pause_s
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def run_once(self) -> None:
        """Raises `TallystickError`."""

    def wake(self, _height: int = 0) -> None:
        """There may be something new: for `Engine.subscribe`."""
        self._wake.set()

    def start(self) -> None:
        self._stopping.clear()
        self._wake.set()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            self._wake.wait(self._every_s)
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                self.run_once()
            except Unreachable as error:
                log.info("worker-waits", worker=self._name, code=error.code)
            except TallystickError as error:
                log.warning("worker-waits", worker=self._name, code=error.code)
            if self._stopping.wait(self._pause_s):
                return


class WitnessWorker(_Worker):
    """Cosigns and hands in what is new, compares what was ahead, and asks other witnesses to cosign."""

    def __init__(self, node: Node) -> None:
        super().__init__("witness", _RETRY_S, _PAUSE_S)
        self._witness, self._pusher = Witness(node), Pusher(node)
        self._to_hand_in: str | None = None
        node.engine.subscribe(self.wake)

    def run_once(self) -> None:
        self._witness.checkpoints.compare_remembered()
        self._to_hand_in = self._witness.cosign_newest() or self._to_hand_in
        self._pusher.run_once()
        if self._to_hand_in is not None:
            self._witness.hand_in(self._to_hand_in)
            self._to_hand_in = None

    def stop(self) -> None:
        super().stop()
        self._pusher.close()


class GossipWorker(_Worker):
    """Asks every peer in turn."""

    def __init__(self, node: Node) -> None:
        super().__init__("gossip", float(node.config.gossip.interval_s), 0.0)
        self._gossip = Gossip(node)

    def run_once(self) -> None:
        self._gossip.run_once()

    def stop(self) -> None:
        super().stop()
        self._gossip.close()
