"""What real CometBFT processes ask is what the published grammar says that they may."""

from __future__ import annotations

import asyncio
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
from tests.ledger.comet.test_state_sync import NEWCOMER, answering_ring, put, trust_in, wait_for_snapshot
from tests.ledger.comet.wire import NAMES
from tests.ledger.small_ledger import code_of

SEATS = 4


class Traces:
    """The calls of the grammar that each application was asked, by its thread: one list for each engine that was started, which opens four
    connections at once.
    """

    def __init__(self) -> None:
        self._connections: dict[int, list[server.Connection]] = defaultdict(list)
        self._runs: dict[int, list[list[str]]] = defaultdict(list)

    @property
    def runs(self) -> list[list[str]]:
        return [run for each in self._runs.values() for run in each]

    def connected(self, connection: server.Connection) -> None:
        thread = threading.get_ident()
        if len(self._connections[thread]) % len(NAMES) == 0:
            self._runs[thread].append([])
        self._connections[thread].append(connection)

    def asked(self, connection: server.Connection, message: bytes) -> None:
        kind = str(abci.Request.FromString(message).WhichOneof("value"))
        if kind in KINDS:
            thread = threading.get_ident()
            self._runs[thread][self._connections[thread].index(connection) // len(NAMES)].append(kind)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    made, connect, respond = Traces(), server.Connection.connection_made, server.Connection._respond

    def connecting(connection: server.Connection, transport: asyncio.BaseTransport) -> None:
        made.connected(connection)
        connect(connection, transport)

    def responding(connection: server.Connection, message: bytes) -> abci.Response:
        made.asked(connection, message)
        return respond(connection, message)

    monkeypatch.setattr(server.Connection, "connection_made", connecting)
    monkeypatch.setattr(server.Connection, "_respond", responding)
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
    assert len(traces.runs) == SEATS + 3
    assert_grammatical(traces.runs)
    begun = [run for run in traces.runs if "init_chain" in run]
    assert len(begun) == SEATS + 1
    for run in traces.runs:
        assert run in begun or fits(RECOVERY, run) == len(run), run
        assert run.count("commit") > 1
    asked = {kind for run in traces.runs for kind in run}
    assert asked == {"info", "init_chain", "prepare_proposal", "process_proposal", "finalize_block", "commit"}


@pytest.mark.deep
def test_a_newcomers_calls_fit_the_grammar_of_state_sync(tmp_path: Path, traces: Traces) -> None:
    with answering_ring(tmp_path) as (made, servers):
        put(made, 0, *(f"n{number}" for number in range(200)))
        wait_for_snapshot(made)
        made.own_settings[NEWCOMER] = {"state_sync": trust_in(made, servers)}
        made.start(NEWCOMER)
        put(made, 0, "after")
        made.agree(0, NEWCOMER)
    assert_grammatical(traces.runs)
    (synced,) = [run for run in traces.runs if "offer_snapshot" in run]
    assert "init_chain" not in synced
    assert synced.index("apply_snapshot_chunk") < synced.index("info") < synced.index("finalize_block")


def assert_grammatical(runs: list[list[str]]) -> None:
    for run in runs:
        assert fits(START, run) == len(run), run
        assert not VOTE_EXTENSIONS & set(run)
