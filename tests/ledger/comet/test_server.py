"""What no engine sends, and what fails under the server: one connection ends, or is told so, and the others go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from ledger.chain import StoredChain
from ledger.clock import SettableClock
from ledger.comet import abci_pb2 as abci
from ledger.comet import application as application_module
from ledger.comet.application import Application, chain_id_of
from ledger.comet.frames import frame
from ledger.comet.position import Position, read_position
from ledger.execution import Block, Execution, execute
from ledger.header import network_of
from ledger.limits import ABCI_FRAME_BYTES_MAX, BLOCK_RECORDS_MAX, MISBEHAVIOR_KEPT
from ledger.solo import begin_ledger
from ledger.store import LedgerStore
from tests.ledger.comet.fake_engine import timestamp
from tests.ledger.comet.reference import Reference
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.comet.samples import GENESIS, LARGE_BYTES, samples
from tests.ledger.comet.wire import ALLOWED, Engine, Served, request
from tests.ledger.small_ledger import START_MS, url_of

FIRST_NS = (START_MS + 1) * 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    made = LedgerStore(url_of(tmp_path / "ledger.db"))
    begin_ledger(made, GENESIS, RINGBOOK, None)
    yield made
    made.close()


@pytest.fixture
def served(store: LedgerStore) -> Iterator[Served]:
    yield from serving(store)


def serving(store: LedgerStore, **options: Any) -> Iterator[Served]:
    application = Application(store, GENESIS, RINGBOOK, lambda _, __: None)
    made = Served(application, SettableClock(START_MS + 500), **options)
    yield made
    made.stop()
    application.close()


@pytest.fixture
def engine(served: Served) -> Iterator[Engine]:
    made = Engine(served.path)
    made.ask(made.query, request("info"))
    yield made
    made.kill()


def finalize(height: int, transactions: list[bytes], **fields: Any) -> abci.Request:
    return request("finalize_block", txs=transactions, height=height, time=timestamp(FIRST_NS + height * 1_000_000), **fields)


def height_told(engine: Engine) -> int:
    return int(engine.ask(engine.query, request("info")).last_block_height)


def stored(store: LedgerStore) -> Position | None:
    with store.engine.connect() as connection:
        return read_position(connection)


HANGS_UP: dict[str, bytes] = {
    "a length beyond the limit": b"\xff\xff\xff\xff\x0f",
    "a length that never ends": b"\x80" * 5,
    "one more than the limit": frame(bytes(ABCI_FRAME_BYTES_MAX + 1))[:4],
}
TOLD: dict[str, tuple[bytes, str]] = {
    "no question": (b"\x00", "unknown-question"),
    "a question of another version": (b"\x02\x22\x00", "unknown-question"),
    "no protobuf": (b"\x03\xff\xff\xff", "bad-frame"),
    "text that is none": (b"\x05\x0a\x03\x0a\x01\xff", "bad-frame"),
}


@pytest.mark.parametrize("sent", HANGS_UP.values(), ids=HANGS_UP)
def test_a_frame_that_is_none_ends_its_connection_after_what_came_before_was_answered(served: Served, engine: Engine, sent: bytes) -> None:
    whole = b"\x05\x0a\x03\x0a\x01a"
    engine.mempool.put(whole + sent)
    answer = abci.Response(echo=abci.ResponseEcho(message="a")).SerializeToString()
    assert engine.mempool.until_hung_up() == bytes([len(answer)]) + answer
    assert [fault.code for fault in served.faults] == ["bad-frame"]
    assert height_told(engine) == 0 and not served.lost


@pytest.mark.parametrize(("sent", "code"), TOLD.values(), ids=TOLD)
def test_what_is_no_question_is_answered_by_an_exception_in_its_place(served: Served, engine: Engine, sent: bytes, code: str) -> None:
    engine.consensus.put(sent)
    assert engine.consensus.exception() == code
    assert [fault.code for fault in served.faults] == [code]
    # The others, and even this one, go on: it is the engine that stops.
    for wire in engine.wires:
        assert engine.ask(wire, request("echo", message="b")).message == "b"
    assert not served.lost


OUT_OF_ORDER: dict[str, tuple[abci.Request, str]] = {
    "a commit without a decision": (request("commit"), "out-of-order"),
    "a height left out": (finalize(2, []), "out-of-order"),
    "a height again": (finalize(0, []), "out-of-order"),
    "a time that is past": (request("finalize_block", height=1, time=timestamp(START_MS * 1_000_000)), "out-of-order"),
    "a time before all times": (request("finalize_block", height=1, time=timestamp(-1)), "out-of-order"),
    "another network": (request("init_chain", chain_id="tallystick-other"), "other-network"),
    "other validators": (request("init_chain", chain_id=chain_id_of(network_of(GENESIS))), "other-network"),
}


@pytest.mark.parametrize(("asked", "code"), OUT_OF_ORDER.values(), ids=OUT_OF_ORDER)
def test_what_no_engine_may_ask_changes_nothing(served: Served, engine: Engine, store: LedgerStore, asked: abci.Request, code: str) -> None:
    engine.consensus.send(asked)
    assert engine.consensus.exception() == code
    assert [fault.code for fault in served.faults] == [code]
    assert stored(store) is None and height_told(engine) == 0 and not served.lost
    engine.ask(engine.consensus, finalize(1, [samples().good[0]]))
    engine.ask(engine.consensus, request("commit"))
    assert height_told(engine) == 1


def test_a_proposal_for_another_height_or_time_is_refused_and_nobody_is_told_of_a_fault(served: Served, engine: Engine) -> None:
    good = [samples().good[0]]
    for height, time_ns in ((0, FIRST_NS), (2, FIRST_NS), (1, START_MS * 1_000_000), (1, 0)):
        told = engine.ask(engine.consensus, request("process_proposal", txs=good, height=height, time=timestamp(time_ns)))
        assert told.status == abci.ResponseProcessProposal.REJECT
    assert not served.faults


def test_a_proposal_of_more_records_than_a_block_holds_is_refused(served: Served, engine: Engine) -> None:
    asked = request("process_proposal", txs=[b""] * (BLOCK_RECORDS_MAX + 1), height=1, time=timestamp(FIRST_NS))
    assert engine.ask(engine.consensus, asked).status == abci.ResponseProcessProposal.REJECT
    assert not served.faults


def test_somebody_curious_may_ask_between_a_decision_and_its_commit(served: Served, engine: Engine) -> None:
    engine.ask(engine.consensus, finalize(1, [samples().good[0]]))
    assert height_told(engine) == 0
    curious = Engine(served.path)
    assert height_told(curious) == 0
    curious.kill()
    engine.ask(engine.consensus, request("commit"))
    assert height_told(engine) == 1 and not served.faults


def test_what_was_executed_for_a_proposal_is_not_executed_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[Block] = []

    def counting(chain: StoredChain, block: Block, *rest: Any) -> Execution:
        executed.append(block)
        return execute(chain, block, *rest)

    monkeypatch.setattr(application_module, "execute", counting)
    candidates, time = [samples().bad[1], *samples().good[:3], samples().bad[4]], timestamp(FIRST_NS)
    prepared = engine.ask(engine.consensus, request("prepare_proposal", txs=candidates, max_tx_bytes=10_000, height=1, time=time)).txs
    assert list(prepared) == list(samples().good[:3])
    for _ in range(2):
        told = engine.ask(engine.consensus, request("process_proposal", txs=list(prepared), height=1, time=time))
        assert told.status == abci.ResponseProcessProposal.ACCEPT
    engine.ask(engine.consensus, request("finalize_block", txs=list(prepared), height=1, time=time))
    engine.ask(engine.consensus, request("commit"))
    assert len(executed) == 1


def test_the_same_transactions_at_another_time_are_another_block(engine: Engine) -> None:
    raws = list(samples().good[:2])
    for time_ns in (FIRST_NS, FIRST_NS + 1_000_000):
        engine.ask(engine.consensus, request("process_proposal", txs=raws, height=1, time=timestamp(time_ns)))
    later = START_MS + 3
    told = engine.ask(engine.consensus, request("finalize_block", txs=raws, height=1, time=timestamp(later * 1_000_000)))
    assert told.app_hash == Reference().judge(later, raws).log_root


def test_a_proposal_fits_to_the_byte(engine: Engine) -> None:
    raws = [*samples().good[:3], next(raw for raw in samples().good if len(raw) > LARGE_BYTES), samples().good[3]]
    for number in range(len(raws) + 1):
        size = abci.ResponsePrepareProposal(txs=raws[:number]).ByteSize()
        for room in {sum(map(len, raws[:number])), max(size - 1, 0), size, size + 2, size + 20}:
            asked = request("prepare_proposal", txs=raws, max_tx_bytes=room, height=1, time=timestamp(FIRST_NS))
            told = engine.ask(engine.consensus, asked)
            assert told.ByteSize() <= room
            assert number - 1 <= len(told.txs) <= number
            assert len(told.txs) == number or room < size + 20


def test_where_one_transaction_ends_is_part_of_a_proposal(engine: Engine) -> None:
    first, second = samples().good[:2]
    asked = {"height": 1, "time": timestamp(FIRST_NS)}
    for raws, status in (([first, second], abci.ResponseProcessProposal.ACCEPT), ([first + second], abci.ResponseProcessProposal.REJECT)):
        assert engine.ask(engine.consensus, request("process_proposal", txs=raws, **asked)).status == status


def test_a_connection_that_closes_in_the_middle_of_a_frame_is_no_fault(served: Served, engine: Engine) -> None:
    engine.mempool.put(b"\x20half")
    engine.mempool.close()
    assert height_told(engine) == 0 and not served.faults and not served.lost


def test_of_misbehaviour_the_newest_is_kept(served: Served, engine: Engine, store: LedgerStore) -> None:
    for height in range(1, 4):
        seen = [abci.Misbehavior(type=abci.DUPLICATE_VOTE, height=1_000 * height + n, time=timestamp(FIRST_NS)) for n in range(60)]
        engine.ask(engine.consensus, finalize(height, [], misbehavior=seen))
        engine.ask(engine.consensus, request("commit"))
    position = stored(store)
    assert position is not None
    assert [each.height for each in position.misbehavior] == [*range(2_020, 2_060), *range(3_000, 3_060)]
    assert len(position.misbehavior) == MISBEHAVIOR_KEPT


def test_a_fault_of_this_program_ends_the_connection_and_is_told(store: LedgerStore) -> None:
    def broken(_: str) -> bool:
        raise ZeroDivisionError

    for served in serving(store, peer_allowed=broken):
        engine = Engine(served.path)
        engine.query.send(request("query", path=f"/p2p/filter/id/{ALLOWED}"))
        assert engine.query.until_hung_up() == b""
        assert [fault.code for fault in served.faults] == ["engine-failed"]
        assert [type(each) for each in served.lost] == [ZeroDivisionError]
        assert engine.ask(engine.consensus, request("echo", message="b")).message == "b"
        engine.kill()


def test_a_failure_at_any_statement_of_a_commit_leaves_nothing_and_the_block_is_made_again(
    served: Served, engine: Engine, store: LedgerStore
) -> None:
    """The disk gives up at the first write, then at the second, and so on, and at last at the commit itself."""
    reference, raws = Reference(), [samples().good[0], samples().good[9], samples().good[12]]
    execution = reference.judge(START_MS + 2, raws)
    failures = 0
    while height_told(engine) == 0:
        assert engine.ask(engine.consensus, finalize(1, raws)).app_hash == execution.log_root
        with failing(store.engine, after=failures):
            engine.consensus.send(request("commit"))
            if engine.consensus.kind() == "commit":
                break
        assert [fault.code for fault in served.faults] == ["storage-failed"]
        served.faults.clear()
        assert stored(store) is None
        with store.reading() as reader:
            assert reader.head.height == 0
        failures += 1
        engine.kill()
        engine.start()
    assert failures > 5
    assert served.application.chain.head == execution.header
    position = stored(store)
    assert position is not None and (position.height, position.app_hash) == (1, execution.log_root)


def test_a_commit_that_was_durable_and_seemed_to_fail_is_seen_by_the_engine_that_starts_again(
    served: Served, engine: Engine, store: LedgerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a server's answer to COMMIT is lost."""
    engine.ask(engine.consensus, finalize(1, [samples().good[0]]))
    with monkeypatch.context() as patched:
        do_commit = store.engine.dialect.do_commit

        def lost(connection: Any) -> None:
            do_commit(connection)
            raise sqlite3.OperationalError("the answer is lost")

        patched.setattr(store.engine.dialect, "do_commit", lost)
        engine.consensus.send(request("commit"))
        assert engine.consensus.exception() == "storage-failed"
    engine.kill()
    engine.start()
    assert height_told(engine) == 1
    engine.consensus.send(request("commit"))
    assert engine.consensus.exception() == "out-of-order"
    assert height_told(engine) == 1
    engine.ask(engine.consensus, finalize(2, [samples().good[1]]))
    engine.ask(engine.consensus, request("commit"))
    assert height_told(engine) == 2
    assert served.application.chain.head.height == 2


class failing:  # noqa: N801 - reads as what it does
    """A database whose writes fail, once so many went well; the commit counts as one."""

    def __init__(self, engine: sa.Engine, after: int) -> None:
        self._engine, self._left = engine, after
        self._listeners: list[tuple[str, Callable[..., None]]] = [("before_cursor_execute", self._write), ("commit", self._end)]

    def _write(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}:
            self._end()

    def _end(self, *_: Any) -> None:
        if self._left == 0:
            raise OperationalError("disk", {}, OSError("full"))
        self._left -= 1

    def __enter__(self) -> None:
        for name, listener in self._listeners:
            event.listen(self._engine, name, listener)

    def __exit__(self, *_: object) -> None:
        for name, listener in self._listeners:
            event.remove(self._engine, name, listener)
