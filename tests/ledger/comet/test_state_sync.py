"""A newcomer takes a snapshot from others by CometBFT's state sync, and is then a replica like any other."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.audit import audit
from ledger.comet.statesync import StateSync
from ledger.errors import Unreachable
from ledger.snapshot import Snapshot, chunk_hash, pack, unpack
from ledger.snapshot_files import SnapshotFiles
from ledger.snapshot_restore import Restoring
from ledger.vouching import voucher_of
from tests.ledger.comet.ring import Ring, ring, wait_until
from tests.ledger.comet.ring_rules import RINGSET
from tests.ledger.small_ledger import code_of

NEWCOMER = 4
EVERY = 10


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def answering_ring(path: Path, **settings: Any) -> Iterator[tuple[Ring, list[str]]]:
    """Four validators, of which two answer light clients: one at a Unix socket, one on loopback; and a seat that does not run yet."""
    with tempfile.TemporaryDirectory() as short:
        servers = [f"unix://{short}/rpc.sock", f"tcp://127.0.0.1:{free_port()}"]
        with ring(path, 5, start=[], validators=4, snapshot_heights=EVERY, empty_blocks_interval_s=1, **settings) as made:
            made.own_settings.update({place: {"rpc_listen": server} for place, server in enumerate(servers)})
            made.start(0, 1, 2, 3)
            yield made, servers


def trust_in(made: Ring, servers: list[str]) -> StateSync:
    """What a member tells the newcomer: a block by its height and hash."""
    signed = made.engines[0].rpc.commit(2)["signed_header"]
    return StateSync(servers, 2, signed["commit"]["block_id"]["hash"], discovery_time_s=5)


def put(made: Ring, place: int, *names: str) -> None:
    for start in range(0, len(names), 20):
        answers = made.send(place, *(made.author.put(name) for name in names[start : start + 20]))
        assert {code_of(each) for each in answers} == {"ok"}


def newest_snapshot(made: Ring, place: int) -> int:
    return max((each.engine_height for each in made.engines[place]._maker.files.list()), default=0)


def wait_for_snapshot(made: Ring) -> int:
    """Until both that answer light clients offer one, with the headers that are needed; its height."""
    wait_until(lambda: all(newest_snapshot(made, place) > 0 for place in range(4)))
    snapshot = max(newest_snapshot(made, place) for place in range(4))
    wait_until(lambda: all(made.engines[place].position.height >= snapshot + 3 for place in range(4)))
    return snapshot


def sealed(made: Ring, place: int, height: int) -> bool:
    """Whether the validators' word on a block is kept there."""
    with made.stores[place].reading() as reader:
        return reader.checkpoint(height) is not None


def assert_audited(made: Ring, place: int) -> None:
    report = audit(made.stores[place], made.genesis, made.rulebook, voucher_of(made.genesis))
    assert report.findings == ()


