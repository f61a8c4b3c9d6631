"""A ledger of the comet engine without CometBFT: a test decides the blocks, and the application executes them as it does its engine's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ledger.comet.application import Application
from ledger.header import network_of
from ledger.rules import Rulebook
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import START_MS, Author, genesis_document, url_of


def comet_genesis(name: str = "comet") -> dict[str, Any]:
    genesis = genesis_document(name=name, quota=10_000)
    genesis["engine"] = {"kind": "comet"}
    genesis["application"]["validators"] = [{"public": "11" * 32, "power": 10}]
    return genesis


GENESIS: Final = comet_genesis()


@dataclass
class Blocks:
    """Its store, its application, and an author whose records it takes."""

    store: LedgerStore
    application: Application
    author: Author

    def decide(self, *raws: bytes) -> None:
        """The engine's next block."""
        height = self.application.position.height + 1
        self.application.finalize(height, START_MS + 1_000 * height, raws)
        self.application.commit()

    def put(self, *names: str) -> None:
        self.decide(*(self.author.put(name) for name in names))

    @property
    def place(self) -> tuple[int, bytes]:
        """The engine's height, and the app hash after it."""
        return self.application.position.height, self.application.position.app_hash


@contextmanager
def blocks(place: Path | str, *, genesis: dict[str, Any] = GENESIS, rulebook: Rulebook = RINGBOOK) -> Iterator[Blocks]:
    """A ledger in a file, or at a database's address; an existing one goes on."""
    store = LedgerStore(place if isinstance(place, str) else url_of(place))
    try:
        begin_ledger(store, genesis, rulebook, None)
        application = Application(store, genesis, rulebook, lambda _position, _execution: None)
        try:
            with store.reading() as reader:
                seen = {"height": 0, "hash": reader.header_hash(0)}
            yield Blocks(store, application, Author(network_of(genesis), seen))
        finally:
            application.close()
    finally:
        store.close()
