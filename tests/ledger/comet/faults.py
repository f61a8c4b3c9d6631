"""Applications that do what no honest one does, by name: they lie, propose what nobody may, or die between two steps. Each but `dies-*`
goes on doing so; every one counts the proposals of others that it refused.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from ledger.comet.application import Application, Finalized
from ledger.comet.position import Misbehavior
from ledger.limits import BLOCK_RECORDS_MAX
from tests.ledger.small_ledger import STRANGER, Author

# More than a block may hold, and nothing to the engine.
_OVERSIZE = [b"%d" % number for number in range(BLOCK_RECORDS_MAX + 1)]


class Honest(Application):
    refused: list[str] = []  # noqa: RUF012 - one application a process

    def process(self, height: int, time_ms: int, transactions: Sequence[bytes]) -> str | None:
        refused = super().process(height, time_ms, transactions)
        if refused is not None:
            self.refused.append(refused)
        return refused


class Lies(Honest):
    """About the app hash of each block that holds records."""

    def finalize(self, height: int, time_ms: int, transactions: Sequence[bytes], misbehavior: Sequence[Misbehavior] = ()) -> Finalized:
        done = super().finalize(height, time_ms, transactions, misbehavior)
        return replace(done, app_hash=sha256(done.app_hash).digest()) if transactions else done


class ProposesGarbage(Honest):
    """In turn: bytes that are no record, too many of them, and a record of somebody whose key nobody knows."""

    turn = 0

    def prepare(self, height: int, time_ms: int, candidates: Sequence[bytes], bytes_max: int) -> list[bytes]:
        honest = super().prepare(height, time_ms, candidates, bytes_max)
        stranger = Author(self.chain.head.network, {"height": 0, "hash": str(self.chain.header_hash(0))}, now_ms=time_ms)
        garbage = [[*honest, b"no record"], _OVERSIZE, [*honest, stranger.put("stranger", by=STRANGER)]][self.turn % 3]
        self.turn += 1
        return garbage


class DiesAfterFinalize(Honest):
    """Between FinalizeBlock and Commit of a block with records: nothing of it is durable."""

    def commit(self) -> None:
        if self._decided is not None and self._decided[1].header is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        super().commit()


class DiesAfterCommit(Honest):
    """When a block with records is durable, before anybody is told, the engine included."""

    def commit(self) -> None:
        height = self.chain.head.height
        told, self._on_commit = self._on_commit, lambda position, execution: None
        super().commit()
        if self.chain.head.height > height:
            os.kill(os.getpid(), signal.SIGKILL)
        self._on_commit = told


FAULTS: dict[str, type[Honest]] = {
    "": Honest,
    "lies": Lies,
    "proposes-garbage": ProposesGarbage,
    "dies-after-finalize": DiesAfterFinalize,
    "dies-after-commit": DiesAfterCommit,
}
