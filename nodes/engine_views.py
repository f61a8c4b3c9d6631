"""What a node tells of its engine: what keeps it from ordering records, and of a consortium, where it stands and who was found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.queries import engine_key_owner
from ledger.comet.engine import CometEngine
from ledger.comet.position import Misbehavior
from ledger.engine import Engine
from ledger.follow import FollowEngine
from ledger.solo import SoloEngine


@dataclass(frozen=True, slots=True)
class Found:
    """A validator that the engine found out, and whose it is; None where no member has had such a key."""

    member: str | None
    what: Misbehavior


@dataclass(frozen=True, slots=True)
class Consensus:
    """A consortium as this node's engine sees it: its height (blocks that left nothing count too), the time of that block, how many other
    engines it is connected to (None where it does not say), what is wrong, and who misbehaved, the newest last.
    """

    height: int
    time_ms: int
    peers: int | None
    faults: Sequence[str]
    misbehavior: Sequence[Found]


def faults(engine: Engine) -> Sequence[str]:
    """Codes of what keeps an engine that orders from doing so."""
    if isinstance(engine, SoloEngine):
        return [] if engine.refusal is None else [engine.refusal.code]
    if isinstance(engine, CometEngine):
        return engine.condition().faults
    return []


@dataclass(frozen=True, slots=True)
class Lag:
    """How a replica stands to whom it follows, in seconds: `silent_s` since that last answered, and `behind_s`, by which this replica lies
    back at most. None where nothing was heard since the start.
    """

    silent_s: float | None
    behind_s: float | None


def lag(engine: Engine, head_time_ms: int, now_ms: int) -> Lag | None:
    """Of a replica whose newest block has this time; None where it follows nobody. What it lacks is newer than that block, and than the
    moment at which it last lacked nothing.
    """
    if not isinstance(engine, FollowEngine):
        return None
    heard = engine.heard()
    if heard.answered_s is None:
        return Lag(None, None)
    age_s = max(0.0, (now_ms - head_time_ms) / 1000)
    return Lag(heard.answered_s, age_s if heard.level_s is None else min(age_s, heard.level_s))


def consensus(engine: Engine) -> Consensus | None:
    """None where no consortium orders here."""
    if not isinstance(engine, CometEngine):
        return None
    position, condition = engine.position, engine.condition()
    with engine.store.reading() as reader:
        found = [Found(engine_key_owner(reader.state, each.address), each) for each in position.misbehavior]
    return Consensus(position.height, position.time_ms, condition.peers, condition.faults, found)
