"""Time, chance, processes and the wires between them. All that happens is an event of one seeded queue, and happens again with the seed."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from random import Random
from typing import Final

from sqlalchemy import Engine, event

Action = Callable[[], None]
# How long there are faults, and how long there is peace at most until everything must be done.
FAULTS_MS: Final = 120_000
CALM_MS: Final = 400_000
_DELAYS_MS: Final = (1, 1, 2, 3, 5, 8, 20, 60, 200, 900, 4_000)


class Crash(BaseException):
    """The process dies here. Nothing in the program may catch it."""


class Clockwork:
    """The queue. `told` is all that happened, in words without bytes that chance made; `counts` is how often."""

    def __init__(self, seed: int, now_ms: int) -> None:
        self.random = Random(seed)
        self.now_ms = now_ms
        self.counts: Counter[str] = Counter()
        self.is_calm = False
        """Whether faults have ended: then nothing is lost, doubled or killed any more."""
        self._queue: list[tuple[int, int, str, Action]] = []
        self._serial = count()
        self._told = sha256()

    def after(self, delay_ms: int, label: str, action: Action) -> None:
        heapq.heappush(self._queue, (self.now_ms + delay_ms, next(self._serial), label, action))

    def run(self, for_ms: int) -> None:
        """Lets so much time pass."""
        end = self.now_ms + for_ms
        while self._queue and self._queue[0][0] <= end:
            self.now_ms, _, label, action = heapq.heappop(self._queue)
            self.say(label)
            action()
        self.now_ms = end

    def say(self, what: str) -> None:
        self.counts["events"] += 1
        self._told.update(f"{self.now_ms} {what}\n".encode())

    def chance(self, of_ten_thousand: int) -> bool:
        """Whether a fault happens now."""
        return not self.is_calm and self.random.randrange(10_000) < of_ten_thousand

    @property
    def digest(self) -> str:
        """Of all that happened so far."""
        return self._told.hexdigest()


class SkewedClock:
    """A process's own clock, which may be set wrongly."""

    def __init__(self, works: Clockwork) -> None:
        self._works, self._begun_ms, self.skew_ms = works, works.now_ms, 0

    def now_ms(self) -> int:
        return self._works.now_ms + self.skew_ms

    def monotonic_ms(self) -> int:
        return self._works.now_ms - self._begun_ms


class Process(ABC):
    """What dies and comes back. Whatever it meant to do before it died is not done."""

    def __init__(self, name: str, works: Clockwork) -> None:
        self.name, self.works, self.clock = name, works, SkewedClock(works)
        self.is_alive = False
        self._life = 0

    @abstractmethod
    def open(self) -> None:
        """Begins, from what is on the disk."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of files, as the operating system does for the dead."""

    def begin(self) -> None:
        self.is_alive = True
        self.do(self.open)

    def later(self, delay_ms: int, label: str, action: Action) -> None:
        """Does something after a while, if it lives on till then."""
        life = self._life
        self.works.after(delay_ms, f"{self.name} {label}", lambda: self.do(action) if life == self._life else None)

    def do(self, action: Action) -> None:
        """Does something now, and may die of it."""
        if not self.is_alive:
            return
        try:
            action()
        except Crash:
            self.die()

    def die(self) -> None:
        if self.is_alive:
            self.is_alive = False
            self._life += 1
            self.works.counts["crashes"] += 1
            self.works.say(f"{self.name} dies")
            self.close()
            self.works.after(self.works.random.choice((10, 500, 5_000, 20_000)), f"{self.name} comes back", self.begin)

    def may_die_at_commits(self, engine: Engine) -> None:
        """Of the database: just before what was written becomes durable."""

        @event.listens_for(engine, "commit")
        def commits(_connection: object) -> None:
            if self.is_alive and self.works.chance(150):
                raise Crash

    def may_die_after(self) -> None:
        """At places where what was done is durable, and nobody has been told."""
        if self.is_alive and self.works.chance(150):
            raise Crash


class Wires:
    """Between processes: what is sent may be late, lost, doubled, or overtaken; links are cut and mended."""

    def __init__(self, works: Clockwork) -> None:
        self._works = works
        self._cut: set[frozenset[str]] = set()

    def send(self, sender: Process, receiver: Process, label: str, action: Action) -> None:
        if not self.carries(sender, receiver):
            return
        copies = 2 if self._works.chance(800) else 1
        self._works.counts["doubled"] += copies - 1
        for _ in range(copies):
            delay_ms = self._works.random.choice(_DELAYS_MS)
            self._works.after(delay_ms, f"{sender.name} > {receiver.name} {label}", lambda: receiver.do(action))

    def carries(self, one: Process, other: Process) -> bool:
        """Whether a message gets through now."""
        if self.is_cut(one, other) or self._works.chance(800):
            self._works.counts["lost"] += 1
            return False
        return True

    def is_cut(self, one: Process, other: Process) -> bool:
        return frozenset((one.name, other.name)) in self._cut and not self._works.is_calm

    def cut(self, one: Process, other: Process, for_ms: int) -> None:
        link = frozenset((one.name, other.name))
        self._cut.add(link)
        self._works.counts["links cut"] += 1
        self._works.after(for_ms, f"{'-'.join(sorted(link))} is mended", lambda: self._cut.discard(link))
