"""What an application must say after the blocks that were decided, by a replay of them: no database, no sockets, nothing remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ledger.admission import Place, VerifiedSignatures, admit
from ledger.comet.position import Misbehavior, Position
from ledger.comet.validators import powers_of
from ledger.errors import InputError, Refused
from ledger.execution import Accepted, Block, Execution, execute
from ledger.header import network_of
from ledger.limits import MISBEHAVIOR_KEPT
from ledger.memory_chain import MemoryChain
from ledger.record import Record, parse
from ledger.state import Overlay
from tests.ledger.comet.ring_rules import RINGBOOK, RINGSET
from tests.ledger.comet.samples import GENESIS

_OK: Final = "ok"


class Unlooked(VerifiedSignatures):
    """Takes every signature for good."""

    def check(self, record: Record, publics: list[bytes]) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Decided:
    """A block of the engine, with its time to the nanosecond."""

    height: int
    time_ns: int
    transactions: tuple[bytes, ...]
    misbehavior: tuple[Misbehavior, ...] = ()

    @property
    def time_ms(self) -> int:
        return self.time_ns // 1_000_000


class Reference:
    """Moves on by `hold`, as blocks become durable."""

    def __init__(self) -> None:
        self.chain = MemoryChain(GENESIS, RINGBOOK)
        self.time_ns = self.chain.head.time_ms * 1_000_000
        self.position = Position(0, self.chain.head.time_ms, self.chain.begun.log_root)

    @property
    def powers(self) -> dict[str, int]:
        return powers_of(self.chain.state)

    def judge(self, time_ms: int, transactions: Sequence[bytes]) -> Execution:
        """What the next block would do."""
        return execute(self.chain, Block(self.position.height + 1, time_ms, transactions), RINGBOOK, VerifiedSignatures())

    def stands(self, time_ms: int, transactions: Sequence[bytes]) -> list[bytes]:
        """Those of the transactions that would be authenticated, one after the other."""
        outcomes = self.judge(time_ms, transactions).outcomes
        return [raw for raw, outcome in zip(transactions, outcomes, strict=True) if isinstance(outcome, Accepted)]

    def after(self, decided: Decided) -> tuple[Execution, Position]:
        """What a block leads to, and where the engine stands then."""
        execution = self.judge(decided.time_ms, decided.transactions)
        app_hash = self.position.app_hash if execution.header is None else execution.log_root
        seen = (*self.position.misbehavior, *decided.misbehavior)[-MISBEHAVIOR_KEPT:]
        return execution, Position(decided.height, decided.time_ms, app_hash, seen)

    def hold(self, decided: Decided) -> None:
        _, self.position = self.after(decided)
        self.chain.run(Block(decided.height, decided.time_ms, decided.transactions))
        self.time_ns = decided.time_ns

    def may_wait(self, raw: bytes, now_ms: int, *, again: bool) -> str:
        """The code by which a transaction may wait for a block, or not; `again` after one that it waited through."""
        chain = self.chain
        place = Place(network_of(GENESIS), max(self.position.time_ms, now_ms), chain.head.log_size + 1, chain.header_hash)
        verified = Unlooked() if again else VerifiedSignatures()
        try:
            seen = parse(raw).core["seen"]
            if seen["height"] > chain.head.height and not again:
                place = replace(place, header_hash=lambda _: str(seen["hash"]))
            admit(raw, place, Overlay(chain.state), chain.guard, RINGSET, verified)
        except (InputError, Refused) as error:
            return error.code
        return _OK
