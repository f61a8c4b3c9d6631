"""A consortium of the small ledger on this machine: real CometBFT processes on loopback, each with an application in this process."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.clock import SystemClock
from ledger.comet.engine import CometEngine, CometSetup
from ledger.comet.files import CometHome, Settings
from ledger.comet.validators import address_of
from ledger.engine import Receipt
from ledger.header import network_of
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import Author, genesis_document, url_of

WAIT_S = 60.0


@dataclass
class Seat:
    """One validator to be: its directory, its public keys and where it listens."""

    path: Path
    home: CometHome
    validator: bytes
    node: bytes
    port: int
    listener: socket.socket

    @property
    def peer(self) -> str:
        return f"{address_of(self.node)}@127.0.0.1:{self.port}"


@dataclass
class Ring:
    """Seats, what they began from, and the engines that run now."""

    seats: list[Seat]
    genesis: dict[str, Any]
    author: Author
    rulebook: Rulebook = field(default_factory=lambda: RINGBOOK)
    settings: dict[str, Any] = field(default_factory=dict)
    own_settings: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By seat, what is set there beside, or in place of, the settings of all."""
    engines: dict[int, CometEngine] = field(default_factory=dict)
    stores: dict[int, LedgerStore] = field(default_factory=dict)

    def engine(self, place: int) -> CometEngine:
        seat = self.seats[place]
        store = self.stores[place] = LedgerStore(url_of(seat.path / "ledger.db"))
        peers = [other.peer for other in self.seats if other is not seat]
        settings = Settings(listen=f"127.0.0.1:{seat.port}", peers=peers, **{**self.settings, **self.own_settings.get(place, {})})
        known = {address_of(other.node) for other in self.seats}
        setup = CometSetup(seat.home, seat.path / "comet.log", settings, known.__contains__)
        return CometEngine(store, self.genesis, self.rulebook, SystemClock(), setup)

    def start(self, *places: int) -> None:
        for place in places:
            # Nobody took the port meanwhile: it was bound until now.
            with suppress(OSError):
                self.seats[place].listener.close()
            engine = self.engines[place] = self.engine(place)
            engine.start()

    def stop(self, *places: int) -> None:
        for place in places:
            self.engines.pop(place).stop()
            self.stores.pop(place).close()

    def see_genesis(self) -> None:
        """Lets the author know the network's first header."""
        store = next(iter(self.stores.values()))
        with store.reading() as reader:
            self.author.seen = {"height": 0, "hash": reader.header_hash(0)}

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
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.05)


def make_seat(path: Path, number: int) -> Seat:
    path.mkdir(mode=0o700)
    home = CometHome(path / "comet")
    validator, node = (Ed25519PrivateKey.from_private_bytes(bytes([kind, number]) * 16) for kind in (1, 2))
    publics = home.make(validator, node)
    listener = socket.create_server(("127.0.0.1", 0))
    return Seat(path, home, *publics, listener.getsockname()[1], listener)


@contextmanager
def ring(path: Path, count: int, *, start: Sequence[int] | None = None, validators: int | None = None, **settings: Any) -> Iterator[Ring]:
    """A network of so many seats, the first `validators` of which vote; those of `start` run, by default all."""
    seats = [make_seat(path / f"seat-{number}", number) for number in range(count)]
    genesis = genesis_document(quota=10_000)
    genesis["time"] = SystemClock().now_ms() - 1_000
    genesis["engine"] = {"kind": "comet"}
    genesis["application"]["validators"] = [{"public": seat.validator.hex(), "power": 10} for seat in seats[:validators]]
    made = Ring(seats, genesis, Author(network_of(genesis), {"height": 0, "hash": ""}, now_ms=SystemClock().now_ms()), settings=settings)
    try:
        made.start(*(range(count) if start is None else start))
        if made.engines:
            made.see_genesis()
        yield made
    finally:
        made.stop(*list(made.engines))
        for seat in seats:
            seat.listener.close()
