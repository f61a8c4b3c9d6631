"""An operator on the `solo` engine and banks that follow it, in one process, on one seeded clockwork.

What runs is the program: engines, stores on files, outboxes. What is simulated is the time, the wires, and when a process dies. The
operator may lose its disk and go on from an old backup: then its history is another, and who saw the first has to see that.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from contracts.ruleset import RULEBOOK
from ledger.engine import Receipt
from ledger.errors import InputError, Refused, TallystickError, Unreachable, VerificationFailed
from ledger.evidence import BlockBundle
from ledger.follow import FollowEngine, bundle_of
from ledger.header import network_of
from ledger.solo import SoloEngine
from ledger.store import LedgerStore
from nodes.outbox import Outbox
from nodes.private import PrivateStore
from tests.ledger.small_ledger import OPERATOR, VOUCHER, url_of
from tests.simulation.clockwork import CALM_MS, FAULTS_MS, Clockwork, Process, Wires
from tests.simulation.desk import Desk, loans_of
from tests.simulation.founding import lay_down, registration
from tests.simulation.judging import hashes, judge
from tests.traces import BANKS, RealMaker, Trace

Answer = Receipt | TallystickError


class Operator(Process):
    """Orders whatever comes, a few milliseconds after it came."""

    def __init__(self, works: Clockwork, file: Path, trace: Trace) -> None:
        super().__init__("operator", works)
        self.file, self._trace = file, trace
        self.backup = file.with_suffix(".backup")
        self.is_restored = False
        """Whether its history has begun anew from a backup."""

    def open(self) -> None:
        self.store = LedgerStore(url_of(self.file))
        self.engine = SoloEngine(self.store, self._trace.genesis, RULEBOOK, OPERATOR, self.clock)
        self.may_die_at_commits(self.store.engine)
        self.engine.open()
        self.engine.subscribe(lambda _: self.may_die_after())

    def close(self) -> None:
        self.engine.stop()
        self.store.close()

    def take(self, raw: bytes, tell: Callable[[Answer], None]) -> None:
        """A record from outside; its sender is told what became of it, if the operator lives till then."""
        life = self._life

        def done(future: Future[Receipt]) -> None:
            if life == self._life:
                error = future.exception()
                tell(error if isinstance(error, TallystickError) else future.result())

        self.engine.submit(raw).add_done_callback(done)
        self.later(self.works.random.choice((3, 50, 300)), "orders", self._order)

    def _order(self) -> None:
        self.engine.order()
        if self.engine.waiting():
            self.later(5, "orders", self._order)

    def set_clock(self, skew_ms: int) -> None:
        """Somebody sets it wrongly, and rightly again; a jump that stops the engine is looked at and confirmed by its operator."""
        self.works.counts["clocks set wrongly"] += 1
        self.clock.skew_ms = skew_ms
        self.works.after(9_000, "the clock is set right", lambda: setattr(self.clock, "skew_ms", 0))
        self.later(10_000, "confirms its clock", self.engine.confirm_clock)

    def keep_backup(self) -> None:
        """A copy of the file as it is now, while it is used."""
        with sqlite3.connect(self.file) as source, sqlite3.connect(self.backup) as target:
            source.backup(target)

    def lose_disk(self) -> None:
        """Dies, and comes back with the backup."""
        self.die()
        for each in (self.file, *(self.file.with_name(self.file.name + end) for end in ("-wal", "-shm"))):
            each.unlink(missing_ok=True)
        self.backup.rename(self.file)
        self.is_restored = True
        self.works.counts["backups restored"] += 1


@dataclass
class _Line:
    """A follower's line to its operator: what is asked over it is answered at once, or not at all, or with what was true before."""

    follower: Follower
    operator: Operator
    wires: Wires
    before: list[BlockBundle] = field(default_factory=list)

    def blocks(self, after_height: int, limit: int, _wait_s: float) -> list[BlockBundle]:
        self._require()
        if self.before and self.follower.works.chance(300):
            self.follower.works.counts["stale answers"] += 1
            return self.before[:limit]
        with self.operator.store.reading() as reader:
            newest = reader.head.height
        heights = range(after_height + 1, min(newest, after_height + limit) + 1)
        found = [bundle for height in heights if (bundle := bundle_of(self.operator.store, height)) is not None]
        self.before = found or self.before
        return found

    def checkpoint(self) -> str:
        self._require()
        with self.operator.store.reading() as reader:
            return reader.checkpoint() or ""

    def submit(self, raw: bytes) -> Receipt:
        raise AssertionError("records go through the sender")

    def _require(self) -> None:
        if not (self.operator.is_alive and self.wires.carries(self.follower, self.operator)):
            raise Unreachable("upstream-unreachable", "nobody answers")


