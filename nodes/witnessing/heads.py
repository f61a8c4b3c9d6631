"""Whether what this node sees is what other members see too, before it is relied on: an approval is where money moves next.

A member's head matches where it cosigned, by the key that this node knows it by, a checkpoint of this node's own log which holds the block.
So an operator that shows this node a history of its own would have to win so many members over. It is no rule of the ledger: what the
ledger says stands; only this node waits before it calls it final (`[approve]` in `tallystick.toml`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nodes.witnessing.cosigned import CosignedNotes
from nodes.witnessing.gossip import Gossip

if TYPE_CHECKING:
    from nodes.node import Node

APPROVE: Final = "financing.approve"
_BETWEEN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Heads:
    """Whose heads hold a block: of so many other members that were wanted, these match."""

    wanted: int
    members: tuple[str, ...]

    @property
    def final(self) -> bool:
        return len(self.members) >= self.wanted

    def to_json(self) -> dict[str, Any]:
        state = "final" if self.final else "awaiting-heads"
        return {"state": state, "wanted": self.wanted, "matching": len(self.members), "members": list(self.members)}


class MatchingHeads:
    """Of one node, which asks the peers of its configuration."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._wanted = node.config.approve.matching_heads

    def of_height(self, height: int) -> Heads | None:
        """What is known now of a block; None where this node waits for nobody, or does not hold the block."""
        with self._node.store.reading() as reader:
            header = reader.header(height)
        if header is None or self._wanted == 0:
            return None
        others = {member.slug for member in self._node.directory.members()} - {self._node.config.node.member}
        found = CosignedNotes(self._node.private).cosigners_above(header.log_size)
        return Heads(self._wanted, tuple(name for name in found if name in others))

    def of_record(self, record_id: str) -> Heads | None:
        """As `of_height`, of a record's block; None for a record that was refused: nothing waits for it."""
        with self._node.store.reading() as reader:
            stored = reader.record(record_id)
        return None if stored is None or stored.result["code"] != "ok" else self.of_height(stored.height)

    def wait_for(self, height: int) -> Heads | None:
        """As `of_height`, after asking for as long as the configuration says, unless enough match before. Raises `VerificationFailed`
        (`fork-seen`) where a peer was shown another history.
        """
        heads, end = self.of_height(height), time.monotonic() + self._node.config.approve.wait_s
        if heads is None or heads.final:
            return heads
        gossip = Gossip(self._node)
        try:
            while heads is not None and not heads.final and time.monotonic() < end:
                gossip.run_once()
                heads = self.of_height(height)
                if heads is not None and not heads.final:
                    time.sleep(_BETWEEN_S)
        finally:
            gossip.close()
        return heads
