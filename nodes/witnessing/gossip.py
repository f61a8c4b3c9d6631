"""Gossip: what the operator shows other members, compared with what it shows us.

Each peer is asked for its newest checkpoint. One of this node's log brings cosignatures; one of another history halts this node for good.
Where a peer is ahead, its header at our own height tells at once; where that differs, bisection finds the first height at which the two
histories part, and the operator's signatures over both sides are the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from ledger.checkpoint import cosignatures_of, with_cosignatures
from ledger.errors import InputError, NotFound, Refused, TallystickError, Unreachable
from ledger.evidence import HeaderInLog
from ledger.store import Reader
from ledger.witness import write_add_checkpoint
from nodes.tls_files import calling_others
from nodes.witnessing.checkpoints import Checkpoints, require_note
from nodes.witnessing.peers import Peer
from nodes.witnessing.witnesses import PEER

if TYPE_CHECKING:
    from nodes.node import Node

_CONFLICT = 409
_OK = 200

log = structlog.get_logger(__name__)
Open = Callable[[str], Peer]


def _opener(node: Node) -> Open:
    """Peers as the node's configuration says how others are called."""
    tls = calling_others(node.config, node.home.path)
    return lambda url: Peer(url, tls=tls)


class Gossip:
    """Of one node with the peers of its configuration, and with its upstream node."""

    def __init__(self, node: Node, open_peer: Open | None = None) -> None:
        self._node = node
        self._checkpoints = Checkpoints(node)
        open_peer = open_peer or _opener(node)
        engine, self._peers = node.config.engine, [open_peer(url) for url in node.config.gossip.peers]
        self._upstream = None if engine.upstream is None else open_peer(engine.upstream)

    def run_once(self) -> int:
        """Asks everybody: how many answered. Raises `VerificationFailed` (`fork-seen`, `replica-damaged`)."""
        asked = [*self._peers, *([] if self._upstream is None else [self._upstream])]
        return sum(self._heard(peer) for peer in asked)

    def close(self) -> None:
        for peer in [*self._peers, *([] if self._upstream is None else [self._upstream])]:
            peer.close()

    def _heard(self, peer: Peer) -> bool:
        try:
            self._compare(peer)
        except TallystickError as error:
            if self._node.store.halted() is not None or error.code == "replica-damaged":
                raise
            level = log.info if isinstance(error, Unreachable | NotFound) else log.warning
            level("peer-passed-over", peer=peer.url, code=error.code)
            return False
        return True

    def _compare(self, peer: Peer) -> None:
        shown = peer.checkpoint()
        if peer is not self._upstream:
            # The operator could announce as many witnesses as it likes: only a peer at its own address is asked who it is.
            self._announced(peer, shown.get("witness"))
        if shown.get("checkpoint", "") is None:
            # A follower has no note before its first block.
            return
        if self._checkpoints.observe(require_note(shown.get("checkpoint")), peer.url) == "ahead":
            self._compare_headers(peer)

    def _announced(self, peer: Peer, witness: Any) -> None:
        if witness is None:
            return
        try:
            name, public = str(witness["name"]), str(witness["public"])
            self._checkpoints.witnesses.announce(name, public, PEER + peer.url)
        except (KeyError, TypeError) as error:
            raise InputError("bad-witness", "the peer does not say who it is") from error
        except (InputError, Refused) as error:
            log.warning("witness-not-known", peer=peer.url, code=error.code)

    def _compare_headers(self, peer: Peer) -> None:
        with self._node.store.reading() as reader:
            height = reader.head.height
        seen = peer.header(height)
        if self._checkpoints.compare_header(seen):
            return
        self._checkpoints.refuse_header(self._first_other(peer, height, seen), peer.url)

    def _first_other(self, peer: Peer, height: int, seen: HeaderInLog) -> HeaderInLog:
        """The header of the least height at which the peer's history is another one; the one at hand where the peer tells no more."""
        same, other = 0, height
        while other - same > 1:
            middle = (same + other) // 2
            try:
                found = peer.header(middle)
                if self._checkpoints.compare_header(found):
                    same = middle
                else:
                    other, seen = middle, found
            except TallystickError:
                return seen
        return seen


class Pusher:
    """Asks configured witnesses to cosign the newest checkpoint (C2SP tlog-witness), as a log does."""

    def __init__(self, node: Node, open_peer: Open | None = None) -> None:
        self._node = node
        self._checkpoints = Checkpoints(node)
        open_peer = open_peer or _opener(node)
        self._witnesses = [open_peer(url) for url in node.config.witnesses.push]
        self._sizes: dict[str, int] = {}

    def run_once(self) -> int:
        """How many cosigned what is new."""
        return sum(self._cosigned(witness) for witness in self._witnesses)

    def close(self) -> None:
        for witness in self._witnesses:
            witness.close()

    def _cosigned(self, witness: Peer) -> bool:
        with self._node.store.reading() as reader:
            note, size = reader.checkpoint(), reader.head.log_size + 1
            if note is None or self._sizes.get(witness.url) == size:
                return False
            try:
                status, answer = _ask(witness, reader, note, self._sizes.get(witness.url, 0), size)
                if status == _CONFLICT:
                    # It says which size it cosigned last; what it says of a log ahead of this one is not provable here.
                    status, answer = _ask(witness, reader, note, min(_size(answer), size), size)
            except Unreachable as error:
                log.info("witness-passed-over", witness=witness.url, code=error.code)
                return False
        if status != _OK:
            log.warning("witness-refused", witness=witness.url, status=status)
            return False
        self._sizes[witness.url] = size
        try:
            cosigned = with_cosignatures(note, answer.splitlines())
        except InputError as error:
            log.warning("witness-refused", witness=witness.url, code=error.code)
            return False
        found = cosignatures_of(cosigned, self._checkpoints.witnesses.keys())
        self._checkpoints.keep(size, found)
        return bool(found)


def _ask(witness: Peer, reader: Reader, note: str, old: int, size: int) -> tuple[int, str]:
    return witness.add_checkpoint(write_add_checkpoint(old, reader.consistency_proof(old, size), note))


def _size(answer: str) -> int:
    text = answer.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 17 else 0