def test_a_newcomer_joins_by_a_snapshot_and_goes_on(tmp_path: Path) -> None:
    with answering_ring(tmp_path) as (made, servers):
        put(made, 0, *(f"n{number}" for number in range(400)))
        height, _ = made.agree(0, 1, 2, 3)
        assert height >= 2 * EVERY
        snapshot = wait_for_snapshot(made)
        made.own_settings[NEWCOMER] = {"state_sync": trust_in(made, servers)}
        made.start(NEWCOMER)
        made.agree(0, NEWCOMER)
        assert_audited(made, NEWCOMER)
        with made.stores[NEWCOMER].reading() as theirs, made.stores[0].reading() as ours:
            for number in (0, 1, height // 2, height):
                assert theirs.joint_state_proof(["note/n3"], number) == ours.joint_state_proof(["note/n3"], number)

        put(made, 1, "after")
        after, _ = made.agree(0, 1, 2, 3, NEWCOMER)
        wait_until(lambda: sealed(made, NEWCOMER, after))
        # It has no block of the engine's from before the snapshot: those were not what it came by.
        assert int(made.engines[NEWCOMER].rpc.status()["sync_info"]["earliest_block_height"]) > snapshot
        made.stop(NEWCOMER)
        put(made, 2, "while it is away")
        made.start(NEWCOMER)
        put(made, NEWCOMER, "from the newcomer")
        made.agree(0, NEWCOMER)
        assert_audited(made, NEWCOMER)


class Liars:
    """What seats 2 and 3 do: the one sends other chunks than it tells of, the other makes a snapshot up that is newer than any."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._honest_list, self._honest_load = SnapshotFiles.list, SnapshotFiles.load
        self.told = 0

        def listed(files: SnapshotFiles) -> Sequence[Snapshot]:
            return self._listed(files)

        def loaded(files: SnapshotFiles, engine_height: int, index: int) -> bytes:
            return self._loaded(files, engine_height, index)

        monkeypatch.setattr(SnapshotFiles, "list", listed)
        monkeypatch.setattr(SnapshotFiles, "load", loaded)

    def _listed(self, files: SnapshotFiles) -> Sequence[Snapshot]:
        honest = self._honest_list(files)
        if "seat-3" not in str(files._directory) or not honest:
            return honest
        newest = honest[-1]
        return [*honest, Snapshot(newest.engine_height + 1, tuple(map(chunk_hash, self._made_up(files, newest))))]

    def _loaded(self, files: SnapshotFiles, engine_height: int, index: int) -> bytes:
        honest = self._honest_load(files, engine_height, index)
        if "seat-2" in str(files._directory):
            self.told += 1
            return pack(unpack(honest)[::-1])
        if "seat-3" in str(files._directory) and not honest:
            self.told += 1
            return pack(self._made_up(files, self._honest_list(files)[-1])[index])
        return honest

    def _made_up(self, files: SnapshotFiles, snapshot: Snapshot) -> Sequence[bytes]:
        chunks = [unpack(self._honest_load(files, snapshot.engine_height, index)) for index in range(len(snapshot.chunks))]
        return [chunk.replace(b'"count":1', b'"count":7') for chunk in chunks]


def test_peers_that_lie_are_left_out_and_the_newcomer_comes_to_the_ledger_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.snapshot.SNAPSHOT_CHUNK_BYTES", 4_096)
    liars = Liars(monkeypatch)
    with answering_ring(tmp_path) as (made, servers):
        put(made, 0, *(f"n{number}" for number in range(200)))
        made.agree(0, 1, 2, 3)
        wait_for_snapshot(made)
        made.own_settings[NEWCOMER] = {"state_sync": trust_in(made, servers)}
        made.start(NEWCOMER)
        made.agree(0, NEWCOMER)
        assert liars.told > 0
        assert_audited(made, NEWCOMER)
        put(made, NEWCOMER, "from the newcomer")


def test_a_newcomer_whose_processes_die_between_chunks_starts_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.snapshot.SNAPSHOT_CHUNK_BYTES", 4_096)
    with answering_ring(tmp_path) as (made, servers):
        put(made, 0, *(f"n{number}" for number in range(200)))
        made.agree(0, 1, 2, 3)
        wait_for_snapshot(made)
        made.own_settings[NEWCOMER] = {"state_sync": trust_in(made, servers)}
        feed, fed = Restoring.feed, list[int]()

        def feed_until_killed(restoring: Restoring, chunk: bytes) -> None:
            feed(restoring, chunk)
            fed.append(len(chunk))
            if len(fed) == 5:
                os.kill(made.engines[NEWCOMER]._process.pid or 0, signal.SIGKILL)
                raise Unreachable("storage-failed", "the disk is full for a moment")

        monkeypatch.setattr(Restoring, "feed", feed_until_killed)
        made.start(NEWCOMER)
        wait_until(lambda: len(fed) >= 5)
        assert made.head(NEWCOMER)[0] == 0
        made.agree(0, NEWCOMER)
        assert_audited(made, NEWCOMER)


def test_a_newcomer_whose_program_comes_to_other_states_stops_and_says_so(tmp_path: Path) -> None:
    with answering_ring(tmp_path) as (made, servers):
        put(made, 0, *(f"n{number}" for number in range(200)))
        made.agree(0, 1, 2, 3)
        wait_for_snapshot(made)
        made.own_settings[NEWCOMER] = {"state_sync": trust_in(made, servers)}
        made.rulebook = {1: replace(RINGSET, types={name: kind for name, kind in RINGSET.types.items() if name != "note.put"})}
        made.start(NEWCOMER)
        engine = made.engines[NEWCOMER]
        wait_until(lambda: engine.trouble is not None and engine._process.pid is None)
        assert engine.trouble is not None
        assert engine.trouble.code == "replay-differs"
        assert made.head(NEWCOMER)[0] == 0
