"""Homes that are not as they were: begun twice, with an older ledger, or with an engine that has lost its blocks."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from ledger.comet.application import Application
from tests.conftest import DEEP
from tests.ledger.comet.ring import Ring, Seat, ring, wait_until
from tests.ledger.small_ledger import code_of

FIRST_KILLS = 100 if DEEP else 4


def copied(seat: Seat, to: Path) -> None:
    to.mkdir()
    for path in seat.path.glob("ledger.db*"):
        shutil.copy(path, to)


def put_back(seat: Seat, older: Path) -> None:
    for path in seat.path.glob("ledger.db*"):
        path.unlink()
    for path in older.iterdir():
        shutil.copy(path, seat.path)


def begun(made: Ring) -> bool:
    return made.engines[0]._process.pid is not None


def put(made: Ring, *names: str) -> None:
    assert [code_of(answer) for answer in made.send(0, *map(made.author.put, names))] == ["ok"] * len(names)


def test_a_network_that_was_begun_and_has_no_block_yet_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    begin = Application.begin

    def counted(self: Application, chain_id: str, powers: Mapping[str, int]) -> bytes:
        begun.append(chain_id)
        return begin(self, chain_id, powers)

    monkeypatch.setattr(Application, "begin", counted)
    with ring(tmp_path, 4, start=[0]) as made:
        wait_until(lambda: len(begun) == 1)
        made.stop(0)
        made.start(0)
        wait_until(lambda: len(begun) == 2)
        made.start(1, 2, 3)
        put(made, "first")
        made.agree(0, 1, 2, 3)


def test_an_engine_that_was_ended_while_it_made_its_databases_makes_them_anew(tmp_path: Path) -> None:
    with ring(tmp_path, 1, start=[]) as made:
        data = made.seats[0].home.path / "data"
        for name in ("blockstore.db", "evidence.db"):
            (data / name).mkdir()
            for file in ("LOCK", "LOG", "MANIFEST-000000"):
                (data / name / file).touch()
        # As it is where a disk has lost a part of what was there.
        lost = data / "elsewhere.db"
        lost.mkdir()
        (lost / "000002.ldb").touch()
        made.start(0)
        put(made, "first")
        assert lost.exists()


def test_an_engine_that_is_killed_in_its_first_moments_begins_all_the_same(tmp_path: Path) -> None:
    rng = random.Random(7)
    for turn in range(FIRST_KILLS):
        with ring(tmp_path / f"{turn}", 1) as made:
            wait_until(partial(begun, made))
            time.sleep(rng.uniform(0, 0.4))
            os.kill(made.engines[0]._process.pid or 0, signal.SIGKILL)
            put(made, "first")


def test_an_older_ledger_or_none_is_brought_up_by_the_engines_own_blocks(tmp_path: Path) -> None:
    with ring(tmp_path / "ring", 1) as made:
        put(made, "one", "two")
        made.stop(0)
        copied(made.seats[0], tmp_path / "older")
        made.start(0)
        for name in ("three", "four", "five"):
            put(made, name)
        head, height = made.head(0), made.engines[0].position.height
        for older in (tmp_path / "older", tmp_path / "none"):
            older.mkdir(exist_ok=True)
            made.stop(0)
            put_back(made.seats[0], older)
            made.start(0)
            wait_until(lambda: made.engines[0].position.height >= height)
            assert made.head(0) == head
        put(made, "six")


@pytest.mark.parametrize("lost", ["all", "newest"])
def test_a_ledger_that_is_ahead_of_its_engine_stays_down_and_says_why(lost: str, tmp_path: Path) -> None:
    with ring(tmp_path / "ring", 1) as made:
        put(made, "one")
        made.stop(0)
        data, state = made.seats[0].home.path / "data", made.seats[0].home.validator_state_file
        shutil.copytree(data, tmp_path / "older")
        made.start(0)
        put(made, "two")
        put(made, "three")
        made.stop(0)
        voted = state.read_bytes()
        shutil.rmtree(data)
        if lost == "all":
            data.mkdir(mode=0o700)
        else:
            shutil.copytree(tmp_path / "older", data)
        state.write_bytes(voted)
        made.start(0)
        engine = made.engines[0]
        wait_until(lambda: not engine._supervisor._thread.is_alive())
        assert engine.trouble is not None and engine.trouble.code == "engine-behind"
        assert "a validator is lost" in engine.trouble.hint
        assert code_of(made.send(0, made.author.put("four"))[0]) == "engine-behind"
