"""A consortium whose seats are processes of their own, each with its CometBFT: what is killed, paused and cut off is real."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.errors import TallystickError
from tests.crash.mortal import Mortal, gone
from tests.ledger.comet import seat_process
from tests.ledger.comet.ring import WAIT_S, Ring, Seat, lay_out, make_seat, wait_until


@dataclass
class Fleet:
    """The network and those of its seats that run."""

    ring: Ring
    pool: ThreadPoolExecutor
    processes: dict[int, Mortal] = field(default_factory=dict)

    def start(self, *places: int, fault: str = "") -> None:
        for place in places:
            self.processes[place] = Mortal(seat_process.main, self.ring.plan(place), fault)
        list(self.pool.map(lambda place: self.processes[place].start(), places))

    def stop(self, *places: int) -> None:
        """Each ends by itself, and so does its CometBFT."""
        assert set(self.pool.map(lambda place: self.processes.pop(place).stop(), places)) <= {0}

    def kill(self, *places: int) -> None:
        """SIGKILL to the application's process, which may be dead already."""
        for place in places:
            self.processes.pop(place).kill()

    def signal(self, place: int, what: signal.Signals, *, comet: bool = False) -> None:
        pid = self.comet(place) if comet else self.processes[place].pid
        os.kill(pid, what)

    def kill_comet(self, place: int) -> None:
        """SIGKILL to CometBFT, where one runs."""
        with suppress(ProcessLookupError, TypeError):
            self.signal(place, signal.SIGKILL, comet=True)

    def comet(self, place: int) -> Any:
        return self.state(place)["comet"]

    def state(self, place: int) -> dict[str, Any]:
        found: dict[str, Any] = self.processes[place].ask("state")
        return found

    def peers(self, place: int) -> set[str]:
        return set(self.processes[place].ask("peers"))

    def code(self, place: int, raw: bytes) -> str:
        """Of the result, or of the error. While a seat does not run nobody answers there."""
        process = self.processes.get(place)
        if process is None:
            return gone().code
        try:
            return str(process.ask("submit", raw=raw.hex())["result"]["code"])
        except TallystickError as error:
            return error.code

    def sent(self, place: int, raw: bytes) -> Future[str]:
        return self.pool.submit(self.code, place, raw)

    def until_kept(self, place: int, raw: bytes) -> str:
        """As a node does: the same bytes again and again until the outcome is known. A repeat is on the ledger."""
        outcome = ""

        def known() -> bool:
            nonlocal outcome
            outcome = self.code(place, raw)
            return outcome in ("ok", "taken", "repeat")

        wait_until(known, 3 * WAIT_S)
        return outcome

    def agree(self, *places: int) -> tuple[int, str]:
        """Waits until the seats have one head, and gives it. Their engines stand at most where it was decided."""
        heads: list[list[Any]] = []

        def one() -> bool:
            nonlocal heads
            heads = [self.state(place)["head"] for place in places]
            return len({tuple(head) for head in heads}) == 1

        wait_until(one, 2 * WAIT_S)
        height, head_hash = heads[0]
        return height, head_hash

    def hashes(self, place: int) -> list[str]:
        """Of all headers of a seat that does not run, from genesis on."""
        store = self.ring.plan(place).store()
        try:
            with store.reading() as reader:
                return [str(reader.header_hash(height)) for height in range(reader.head.height + 1)]
        finally:
            store.close()

    def notes(self, place: int) -> dict[str, list[str]]:
        """Of a seat that does not run: record ids by key, each with its result."""
        store = self.ring.plan(place).store()
        found: dict[str, list[str]] = {}
        try:
            with store.reading() as reader:
                for stored in reader.records(0, 1_000_000):
                    found.setdefault(stored.record.body["key"], []).append(str(stored.result["code"]))
        finally:
            store.close()
        return found

    def never_forked(self) -> dict[str, list[str]]:
        """Stops everything. Any two seats have the same headers as far as both go; gives the notes of the longest."""
        self.stop(*list(self.processes))
        every = sorted((self.hashes(place) for place in range(len(self.ring.seats))), key=len)
        longest = every[-1]
        assert all(hashes == longest[: len(hashes)] for hashes in every)
        return self.notes(max(range(len(self.ring.seats)), key=lambda place: len(self.hashes(place))))


@contextmanager
def fleet(path: Path, count: int, *, seats: Sequence[Seat] = (), start: Sequence[int] | None = None, **options: Any) -> Iterator[Fleet]:
    """So many seats, or those that are given; those of `start` run, by default all."""
    made = lay_out(list(seats) or [make_seat(path / f"seat-{number}", number) for number in range(count)], **options)
    with ThreadPoolExecutor(64) as pool:
        fleet = Fleet(made, pool)
        try:
            fleet.start(*(range(count) if start is None else start))
            yield fleet
        finally:
            for mortal in fleet.processes.values():
                mortal.kill()
