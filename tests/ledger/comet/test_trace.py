"""What real CometBFT processes ask is what the published grammar says that they may."""

from __future__ import annotations

import os
import signal
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from ledger.comet import abci_pb2 as abci
from ledger.comet import server
from tests.ledger.comet.grammar import KINDS, RECOVERY, START, VOTE_EXTENSIONS, fits
from tests.ledger.comet.ring import Ring, ring, wait_until
from tests.ledger.small_ledger import code_of

SEATS = 4


class Traces:
    """The calls of the grammar that each application was asked, by its thread: one list for each start of an engine."""

    def __init__(self) -> None:
        self.runs: dict[str, list[list[str]]] = defaultdict(list)
        self._greeted: list[server.Connection] = []

    def note(self, connection: server.Connection, message: bytes) -> None:
        kind = str(abci.Request.FromString(message).WhichOneof("value"))
        if kind not in KINDS:
            return
        runs = self.runs[str(threading.get_ident())]
        # A handshake is the first Info of a connection; whoever is curious asks over the same one later.
        if kind == "info" and connection in self._greeted:
            return
        if kind == "info":
            self._greeted.append(connection)
            runs.append([])
        runs[-1].append(kind)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    made, respond = Traces(), server.Connection._respond

    def noting(connection: server.Connection, message: bytes) -> abci.Response:
        made.note(connection, message)
        return respond(connection, message)

    monkeypatch.setattr(server.Connection, "_respond", noting)
    return made


def send(made: Ring, name: str, *places: int) -> None:
    for place in places:
        answers = made.send(place, *(made.author.put(f"{name}-{place}-{number}") for number in range(5)))
        assert {code_of(each) for each in answers} == {"ok"}


def test_a_consortiums_calls_fit_the_grammar_through_a_restart_and_a_replay(tmp_path: Path, traces: Traces) -> None:
    with ring(tmp_path, SEATS) as made:
        send(made, "all", *range(SEATS))
        made.agree(*range(SEATS))
        made.stop(SEATS - 1)
        # Without one of four the proposer's turn now and then goes to who is away: rounds are repeated.
        for number in range(3):
            send(made, f"without-{number}", 0, 1, 2)
        made.start(SEATS - 1)
        send(made, "again", *range(SEATS))
        made.agree(*range(SEATS))
        # CometBFT is killed under one application, which goes on.
        pid = made.engines[0]._process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: made.engines[0]._process.pid not in (None, pid))
        send(made, "killed", *range(SEATS))
        # An application that lost its ledger is given every block again.
        made.stop(1)
        for file in made.seats[1].path.glob("ledger.db*"):
            file.unlink()
        made.start(1)
        head = made.agree(*range(SEATS))
        assert head[0] >= 8
    runs = [run for each in traces.runs.values() for run in each]
    assert len(runs) == SEATS + 3
    for run in runs:
        assert fits(START, run) == len(run), run
        assert not VOTE_EXTENSIONS & set(run)
    begun = [run for run in runs if "init_chain" in run]
    assert len(begun) == SEATS + 1
    for run in runs:
        if run not in begun:
            assert fits(RECOVERY, run) == len(run), run
        assert run.count("commit") > 1
    assert {kind for run in runs for kind in run} == {
        "info",
        "init_chain",
        "prepare_proposal",
        "process_proposal",
        "finalize_block",
        "commit",
    }