class _Sender:
    """What the outbox sees of an engine: the replica, and a way upstream on which answers come late or never."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self.store = follower.store

    def submit(self, raw: bytes) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        known = self._follower.answers.pop(raw, None)
        if isinstance(known, InputError | Refused):
            future.set_exception(known)
        else:
            self._follower.send(raw)
        return future

    def subscribe(self, _: Callable[[int], None]) -> None:
        """Nobody waits for a height here: time passes between two events only."""


class Follower(Process):
    """A bank's node, and the people at its desk."""

    def __init__(self, works: Clockwork, directory: Path, trace: Trace, desk: Desk, operator: Operator, wires: Wires) -> None:
        super().__init__(desk.bank, works)
        self._directory, self._trace, self._operator, self._wires = directory, trace, operator, wires
        self.desk, self.answers = desk, dict[bytes, Answer]()
        self.refusals: list[str] = []

    def open(self) -> None:
        self.store = LedgerStore(url_of(self._directory / f"{self.name}.db"))
        self.private = PrivateStore(url_of(self._directory / f"{self.name}-private.db"))
        self.answers.clear()
        line = _Line(self, self._operator, self._wires)
        self.engine = FollowEngine(self.store, self._trace.genesis, RULEBOOK, VOUCHER, line)
        for each in (self.store.engine, self.private.engine):
            self.may_die_at_commits(each)
        self.outbox = Outbox(self.private, _Sender(self), self.clock, orders=False, wait_s=0)  # type: ignore[arg-type]  # the half that it uses
        try:
            self.engine.open()
        except VerificationFailed as error:
            self.refusals.append(error.code)
            return
        self.engine.subscribe(lambda _: self.may_die_after())
        self.later(10, "fetches", self._fetch)
        self.later(20, "works", self._work)

    def close(self) -> None:
        self.engine.stop()
        self.store.close()
        self.private.close()

    def send(self, raw: bytes) -> None:
        def tell(answer: Answer) -> None:
            self._wires.send(self._operator, self, "answers", lambda: self.answers.update({raw: answer}))

        self._wires.send(self, self._operator, "sends", lambda: self._operator.take(raw, tell))

    def seen(self) -> dict[str, Any]:
        with self.store.reading() as reader:
            return {"height": reader.head.height, "hash": reader.head.hash}

    def _fetch(self) -> None:
        try:
            self.engine.advance(0)
        except Unreachable:
            self.works.counts["unanswered"] += 1
        except TallystickError as error:
            self.refusals.append(error.code)
            if self.store.halted() is not None:
                return
        self.later(self.works.random.choice((50, 300, 1_000, 6_000)), "fetches", self._fetch)

    def _work(self) -> None:
        if not self.desk.is_done:
            self.desk.work(self.outbox, self.seen(), self.works.now_ms)
        self.later(self.works.random.choice((200, 700, 2_000)), "works", self._work)


