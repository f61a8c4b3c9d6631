"""What waits for a block, and what is kept from waiting: records that come late, twice, too early, or should never have come."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ledger.clock import SystemClock
from ledger.comet import abci_pb2 as abci
from ledger.comet.server import Answers
from ledger.engine import Receipt
from tests.conftest import DEEP
from tests.ledger.comet.ring import Ring, ring, wait_until
from tests.ledger.small_ledger import ANNE, BOB, STRANGER, code_of, key_id, sealed_shape

# CometBFT is told to make a block where nothing happens: by default every ten seconds.
INTERVAL_S = 10 if DEEP else 1


def blocks_over(made: Ring, seconds: float) -> int:
    before = made.engines[0].position.height
    time.sleep(seconds)
    return made.engines[0].position.height - before


def test_time_goes_on_without_records_and_nothing_spins(tmp_path: Path) -> None:
    with ring(tmp_path, 4, empty_blocks_interval_s=INTERVAL_S) as made:
        assert code_of(made.send(0, made.author.put("before"))[0]) == "ok"
        height, _ = made.agree(0, 1, 2, 3)
        engine, app_hash = made.engines[0].position.height, made.engines[0].position.app_hash
        wait_until(lambda: made.engines[0].position.height >= engine + 4)
        assert blocks_over(made, 3 * INTERVAL_S) <= 2 * 3
        assert made.engines[0].position.app_hash == app_hash
        assert made.head(0)[0] == height
        sent_ms = SystemClock().now_ms()
        receipt = made.send(1, made.author.put("after"))[0]
        assert isinstance(receipt, Receipt) and receipt.time_ms >= sent_ms - (INTERVAL_S + 5) * 1_000


def test_what_nobody_authenticated_leaves_nothing_wherever_it_is_put(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        good = made.author.put("good")
        broken = made.author.put("broken")
        place = broken.index(b'"signatures":["') + 40
        broken = broken[:place] + (b"A" if broken[place : place + 1] != b"A" else b"B") + broken[place + 1 :]
        bad = [b"", b"no record", broken, made.author.put("stranger", STRANGER), good[:-1]]
        wait_until(lambda: all(engine.position.height > 0 for engine in made.engines.values()))
        for engine in made.engines.values():
            engine.rpc.send(bad)
        assert code_of(made.send(3, good)[0]) == "ok"
        assert made.agree(0, 1, 2, 3)[0] == 1
        assert blocks_over(made, 3) <= 3
        with made.stores[0].reading() as reader:
            assert [stored.record.body["key"] for stored in reader.records(0, 10)] == ["good"]


def test_a_record_that_is_sent_to_everybody_at_once_is_there_once(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        raws = [made.author.put(f"n{number}") for number in range(10)]
        sent = [[engine.submit(raw) for engine in made.engines.values()] for raw in raws]
        for futures in sent:
            answers = [future.exception(60) or future.result() for future in futures]
            assert {code_of(answer) for answer in answers} <= {"ok", "repeat"}
            assert len({answer.log_index for answer in answers if isinstance(answer, Receipt)}) == 1
        made.agree(0, 1, 2, 3)
        with made.stores[2].reading() as reader:
            assert sorted(stored.record.body["key"] for stored in reader.records(0, 100)) == sorted(f"n{number}" for number in range(10))


def seen(made: Ring, place: int, height: int) -> dict[str, Any]:
    with made.stores[place].reading() as reader:
        return {"height": height, "hash": reader.header_hash(height)}


def test_records_that_name_a_header_which_others_do_not_hold_yet_are_not_lost(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        for number in range(16):
            here, there = number % 4, (number + 1) % 4
            receipt = made.send(here, made.author.put(f"first-{number}"))[0]
            assert isinstance(receipt, Receipt)
            newest = seen(made, here, receipt.height)
            assert code_of(made.send(there, made.author.put(f"second-{number}", seen=newest))[0]) == "ok"


def test_a_record_of_a_header_that_never_comes_is_let_go(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        assert code_of(made.send(0, made.author.put("before"))[0]) == "ok"
        nowhere = {"height": 1_000_000, "hash": "00" * 32}
        assert code_of(made.send(0, made.author.put("nowhere", seen=nowhere))[0]) == "replica-behind"
        wait_until(lambda: blocks_over(made, 3) <= 2)
        assert code_of(made.send(1, made.author.put("after"))[0]) == "ok"


def test_a_record_whose_key_ends_while_it_waits_is_answered(tmp_path: Path) -> None:
    with ring(tmp_path, 1) as made:
        end = made.author.record("key.end", {"key": key_id(BOB)}, [ANNE])
        answers = made.send(0, end, made.author.put("late", BOB))
        assert [code_of(answer) for answer in answers] == ["ok", "key-not-alive"]
        assert made.engines[0].waiting() == 0


def test_more_than_one_request_or_one_block_can_carry_arrives(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        part = {**sealed_shape("large"), "text": "A" * 500_000}
        raws = [made.author.put(f"large-{number}", sealed={"letter": part}) for number in range(10)]
        assert {code_of(answer) for answer in made.send(0, *raws)} == {"ok"}
        made.agree(0, 1, 2, 3)


def test_whoever_the_members_do_not_know_cannot_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    query = Answers._query

    def noted(self: Answers, request: abci.RequestQuery) -> abci.ResponseQuery:
        asked.append(request.path)
        return query(self, request)

    monkeypatch.setattr(Answers, "_query", noted)
    with ring(tmp_path, 5, start=[], validators=4) as made:
        made.strangers.add(4)
        made.start(0, 1, 2, 3, 4)
        assert code_of(made.send(0, made.author.put("among-us"))[0]) == "ok"
        stranger = made.seats[4].identity
        wait_until(lambda: asked.count(f"/p2p/filter/id/{stranger}") >= 4)
        assert code_of(made.send(1, made.author.put("still"))[0]) == "ok"
        assert all(stranger not in made.engines[place].rpc.connected() for place in range(4))
        assert made.engines[4].position.height == 0
