"""A consortium of the small ledger on this machine: real CometBFT processes on loopback, each with an application in this process, or
in one of its own: see `fleet`.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.clock import SystemClock
from ledger.comet.engine import CometEngine, CometSetup
from ledger.comet.files import CometHome, Settings
from ledger.comet.validators import address_of
from ledger.engine import Receipt
from ledger.execution import execute_genesis
from ledger.header import network_of
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from tests import waiting
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import Author, genesis_document, url_of

WAIT_S = 60.0
LOOPBACK = "127.0.0.1"
# Below those that systems give to outgoing connections: while a seat is down nobody takes its port by chance.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Seat:
    """One validator to be: its directory, its public keys and where it listens. `namespace` names its network, None for the machine's."""

    path: Path
    home: CometHome
    validator: bytes
    node: bytes
    host: str
    port: int
    namespace: str | None = None

    @property
    def identity(self) -> str:
        return address_of(self.node)

    @property
    def peer(self) -> str:
        return f"{self.identity}@{self.host}:{self.port}"

    @property
    def database(self) -> Path:
        return self.path / "ledger.db"


@dataclass(frozen=True)
class Plan:
    """All that an engine of the small ledger is made from, in this process or another."""

    seat: Seat
    genesis: dict[str, Any]
    settings: Settings
    known: frozenset[str]

    def engine(self, store: LedgerStore, rulebook: Rulebook = RINGBOOK) -> CometEngine:
        setup = CometSetup(self.seat.home, self.seat.path / "comet.log", self.settings, self.known.__contains__)
        return CometEngine(store, self.genesis, rulebook, SystemClock(), setup)

    def store(self) -> LedgerStore:
        return LedgerStore(url_of(self.seat.database))

    def head(self) -> tuple[int, str]:
        """Of a seat that may run elsewhere, or not at all."""
        store = self.store()
        try:
            with store.reading() as reader:
                return reader.head.height, reader.head.hash
        finally:
            store.close()


@dataclass
class Ring:
    """Seats, what they began from, and the engines that run now. `strangers` are seats that the others do not know."""

    seats: list[Seat]
    genesis: dict[str, Any]
    author: Author
    rulebook: Rulebook = field(default_factory=lambda: RINGBOOK)
    settings: dict[str, Any] = field(default_factory=dict)
    own_settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By seat, what is set there beside, or in place of, the settings of all."""
    engines: dict[int, CometEngine] = field(default_factory=dict)
    stores: dict[int, LedgerStore] = field(default_factory=dict)
    strangers: set[int] = field(default_factory=set)

    def plan(self, place: int) -> Plan:
        seat = self.seats[place]
        peers = [other.peer for other in self.seats if other is not seat]
        settings = Settings(listen=f"{seat.host}:{seat.port}", peers=peers, **{**self.settings, **self.own_settings.get(place, {})})
        return Plan(seat, self.genesis, settings, self.known(place))

    def known(self, place: int) -> frozenset[str]:
        """Whom a seat lets connect."""
        return frozenset(o.identity for number, o in enumerate(self.seats) if number not in self.strangers or place in self.strangers)

    def engine(self, place: int) -> CometEngine:
        plan = self.plan(place)
        store = self.stores[place] = plan.store()
        return plan.engine(store, self.rulebook)

    def start(self, *places: int) -> None:
        for place in places:
            engine = self.engines[place] = self.engine(place)
            engine.start()

    def stop(self, *places: int) -> None:
        for place in places:
            self.engines.pop(place).stop()
            self.stores.pop(place).close()

    def send(self, place: int, *raws: bytes) -> list[Receipt | BaseException]:
        futures = [self.engines[place].submit(raw) for raw in raws]
        return [future.exception(WAIT_S) or future.result() for future in futures]

    def head(self, place: int) -> tuple[int, str]:
        with self.stores[place].reading() as reader:
            return reader.head.height, reader.head.hash

    def agree(self, *places: int) -> tuple[int, str]:
        """Waits until the seats have one head, and gives it."""
        wait_until(lambda: len({self.head(place) for place in places}) == 1)
        return self.head(places[0])


def wait_until(true: Callable[[], bool], seconds: float = WAIT_S) -> None:
    waiting.wait_until(true, seconds)


def make_seat(path: Path, number: int, host: str = LOOPBACK, namespace: str | None = None) -> Seat:
    path.mkdir(mode=0o700, parents=True)
    home = CometHome(path / "comet")
    validator, node = (Ed25519PrivateKey.from_private_bytes(bytes([kind, number]) * 16) for kind in (1, 2))
    publics = home.make(validator, node)
    return Seat(path, home, *publics, host, _free_port() if namespace is None else _PORTS[0], namespace)


def _free_port() -> int:
    # Not seeded: tests that run at the same time are to choose others.
    for port in random.SystemRandom().sample(_PORTS, 100):
        try:
            with socket.create_server((LOOPBACK, port)):
                return port
        except OSError:
            continue
    raise AssertionError("a hundred ports of this machine are taken")


def lay_out(seats: list[Seat], validators: int | None = None, **settings: Any) -> Ring:
    """A network in which nobody runs yet. The author has seen its genesis."""
    genesis = genesis_document(quota=10_000)
    genesis["time"] = SystemClock().now_ms() - 1_000
    genesis["engine"] = {"kind": "comet"}
    genesis["application"]["validators"] = [{"public": seat.validator.hex(), "power": 10} for seat in seats[:validators]]
    header = execute_genesis(genesis, RINGBOOK).header
    assert header is not None
    author = Author(network_of(genesis), {"height": 0, "hash": header.hash}, now_ms=SystemClock().now_ms())
    return Ring(seats, genesis, author, settings=settings)


@contextmanager
def ring(path: Path, count: int, *, start: Sequence[int] | None = None, validators: int | None = None, **settings: Any) -> Iterator[Ring]:
    """A network of so many seats, the first `validators` of which vote; those of `start` run, by default all."""
    made = lay_out([make_seat(path / f"seat-{number}", number) for number in range(count)], validators, **settings)
    try:
        made.start(*(range(count) if start is None else start))
        yield made
    finally:
        made.stop(*list(made.engines))
