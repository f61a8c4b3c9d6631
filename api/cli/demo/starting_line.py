"""Two banks that ask in the same moment. An operator's engine is held until both records lie before it; a consortium needs no help."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final

from api.cli.demo.client import Answer, Unexpected
from ledger.engine import Engine
from ledger.solo import SoloEngine

_RACE_S: Final = 30.0
_LOOK_S: Final = 0.01


class StartingLine:
    """`start` lets them run once all are there."""

    def __init__(self, engine: Engine, racers: int) -> None:
        self._engine, self._racers = engine, racers

    def start(self, racing: Sequence[Future[Answer]]) -> None:
        """Raises `Unexpected` (`race-not-run`) where one never comes to the line."""
        engine = self._engine
        if not isinstance(engine, SoloEngine):
            return
        end = time.monotonic() + _RACE_S
        while engine.waiting() < self._racers:
            if time.monotonic() > end or any(each.done() for each in racing):
                raise Unexpected("race-not-run", "the two applications did not reach the engine")
            time.sleep(_LOOK_S)
        engine.resume()


@contextmanager
def starting_line(engine: Engine, racers: int) -> Iterator[StartingLine]:
    """Whatever happens, nobody is held afterwards."""
    if not isinstance(engine, SoloEngine):
        yield StartingLine(engine, racers)
        return
    engine.pause()
    try:
        yield StartingLine(engine, racers)
    finally:
        engine.resume()