class SoloWorld:
    """A network after its founding: declarations are registered, and each bank was answered about three of them."""

    def __init__(self, seed: int, directory: Path, *, loses_disk: bool = False) -> None:
        maker = RealMaker(seed)
        maker.register(4)
        for bank in BANKS:
            maker.answer(bank, maker.random.sample(maker.declarations, 3))
        self.trace, self._loses_disk = maker.trace, loses_disk
        self.works = Clockwork(seed, maker.author.now_ms + 1_000)
        self.wires = Wires(self.works)
        self._customs = maker.author
        self.operator = Operator(self.works, directory / "operator.db", self.trace)
        lay_down(self.operator.file, self.trace)
        self.followers = [self._follower(bank, maker.openings[bank], directory) for bank in BANKS]

    def _follower(self, bank: str, openings: list[dict[str, Any]], directory: Path) -> Follower:
        random = Random(f"{bank} {self.works.random.random()}")
        desk = Desk(bank, network_of(self.trace.genesis), random, loans_of(bank, openings, random, 5))
        return Follower(self.works, directory, self.trace, desk, self.operator, self.wires)

    def run(self) -> Counter[str]:
        """Two minutes of faults, then peace until everything is done. Gives what was counted; fails where anything does not hold."""
        works = self.works
        for process in (self.operator, *self.followers):
            process.begin()
        works.after(1_000, "trouble", self._trouble)
        works.after(5_000, "customs", self._register)
        if self._loses_disk:
            works.after(20_000, "a backup is made", lambda: self.operator.do(self.operator.keep_backup))
            works.after(80_000, "the disk is lost", self._lose_disk)
        works.run(FAULTS_MS)
        works.is_calm = True
        self.operator.clock.skew_ms = 0
        self._settle()
        try:
            return works.counts + (self._judge_fork() if self.operator.is_restored else self._judge())
        finally:
            for process in (self.operator, *self.followers):
                process.close()

    def _register(self) -> None:
        """Customs goes on registering. Whether a record that lapsed had arrived shows in the next block, so there has to be one."""
        self.operator.do(lambda: self.operator.take(registration(self._customs, self.works.now_ms), lambda _: None))
        self.works.after(15_000, "customs", self._register)

    def _trouble(self) -> None:
        """Now and then something larger than a lost message."""
        if self.works.is_calm:
            return
        chosen = self.works.random.choice((self.operator, *self.followers))
        match self.works.random.randrange(4):
            case 0:
                chosen.die()
            case 1:
                self.wires.cut(self.works.random.choice(self.followers), self.operator, self.works.random.choice((2_000, 15_000)))
            case 2:
                self.operator.do(lambda: self.operator.set_clock(self.works.random.choice((-3_600_000, -5_000, 60_000, 7_200_000))))
        self.works.after(self.works.random.choice((1_000, 4_000, 9_000)), "trouble", self._trouble)

    def _lose_disk(self) -> None:
        if self.operator.backup.exists():
            self.operator.lose_disk()

    def _settle(self) -> None:
        """Waits until everything is done and told to everyone."""
        end = self.works.now_ms + CALM_MS
        while self.works.now_ms < end and not self._is_settled():
            self.works.run(5_000)

    def _is_settled(self) -> bool:
        if not all(process.is_alive for process in (self.operator, *self.followers)):
            return False
        with self.operator.store.reading() as reader:
            head = reader.head.hash
        going = [each for each in self.followers if each.store.halted() is None]
        return all(each.seen()["hash"] == head and each.desk.is_done for each in going)

    def _judge(self) -> Counter[str]:
        assert {code for each in self.followers for code in each.refusals} <= {"block-invalid"}
        stores = [self.operator.store, *(each.store for each in self.followers)]
        return judge(stores, self.trace.genesis, VOUCHER, [each.desk for each in self.followers])

    def _judge_fork(self) -> Counter[str]:
        """Who had more than the backup halts with the operator's two signatures in hand, and keeps what it had; others go on."""
        theirs, counted = hashes(self.operator.store), Counter[str]()
        for follower in self.followers:
            mine = hashes(follower.store)
            if follower.store.halted() is None:
                assert mine == theirs[: len(mine)], f"{follower.name} holds another history, and does not say so"
                continue
            assert "fork-seen" in follower.refusals
            counted["forks seen"] += 1
            with follower.store.reading() as reader:
                for each in follower.desk.ended:
                    assert reader.record(each.record_id) is not None, f"{each.reference} was told, and is lost"
        return counted
