"""Witnessing in the background: one thread that cosigns what is new, at most once a second, and one that asks peers what they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from ledger.background import Background
from ledger.errors import TallystickError, Unreachable
from nodes.witnessing.gossip import Gossip, Pusher
from nodes.witnessing.witness import Witness

if TYPE_CHECKING:
    from nodes.node import Node

_PAUSE_S: Final = 1.0
# What could not be handed in, or pushed, is tried again after so long, new blocks or not.
_RETRY_S: Final = 10.0

log = structlog.get_logger(__name__)


class _Worker(Background):
    """That others do not answer is nothing out of the ordinary."""

    def waits(self, error: TallystickError) -> None:
        if isinstance(error, Unreachable):
            log.info("worker-waits", worker=self._name, code=error.code)
        else:
            super().waits(error)


class WitnessWorker(_Worker):
    """Cosigns and hands in what is new, compares what was ahead, and asks other witnesses to cosign."""

    def __init__(self, node: Node) -> None:
        super().__init__("witness", "worker-waits", _RETRY_S, pause_s=_PAUSE_S)
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
        super().__init__("gossip", "worker-waits", float(node.config.gossip.interval_s))
        self._gossip = Gossip(node)

    def run_once(self) -> None:
        self._gossip.run_once()

    def stop(self) -> None:
        super().stop()
        self._gossip.close()
