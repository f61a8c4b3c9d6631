"""Followers of a small solo ledger, and blocks as a dishonest operator or a proxy would make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import canonical
from ledger.admission import VerifiedSignatures
from ledger.checkpoint import sign_note
from ledger.evidence import BlockBundle
from ledger.execution import Block, Dropped, execute
from ledger.follow import FollowEngine
from ledger.store import LedgerStore
from tests.ledger.small_ledger import (
    OPERATOR,
    START_MS,
    Solo,
    StoreUpstream,
)
from tests.ledger.small_rules import RULEBOOK

SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass
class Follower:
    engine: FollowEngine
    store: LedgerStore
    upstream: StoreUpstream

    @property
    def height(self) -> int:
        with self.store.reading() as reader:
            return reader.head.height

    def catch_up(self) -> None:
        while self.engine.advance(0):
            pass


Open = Callable[..., Follower]


def roots(store: LedgerStore) -> list[Any]:
    with store.reading() as reader:
        return [reader.header(height) for height in range(reader.head.height + 1)]


def edited(bundle: BlockBundle, change: Callable[[dict[str, Any]], None]) -> BlockBundle:
    value = canonical.decode(canonical.encode(bundle.to_json()))
    change(value)
    return BlockBundle.from_json(value)


def forged(solo: Solo, follower: Follower, change: Callable[[dict[str, Any]], None], *, raws: list[bytes] | None = None) -> BlockBundle:
    """The next block as a dishonest operator makes and signs it: its own words, and a true signature over the log that they give."""
    chain = follower.engine._chain
    assert chain is not None
    block = Block(chain.head.height + 1, START_MS + 120_000, raws or [solo.author.put("next")])
    execution = execute(chain, block, RULEBOOK, VerifiedSignatures())
    assert execution.header is not None
    taken = [
        (raw, outcome) for raw, outcome in zip(block.transactions, execution.outcomes, strict=True) if not isinstance(outcome, Dropped)
    ]
    bundle = BlockBundle(execution.header.to_json(), tuple(raw for raw, _ in taken), tuple(outcome.result for _, outcome in taken), "")
    value = bundle.to_json()
    change(value)
    bundle = BlockBundle.from_json(value)
    with follower.store.reading() as reader:
        size = reader.head.log_size + 1
        note = bundle.checkpoint_above(size, reader.frontier(size))
    return replace(bundle, checkpoint=sign_note(note, OPERATOR.key.name, SIGNING_KEY))
