"""Four validators behind a simulated ordering layer, one of them byzantine, in one process on one seeded clockwork.

What runs is each validator's application on its own file, and the outbox of each bank. What is simulated is consensus: rounds, proposers,
votes, and blocks that arrive late. The fourth validator votes for everything, and proposes what it likes: rubbish, too much, what is on
the ledger already, an old time, or one block to some and another to others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from contracts.ruleset import RULEBOOK
from ledger.comet.application import Application
from ledger.engine import Receipt
from ledger.errors import InputError, Refused
from ledger.header import network_of
from ledger.limits import BLOCK_BYTES_MAX
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from nodes.outbox import Outbox
from nodes.private import PrivateStore
from tests.ledger.small_ledger import url_of
from tests.simulation.clockwork import CALM_MS, FAULTS_MS, Clockwork, Process, Wires
from tests.simulation.desk import Desk, loans_of
from tests.simulation.founding import registration
from tests.simulation.judging import judge
from tests.traces import BANKS, RealMaker, Trace, real_genesis

BYZANTINE: Final = "auditor"
_ROUND_MS: Final = 700


@dataclass(frozen=True)
class Block:
    """What is proposed, and perhaps decided."""

    height: int
    time_ms: int
    raws: tuple[bytes, ...]


class Validator(Process):
    """One member's application, the transactions that wait there, and the people at its desk where it is a bank."""

    def __init__(self, works: Clockwork, name: str, directory: Path, ring: RingWorld, desk: Desk | None) -> None:
        super().__init__(name, works)
        self._directory, self._ring, self.desk = directory, ring, desk
        self.waiting: dict[bytes, None] = {}

    def open(self) -> None:
        self.store = LedgerStore(url_of(self._directory / f"{self.name}.db"))
        self.private = PrivateStore(url_of(self._directory / f"{self.name}-private.db"))
        begin_ledger(self.store, self._ring.trace.genesis, RULEBOOK, None)
        for each in (self.store.engine, self.private.engine):
            self.may_die_at_commits(each)
        self.application = Application(self.store, self._ring.trace.genesis, RULEBOOK, lambda _position, _execution: self.may_die_after())
        self.waiting.clear()
        self.outbox = Outbox(self.private, _Sender(self), self.clock, orders=False, wait_s=0)  # type: ignore[arg-type]  # the half that it uses
        self.catch_up()
        self.later(20, "works", self._work)

    def close(self) -> None:
        self.application.close()
        self.store.close()
        self.private.close()

    @property
    def height(self) -> int:
        """Of the engine: the newest block that is durable here."""
        return self.application.position.height

    def catch_up(self) -> None:
        """Executes what was decided and is not here yet, one block after the other. May die between any two steps."""
        while (block := self._ring.decided_after(self.height)) is not None:
            done = self.application.finalize(block.height, block.time_ms, block.raws)
            self._ring.check_app_hash(block.height, done.app_hash)
            self.may_die_after()
            self.application.commit()
            for raw in list(self.waiting):
                try:
                    self.application.recheck(raw, self.clock.now_ms())
                except (InputError, Refused):
                    del self.waiting[raw]

    def take(self, raw: bytes) -> None:
        """A transaction from a colleague here or from another validator. Raises `InputError` or `Refused`."""
        if raw not in self.waiting:
            self.application.check(raw, self.clock.now_ms())
            self.waiting[raw] = None

    def verdict(self, block: Block) -> str | None:
        """Why it does not vote for a block, or None."""
        if not self.is_alive or self.height != block.height - 1:
            return "away"
        return self.application.process(block.height, block.time_ms, block.raws)

    def seen(self) -> dict[str, Any]:
        head = self.application.chain.head
        return {"height": head.height, "hash": head.hash}

    def submit(self, raw: bytes) -> None:
        self.take(raw)
        for other in self._ring.validators:
            if other is not self:
                self._ring.wires.send(self, other, "gossip", partial(other.heard, raw))

    def heard(self, raw: bytes) -> None:
        try:
            self.take(raw)
        except (InputError, Refused):
            self.works.counts["gossip refused"] += 1

    def _work(self) -> None:
        if self.desk is not None and not self.desk.is_done:
            self.desk.work(self.outbox, self.seen(), self.works.now_ms)
        self.later(self.works.random.choice((200, 700, 2_000)), "works", self._work)


