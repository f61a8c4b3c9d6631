"""Short stories of a ledger that append records block by block, each time the same bytes: whoever is stopped in one goes on with it, and
comes to the same headers. `solo` is the operator's engine, `commit` the application behind CometBFT, asked as its engine asks.

What is told goes over a pipe, a line at a time: `+ID` for a record whose answer came, `!CODE` for an answer that refused for now, and at
the end `=HASH`, the hash of the newest header. The line stays in the pipe whatever becomes of who wrote it.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import sqlalchemy.dialects.sqlite.pysqlite  # read before a story begins, or each process would read it while it is traced
from google.protobuf.timestamp_pb2 import Timestamp

from ledger.audit import AuditReport, audit
from ledger.clock import SettableClock
from ledger.comet import abci_pb2 as abci
from ledger.comet.application import Application
from ledger.comet.server import Answers, Connection
from ledger.comet.snapshots import Snapshots
from ledger.database import failing_as_unreachable
from ledger.errors import TallystickError, Unreachable
from ledger.execution import execute_genesis
from ledger.file_lock import FileLock
from ledger.header import network_of
from ledger.record import parse
from ledger.rules import Rulebook
from ledger.snapshot_files import SnapshotFiles
from ledger.solo import SoloEngine, begin_ledger
from ledger.store import LedgerStore
from ledger.vouching import Voucher
from ledger.writer_lock import WriterLock
from tests.ledger.comet.blocks import GENESIS as COMET_GENESIS
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import GENESIS, OPERATOR, START_MS, VOUCHER, Author, private_key, url_of
from tests.ledger.small_rules import RULEBOOK

BLOCKS: Final = 4
_MINUTE_MS: Final = 60_000
# A block is asked for so often before a story gives up for now.
_TRIES: Final = 3
# Pages in the write-ahead log before SQLite copies it back: its own thousand would take hours of blocks.
_CHECKPOINT_PAGES: Final = 24

Tell = Callable[[str], None]
_T = TypeVar("_T")


class Story(ABC):
    """One of the stories below."""

    name: str
    genesis: dict[str, Any]
    rulebook: Rulebook
    voucher: Voucher | None

    @abstractmethod
    def go(self, directory: Path, tell: Tell) -> None:
        """From wherever the directory stands to the end. Raises `TallystickError` where it cannot go on for now."""


@cache
def blocks_of(name: str) -> tuple[tuple[bytes, ...], ...]:
    """The records of a story, block by block; they are not made but read where faults are made."""
    genesis = STORIES[name].genesis
    first = execute_genesis(genesis, STORIES[name].rulebook).header
    assert first is not None
    author = Author(network_of(genesis), {"height": 0, "hash": first.hash})
    made = [
        [author.put(f"{block} {each}") for each in range(2 + block % 2)] + [author.once(private_key(f"once {block}")), author.put("0 0")]
        for block in range(BLOCKS)
    ]
    return tuple(tuple(block) for block in made)


class Solo(Story):
    """The operator's engine in one thread: every block is ordered, answered, and told."""

    name, genesis, rulebook, voucher = "solo", GENESIS, RULEBOOK, VOUCHER

    def go(self, directory: Path, tell: Tell) -> None:
        clock = SettableClock(START_MS + _MINUTE_MS)
        with opened(directory) as store:
            lock = WriterLock(FileLock(directory / "lock"), store.engine)
            engine = SoloEngine(store, self.genesis, self.rulebook, OPERATOR, clock, lock=lock)
            _tried(tell, engine.open)
            try:
                for number, block in enumerate(blocks_of(self.name), 1):
                    clock.advance(START_MS + number * _MINUTE_MS - clock.now_ms())
                    if not _stored(tell, store, block):
                        _tried(tell, partial(self._order, engine, block, tell))
                _tell_end(tell, store)
            finally:
                engine.stop()

    def _order(self, engine: SoloEngine, block: tuple[bytes, ...], tell: Tell) -> None:
        answers = [engine.submit(raw) for raw in block]
        engine.order()
        for answer in answers:
            tell(f"+{answer.result(0).record_id}")


