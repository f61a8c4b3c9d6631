"""Lives of an application: runs of an engine that is none, one after the other, of every shape that the grammar has, cut off anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.conftest import DEEP
from tests.ledger.comet.fake_engine import Choices, FakeEngine, Signatures
from tests.ledger.comet.grammar import (
    CLEAN_START,
    CONSENSUS_HEIGHT,
    CONSENSUS_ROUND,
    RECOVERY,
    START,
    VOTE_EXTENSIONS,
    Expression,
    after,
    each,
    fits,
    without,
    words,
)
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.comet.samples import GENESIS
from tests.ledger.small_ledger import url_of

RUNS_MAX = 2 + DEEP


@cache
def begun() -> bytes:
    """A database that holds genesis."""
    with tempfile.TemporaryDirectory(prefix="tallystick-") as directory:
        file = Path(directory) / "ledger.db"
        store = LedgerStore(url_of(file))
        begin_ledger(store, GENESIS, RINGBOOK, None)
        store.close()
        return file.read_bytes()


@contextmanager
def fake_engine(data: st.DataObject) -> Iterator[FakeEngine]:
    with tempfile.TemporaryDirectory(prefix="tallystick-") as directory, Signatures().counted() as signatures:
        file = Path(directory) / "ledger.db"
        file.write_bytes(begun())
        made = FakeEngine(url_of(file), Choices(data), signatures)
        made.open()
        made.connect()
        try:
            yield made
        finally:
            made.close()


@cache
def some_words(expression: Expression) -> st.SearchStrategy[tuple[str, ...]]:
    """Some heights at least; most without vote extensions, which Tallystick's consortiums have turned off."""
    going_on = each(expression, CONSENSUS_ROUND, CONSENSUS_HEIGHT, CONSENSUS_ROUND, CONSENSUS_HEIGHT)
    plain = words(without(going_on, VOTE_EXTENSIONS), 2)
    return st.one_of(plain, plain, plain, words(going_on, 1))


def live(made: FakeEngine, data: st.DataObject) -> None:
    """Runs of the engine, one after the other, each of which ends by a death at any call."""
    word = data.draw(some_words(CLEAN_START))
    for last in (False,) * (RUNS_MAX - 1) + (True,):
        place = len(word) if last else data.draw(st.integers(len(made.calls), max(len(word), len(made.calls))))
        for kind in word[len(made.calls) : place]:
            made.step(kind)
            if data.draw(st.integers(0, 2)) == 2:
                made.ask_aside()
            if kind == "commit":
                made.recheck()
        assert fits(START, made.calls) == len(made.calls)
        if not last:
            made.die(word[place] if place < len(word) and data.draw(st.booleans()) else None, application=data.draw(st.booleans()))
            # Whether the engine begins anew is seen by where the application stands.
            way = RECOVERY if made.reference.position.height else CLEAN_START
            word = ("info", *data.draw(some_words(after(way, "info"))))