class _Sender:
    """What the outbox sees of an engine: the replica, and the way into what waits."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator
        self.store = validator.store

    def submit(self, raw: bytes) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        try:
            self._validator.submit(raw)
        except (InputError, Refused) as error:
            future.set_exception(error)
        return future

    def subscribe(self, _: Callable[[int], None]) -> None:
        """Nobody waits for a height here: time passes between two events only."""


class RingWorld:
    """A consortium after its founding. Of the four, any three decide; the fourth is byzantine."""

    def __init__(self, seed: int, directory: Path) -> None:
        genesis = {**real_genesis(), "engine": {"kind": "comet"}}
        maker = RealMaker(seed, genesis)
        maker.register(4)
        for bank in BANKS:
            maker.answer(bank, maker.random.sample(maker.declarations, 3))
        self.trace: Trace = maker.trace
        self.works = Clockwork(seed, maker.author.now_ms + 1_000)
        self.wires = Wires(self.works)
        self._customs = maker.author
        self._decided = [Block(each.engine_height, each.time_ms, tuple(each.transactions)) for each in maker.trace.blocks]
        self._app_hashes: dict[int, bytes] = {}
        self.validators = [Validator(self.works, bank, directory, self, self._desk(bank, maker)) for bank in BANKS]
        self.validators.append(Validator(self.works, BYZANTINE, directory, self, None))

    def _desk(self, bank: str, maker: RealMaker) -> Desk:
        random = Random(f"{bank} {self.works.random.random()}")
        return Desk(bank, network_of(self.trace.genesis), random, loans_of(bank, maker.openings[bank], random, 5))

    def decided_after(self, height: int) -> Block | None:
        return self._decided[height] if height < len(self._decided) else None

    def check_app_hash(self, height: int, app_hash: bytes) -> None:
        """Whoever executes a block, whenever and however often: it comes to the same."""
        assert self._app_hashes.setdefault(height, app_hash) == app_hash, f"app hashes of height {height} differ"

    def run(self) -> Counter[str]:
        """Two minutes of faults, then peace until everything is done. Gives what was counted; fails where anything does not hold."""
        works = self.works
        for validator in self.validators:
            validator.begin()
        works.after(100, "round 0", lambda: self._round(0))
        works.after(1_000, "trouble", self._trouble)
        works.after(5_000, "customs", self._register)
        works.run(FAULTS_MS)
        works.is_calm = True
        end = works.now_ms + CALM_MS
        while works.now_ms < end and not self._is_settled():
            works.run(5_000)
        try:
            honest = self.validators[:-1]
            stores = [each.store for each in honest]
            return works.counts + judge(stores, self.trace.genesis, None, [each.desk for each in honest if each.desk is not None])
        finally:
            for validator in self.validators:
                validator.close()

    def _is_settled(self) -> bool:
        honest = self.validators[:-1]
        return all(each.is_alive and each.height == len(self._decided) and (each.desk is None or each.desk.is_done) for each in honest)

    def _register(self) -> None:
        raw = registration(self._customs, self.works.now_ms)
        validator = self.works.random.choice(self.validators[:-1])
        validator.do(lambda: validator.heard(raw))
        self.works.after(15_000, "customs", self._register)

    def _trouble(self) -> None:
        if self.works.is_calm:
            return
        chosen, other = self.works.random.sample(self.validators, 2)
        match self.works.random.randrange(4):
            case 0:
                chosen.die()
            case 1:
                self.wires.cut(chosen, other, self.works.random.choice((2_000, 15_000)))
            case 2:
                chosen.clock.skew_ms = self.works.random.choice((-60_000, 0, 5_000, 600_000))
                self.works.counts["clocks set wrongly"] += 1
        self.works.after(self.works.random.choice((1_000, 4_000, 9_000)), "trouble", self._trouble)

    def _round(self, number: int) -> None:
        """One round of consensus about the next height, and the next one after a while."""
        height = len(self._decided) + 1
        proposer = self.validators[(height + number) % len(self.validators)]
        decided = None
        if proposer.is_alive and proposer.height == height - 1:
            proposals = self._proposals(proposer, height)
            decided = self._vote(proposer, proposals)
        if decided is not None:
            self._decided.append(decided)
            self.works.counts["decided"] += 1
            for validator in self.validators:
                self.works.after(
                    self.works.random.choice((1, 20, 300, 2_000)),
                    f"{validator.name} hears of {height}",
                    partial(validator.do, validator.catch_up),
                )
        following = 0 if decided is not None else number + 1
        self.works.after(_ROUND_MS, f"round {following}", lambda: self._round(following))

    def _proposals(self, proposer: Validator, height: int) -> dict[str, Block]:
        """What each validator is shown. Honest proposers make no block of nothing, and show all the same one."""
        time_ms = self._time_ms()
        prepared: list[Block] = []
        proposer.do(lambda: prepared.append(self._honest(proposer, height, time_ms)))
        if not prepared:
            return {}
        honest = prepared[0]
        if proposer.name != BYZANTINE or self.works.is_calm:
            return {each.name: honest for each in self.validators} if honest.raws else {}
        self.works.counts["byzantine proposals"] += 1
        known = self.works.random.choice(self._decided).raws
        other = self.works.random.choice(
            (
                Block(height, time_ms, honest.raws[1:]),
                Block(height, time_ms, honest.raws[::-1]),
                Block(height, time_ms, (*honest.raws, b"rubbish")),
                Block(height, time_ms, (*honest.raws, *honest.raws)),
                Block(height, time_ms, (*known, *honest.raws)),
                Block(height, self._decided[-1].time_ms, honest.raws),
                Block(height, time_ms + 60_000, honest.raws),
                Block(height + 1, time_ms, honest.raws),
                Block(height, time_ms, (b"x" * (BLOCK_BYTES_MAX + 1),)),
            )
        )
        return {each.name: self.works.random.choice((honest, other)) for each in self.validators}

    def _honest(self, proposer: Validator, height: int, time_ms: int) -> Block:
        return Block(height, time_ms, tuple(proposer.application.prepare(height, time_ms, list(proposer.waiting), BLOCK_BYTES_MAX)))

    def _vote(self, proposer: Validator, shown: dict[str, Block]) -> Block | None:
        """The block that more than two thirds vote for. Each honest validator votes once, for what it was shown, if that stands."""
        votes: Counter[Block] = Counter()
        for validator in self.validators:
            block = shown.get(validator.name)
            if block is None or validator is self.validators[-1] or self.wires.is_cut(proposer, validator):
                continue
            verdict = validator.verdict(block)
            votes[block] += verdict is None
            self.works.counts["proposals refused"] += verdict not in (None, "away")
        byzantine = int(self.validators[-1].is_alive)
        return next((block for block, count in votes.items() if 3 * (count + byzantine) > 2 * len(self.validators)), None)

    def _time_ms(self) -> int:
        """By the clocks of the validators, the second of four, and later than the block before (BFT time)."""
        clocks = sorted(each.clock.now_ms() for each in self.validators)
        return max(clocks[1], self._decided[-1].time_ms + 1)
