"""The solo engine groups, answers everyone once, survives what happens to disks and clocks, and signs what it stores."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event

from ledger.checkpoint import verify_note
from ledger.clock import SettableClock
from ledger.errors import Refused, TallystickError, Unreachable
from ledger.execution import execute
from ledger.file_lock import FileLock
from ledger.limits import CLOCK_JUMP_MS_MAX
from ledger.log_operator import Operator
from ledger.solo import SoloEngine
from ledger.store import LedgerStore
from tests.ledger.small_ledger import ANNE, OPERATOR, START_MS, Solo, code_of, genesis_document, solo_ledger, url_of
from tests.ledger.small_rules import RULEBOOK


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def solo(tmp_path: Path) -> Iterator[Solo]:
    with solo_ledger(tmp_path / "ledger.db") as running:
        yield running


def test_what_arrives_together_shares_a_block(solo: Solo) -> None:
    answers = solo.send(*(solo.author.put(f"k{n}") for n in range(10)))
    assert [(answer.height, answer.position) for answer in answers] == [(1, n) for n in range(10)]  # type: ignore[union-attr]


def test_a_receipt_says_what_is_stored(solo: Solo) -> None:
    (answer,) = solo.send(solo.author.put("k"))
    with solo.store.reading() as reader:
        stored = reader.record(answer.record_id)  # type: ignore[union-attr]
    assert stored is not None
    assert answer.to_json() == {  # type: ignore[union-attr]
        "record_id": stored.id,
        "height": stored.height,
        "time_ms": stored.time_ms,
        "log_index": stored.log_index,
        "position": stored.position,
        "result": stored.result,
    }


def test_a_client_that_went_away_leaves_its_record_out_and_the_others_in(solo: Solo) -> None:
    solo.engine.pause()
    kept, gone = solo.engine.submit(solo.author.put("kept")), solo.engine.submit(solo.author.put("gone"))
    assert gone.cancel()
    solo.engine.resume()
    assert kept.result(30).code == "ok"
    with solo.store.reading() as reader:
        assert [record.body["key"] for record in (item.record for item in reader.records(0, 10))] == ["kept"]


def test_a_block_whose_only_client_went_away_is_not_made(solo: Solo) -> None:
    solo.engine.pause()
    assert solo.engine.submit(solo.author.put("gone")).cancel()
    solo.engine.resume()
    assert solo.send(solo.author.put("k"))[0].height == 1  # type: ignore[union-attr]


def test_stopping_answers_whoever_waits(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        solo.engine.pause()
        waiting = [solo.engine.submit(solo.author.put(f"k{n}")) for n in range(5)]
        solo.engine.stop()
        assert [code_of(future.exception(30) or future.result()) for future in waiting] == ["engine-stopped"] * 5
        assert solo.codes(solo.author.put("late")) == ["engine-stopped"]


def test_stopping_and_submitting_at_once_leaves_nobody_without_an_answer(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db") as solo:
        raws = [solo.author.put(f"k{n}") for n in range(40)]
        futures: list[Future] = []  # type: ignore[type-arg]
        threads = [threading.Thread(target=lambda raw=raw: futures.append(solo.engine.submit(raw))) for raw in raws]
        for thread in threads[:20]:
            thread.start()
        stopping = threading.Thread(target=solo.engine.stop)
        stopping.start()
        for thread in threads[20:]:
            thread.start()
        for thread in [*threads, stopping]:
            thread.join()
        assert {code_of(future.exception(30) or future.result()) for future in futures} <= {"ok", "engine-stopped"}
        assert len(futures) == 40


def test_the_engine_can_start_again_and_goes_on_where_it_was(solo: Solo) -> None:
    solo.put("a")
    solo.engine.stop()
    solo.engine.start()
    assert solo.send(solo.author.put("b"))[0].height == 2  # type: ignore[union-attr]


def test_a_full_disk_refuses_the_block_and_the_engine_goes_on(solo: Solo) -> None:
    """SQLite itself says that the database is full: it may not grow beyond the pages that it has."""
    solo.put("a")
    limit = {"pages": 1}

    def keep_small(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit['pages']}")  # type: ignore[attr-defined]

    event.listen(solo.store.engine, "begin", keep_small)
    raws = [solo.author.record("note.put", {"key": f"{'x' * 200}{n}", "count": n}, [ANNE]) for n in range(200)]
    assert set(solo.codes(*raws[:40])) == {"storage-failed"}
    assert solo.codes(raws[0]) in (["storage-failed"], ["ok"])
    limit["pages"] = 1_000_000
    assert set(solo.codes(*raws[1:40])) == {"ok"}
    with solo.store.reading() as reader:
        head = reader.head
        assert [reader.header(height).height for height in range(head.height + 1)] == list(range(head.height + 1))  # type: ignore[union-attr]


def test_storage_that_cannot_even_be_read_refuses_and_comes_back(solo: Solo) -> None:
    broken = threading.Event()

    def fail(*_: object) -> None:
        if broken.is_set():
            raise OSError("the disk is gone")

    event.listen(solo.store.engine, "begin", fail)
    solo.put("a")
    broken.set()
    assert solo.codes(solo.author.put("b")) == ["storage-failed"]
    assert solo.codes(solo.author.put("c")) == ["storage-failed"]
    broken.clear()
    assert solo.send(solo.author.put("d"))[0].height == 2  # type: ignore[union-attr]


def test_a_clock_that_jumps_ahead_stops_the_engine_until_it_is_confirmed(solo: Solo) -> None:
    solo.put("a")
    solo.clock.jump(CLOCK_JUMP_MS_MAX + 1)
    assert solo.codes(solo.author.put("b")) == ["clock-jumped"]
    solo.clock.advance(1)
    assert solo.codes(solo.author.put("c")) == ["clock-jumped"]
    solo.engine.confirm_clock()
    assert solo.codes(solo.author.put("d")) == ["ok"]


def test_time_that_really_passes_is_no_jump(solo: Solo) -> None:
    solo.put("a")
    solo.clock.advance(20 * CLOCK_JUMP_MS_MAX)
    assert solo.send(solo.author.put("b", not_after=solo.clock.now_ms() + 1000))[0].time_ms == solo.clock.now_ms()  # type: ignore[union-attr]


def test_a_clock_that_goes_back_never_takes_the_ledger_back_and_may_be_set_right_again(solo: Solo) -> None:
    solo.put("a")
    solo.clock.jump(-5 * CLOCK_JUMP_MS_MAX)
    first, second = (solo.send(solo.author.put(name))[0].time_ms for name in ("b", "c"))  # type: ignore[union-attr]
    assert (first, second) == (START_MS + 60_001, START_MS + 60_002)
    solo.clock.jump(5 * CLOCK_JUMP_MS_MAX)
    assert solo.send(solo.author.put("d"))[0].time_ms == START_MS + 60_003  # type: ignore[union-attr]


def test_a_start_on_a_full_disk_is_refused_by_its_code_and_may_be_tried_again(tmp_path: Path) -> None:
    store, limit = LedgerStore(url_of(tmp_path / "ledger.db")), {"pages": 1}
    event.listen(store.engine, "begin", lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {limit['pages']}"))
    # What the genesis document is too long for.
    genesis = genesis_document(name="n" * 100_000)
    engine = SoloEngine(store, genesis, RULEBOOK, OPERATOR, SettableClock(START_MS), lock=FileLock(tmp_path / "lock"))
    with pytest.raises(Unreachable, match="database-busy"):
        engine.start()
    limit["pages"] = 1_000_000
    engine.start()
    engine.stop()
    store.close()


def test_a_home_that_cannot_be_locked_says_so_and_one_whose_lock_cannot_be_closed_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    lock = FileLock(tmp_path / "lock")
    with monkeypatch.context() as broken:
        broken.setattr(fcntl, "flock", fail)
        with pytest.raises(Unreachable, match="home-not-writable"):
            lock.acquire()
    lock.acquire()
    close = os.close

    def close_and_fail(file: int) -> None:
        """As the kernel does it: the file is let go, and then the error is told."""
        close(file)
        fail()

    with monkeypatch.context() as broken:
        broken.setattr(os, "close", close_and_fail)
        lock.release()
    FileLock(tmp_path / "lock").acquire()


def test_one_engine_a_home(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db", lock=FileLock(tmp_path / "lock")) as solo:
        other = FileLock(tmp_path / "lock")
        with pytest.raises(Unreachable, match="home-in-use"):
            other.acquire()
        solo.engine.stop()
        other.acquire()
        with pytest.raises(Unreachable, match="home-in-use"):
            solo.engine.start()
        other.release()
        solo.engine.start()


def test_a_start_that_fails_lets_the_home_go(tmp_path: Path) -> None:
    with solo_ledger(tmp_path / "ledger.db"):
        pass
    with (
        pytest.raises(Refused, match="other-network"),
        solo_ledger(tmp_path / "ledger.db", genesis=genesis_document(name="other"), lock=FileLock(tmp_path / "lock")),
    ):
        pass
    FileLock(tmp_path / "lock").acquire()


def test_an_operator_whose_key_is_not_that_of_genesis_is_refused(tmp_path: Path) -> None:
    stranger = Operator("op", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with pytest.raises(Refused, match="other-operator"), solo_ledger(tmp_path / "ledger.db", operator=stranger):
        pass


def test_every_block_has_its_signed_checkpoint(solo: Solo) -> None:
    solo.put("a", "b")
    solo.put("c")
    with solo.store.reading() as reader:
        for height in range(reader.head.height + 1):
            header, note = reader.header(height), reader.checkpoint(height)
            assert header is not None
            assert note is not None
            signed = verify_note(note, OPERATOR.key.name, OPERATOR.key.public)
            assert (signed.size, signed.root) == (header.log_size + 1, reader.log_root(header.log_size + 1))


def test_subscribers_hear_of_a_height_that_is_durable(solo: Solo) -> None:
    heard: list[tuple[int, int]] = []

    def hear(height: int) -> None:
        with solo.store.reading() as reader:
            heard.append((height, reader.head.height))

    solo.engine.subscribe(hear)
    solo.put("a")
    solo.put("b")
    assert heard == [(1, 1), (2, 2)]


def test_an_engine_that_meets_a_fault_answers_whoever_waits(solo: Solo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that is no rule's and no disk's, such as memory that ran out, ends the engine; it leaves nobody waiting."""

    def out_of_memory(*_: object) -> object:
        raise MemoryError

    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: died.set())
    monkeypatch.setattr("ledger.solo.execute", out_of_memory)
    assert solo.codes(solo.author.put("a"), solo.author.put("b")) == ["engine-failed"] * 2
    assert died.wait(60)
    assert solo.codes(solo.author.put("c")) == ["engine-stopped"]
    monkeypatch.setattr("ledger.solo.execute", execute)
    solo.engine.stop()
    solo.engine.start()
    solo.put("d")


def test_more_than_the_inbox_holds_is_told_to_come_again(solo: Solo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.inbox.QUEUE_RECORDS_MAX", 3)
    solo.engine.pause()
    futures = [solo.engine.submit(solo.author.put(f"k{n}")) for n in range(5)]
    with pytest.raises(TallystickError, match="engine-busy"):
        futures[3].result(1)
    solo.engine.resume()
    assert [future.result(30).code for future in futures[:3]] == ["ok"] * 3


def test_a_block_holds_no_more_bytes_than_it_may(solo: Solo, monkeypatch: pytest.MonkeyPatch) -> None:
    raws = [solo.author.put(f"k{n}") for n in range(4)]
    monkeypatch.setattr("ledger.inbox.BLOCK_BYTES_MAX", sum(map(len, raws[:2])) + 1)
    answers = solo.send(*raws)
    assert [answer.height for answer in answers] == [1, 1, 2, 2]  # type: ignore[union-attr]