class Commit(Story):
    """The application behind CometBFT: each block is asked for as its engine asks, and told when Commit is answered."""

    name, genesis, rulebook, voucher = "commit", COMET_GENESIS, RINGBOOK, None

    def go(self, directory: Path, tell: Tell) -> None:
        with opened(directory) as store:
            _tried(tell, partial(begin_ledger, store, self.genesis, self.rulebook, None))
            with closing(_tried(tell, partial(self._application, store))) as made:
                engine = _Engine(made, directory)
                for number, block in enumerate(blocks_of(self.name), 1):
                    _tried(tell, partial(self._decide, engine, number, block, tell))
                _tell_end(tell, store)

    @failing_as_unreachable()
    def _application(self, store: LedgerStore) -> Application:
        """Begun as the engine's thread begins it."""
        return Application(store, self.genesis, self.rulebook, lambda _position, _execution: None)

    def _decide(self, engine: _Engine, number: int, block: tuple[bytes, ...], tell: Tell) -> None:
        """As an engine does after each start, it asks first for the height that is durable."""
        if engine.ask(abci.Request(info=abci.RequestInfo())).info.last_block_height < number:
            time = Timestamp(seconds=(START_MS + number * _MINUTE_MS) // 1_000)
            engine.ask(abci.Request(finalize_block=abci.RequestFinalizeBlock(height=number, time=time, txs=block)))
            engine.ask(abci.Request(commit=abci.RequestCommit()))
        for raw in block:
            tell(f"+{parse(raw).id}")


class _Engine:
    """CometBFT's side of the application's own connection, without a socket in between."""

    def __init__(self, application: Application, directory: Path) -> None:
        snapshots = Snapshots(application, SnapshotFiles(directory / "snapshots", 1), lambda _: None)
        self._faults: list[TallystickError] = []
        answers = Answers(application, SettableClock(START_MS), lambda _: False, snapshots)
        self._connection = Connection(answers, self._faults.append)

    def ask(self, asked: abci.Request) -> abci.Response:
        """Raises what the application gave as the reason of its fault."""
        answer = self._connection._respond(asked.SerializeToString())
        if answer.WhichOneof("value") == "exception":
            raise self._faults.pop()
        return answer


STORIES: Final[dict[str, Story]] = {"solo": Solo(), "commit": Commit()}


@contextmanager
def opened(directory: Path) -> Iterator[LedgerStore]:
    """The ledger in a directory, which copies its write-ahead log back early. Raises as `LedgerStore`."""
    with closing(LedgerStore(url_of(directory / "ledger.db"))) as store:

        @sa.event.listens_for(store.engine, "connect")
        def on_connect(connection: sqlite3.Connection, _: Any) -> None:
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

        # The connections that there are were made before.
        store.engine.dispose()
        yield store


def audited(story: Story, directory: Path) -> tuple[AuditReport, set[str]]:
    """The audit of a directory's ledger, and the ids of the records on it. Raises as `LedgerStore`, and `NotFound` (`ledger-empty`)."""
    with closing(LedgerStore(url_of(directory / "ledger.db"))) as store:
        with store.reading() as reader:
            held = {each.id for each in reader.records(0, 1_000)}
        return audit(store, story.genesis, story.rulebook, story.voucher), held


def _tried(tell: Tell, work: Callable[[], _T]) -> _T:
    """Does it, again where it is refused for now: as whoever sends a record does."""
    for _ in range(_TRIES - 1):
        try:
            return work()
        except Unreachable as error:
            tell(f"!{error.code}")
    return work()


def _stored(tell: Tell, store: LedgerStore, block: tuple[bytes, ...]) -> bool:
    """Whether a block is on the ledger already: all of it, or nothing."""

    def look() -> set[bool]:
        with store.reading() as reader:
            return {reader.record(parse(raw).id) is not None for raw in block}

    found = _tried(tell, look)
    assert len(found) == 1, "half a block is stored"
    return found.pop()


def _tell_end(tell: Tell, store: LedgerStore) -> None:
    def look() -> str:
        with store.reading() as reader:
            return reader.head.hash

    tell(f"={_tried(tell, look)}")
