from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.engine import Engine, Receipt
from ledger.errors import InputError, Refused, TallystickError, Unreachable
from nodes.node import Node
from nodes.outbox import Outbox, Outgoing
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, START_MS, Beside, found
from tests.sealed_parts import demanded_parts

TYPE = "enterprise.enrol"


class Faulty:
    """A real engine with a fault in front of it: `before` loses the record on its way in, `after` the answer on its way out."""

    def __init__(self, engine: Engine, fault: str) -> None:
        self.store, self.engine, self.fault, self.seen = engine.store, engine, fault, 0
        self.start, self.stop, self.subscribe = engine.start, engine.stop, engine.subscribe

    def submit(self, raw: bytes) -> Future[Receipt]:
        self.seen += 1
        if self.fault == "after":
            self.engine.submit(raw).result(10)
        lost: Future[Receipt] = Future()
        lost.set_exception(Unreachable("engine-stopped", "the test pulled the plug"))
        return lost


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def node(tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with Node.open(found(tmp_path / "net", clock=clock).homes["authority"], clock, cost=CHEAP) as node:
        yield node


def record(node: Node, valid_ms: int = 60_000) -> bytes:
    return node.author.record(TYPE, {}, [node.identity_key], demanded_parts(TYPE), valid_ms=valid_ms).raw


def faulty(node: Node, fault: str) -> Outbox:
    return Outbox(node.private, Faulty(node.engine, fault), node.clock, orders=True, wait_s=5)


def records_on_ledger(node: Node) -> list[str]:
    with node.store.reading() as reader:
        return [stored.id for stored in reader.records(1, 100)]


def test_what_is_sent_is_on_the_ledger_and_written_down(node: Node) -> None:
    receipt = node.outbox.send(record(node), "test")
    entry = node.outbox.entry(receipt.record_id)
    assert (entry.state, entry.result, entry.height) == ("done", {"code": "ok"}, receipt.height)
    assert records_on_ledger(node) == [receipt.record_id]


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_crash_between_storing_and_the_answer_loses_nothing_and_doubles_nothing(node: Node, fault: str) -> None:
    with pytest.raises(Unreachable):
        faulty(node, fault).send(record(node), "test", "cause")
    (left,) = node.outbox.pending()
    assert node.outbox.resume() == 0
    assert records_on_ledger(node) == [left.record_id]
    assert node.outbox.entry(left.record_id).state == "done"
    assert node.outbox.pending() == []


def test_a_node_resumes_by_itself_when_it_starts(tmp_path: Path, clock: SettableClock) -> None:
    home = found(tmp_path / "net", clock=clock).homes["authority"]
    with Node.open(home, clock, cost=CHEAP) as node, pytest.raises(Unreachable):
        faulty(node, "before").send(record(node), "test")
    node = Node.open(home, clock, cost=CHEAP)
    arrived = threading.Event()
    node.engine.subscribe(lambda height: arrived.set() if height == 1 else None)
    with node:
        assert arrived.wait(60)
        assert len(records_on_ledger(node)) == 1


def test_one_cause_has_one_record_however_often_it_is_sent(node: Node) -> None:
    first = node.outbox.send(record(node), "test", "cause")
    second = node.outbox.send(record(node), "test", "cause")
    assert second == first
    assert records_on_ledger(node) == [first.record_id]


def test_after_a_crash_the_same_cause_gets_the_record_that_was_stored(node: Node) -> None:
    stored = record(node)
    with pytest.raises(Unreachable):
        faulty(node, "before").send(stored, "test", "cause")
    entry = node.outbox.by_reference("cause")
    assert entry is not None
    assert node.outbox.send(record(node), "test", "cause").record_id == entry.record_id
    assert records_on_ledger(node) == [entry.record_id]


def test_workers_side_by_side_make_one_record_for_one_cause(node: Node) -> None:
    start, receipts = threading.Barrier(4), []

    def work() -> None:
        other = Outbox(node.private, node.engine, node.clock, orders=True)
        raw = record(node)
        start.wait()
        receipts.append(other.send(raw, "test", "cause"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == 4
    assert {receipt.record_id for receipt in receipts} == set(records_on_ledger(node))
    assert len(records_on_ledger(node)) == 1


def test_the_same_bytes_again_give_the_same_receipt(node: Node) -> None:
    raw = record(node)
    assert node.outbox.send(raw, "test") == node.outbox.send(raw, "test")
    assert len(records_on_ledger(node)) == 1


def test_a_record_that_the_ledger_dropped_is_done_and_its_cause_is_free_again(node: Node, clock: SettableClock) -> None:
    late = record(node, valid_ms=10)
    clock.advance(20)
    with pytest.raises(Refused, match="expired"):
        node.outbox.send(late, "test", "cause")
    assert node.outbox.pending() == []
    assert node.outbox.by_reference("cause") is None
    assert node.outbox.send(record(node), "test", "cause").code == "ok"


def test_bytes_that_are_no_record_are_refused_and_not_stored(node: Node) -> None:
    with pytest.raises(InputError, match="not-json"):
        node.outbox.send(b"{", "test")
    assert node.outbox.pending() == []


def test_several_records_get_each_its_own_outcome(node: Node, clock: SettableClock) -> None:
    late, good = record(node, valid_ms=10), record(node)
    clock.advance(20)
    outcomes = node.outbox.send_many([Outgoing(late, "test"), Outgoing(good, "test")])
    assert isinstance(outcomes[0], TallystickError)
    assert outcomes[0].code == "expired"
    assert isinstance(outcomes[1], Receipt)
    assert outcomes[1].code == "ok"


def test_a_record_that_the_rules_refuse_gives_a_receipt_with_its_code(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)
    with (
        Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority,
        Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(authority)) as bank,
    ):
        receipt = bank.outbox.send(record(bank), "test")
        assert receipt.code == "not-permitted"
        assert bank.outbox.outcome(receipt.record_id) == receipt


def test_a_follower_that_cannot_reach_its_upstream_keeps_the_record_for_later(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority:
        line = Beside(authority)
        with Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=line) as bank:
            line.reachable = False
            with pytest.raises(Unreachable, match="upstream-unreachable"):
                bank.outbox.send(record(bank), "test")
            line.reachable = True
            assert bank.outbox.resume() == 0
            assert len(records_on_ledger(authority)) == 1


def test_a_follower_does_not_take_expired_for_lost_before_its_replica_is_past_that_time(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)
    with (
        Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority,
        Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(authority)) as bank,
    ):
        late = record(bank, valid_ms=10)
        clock.advance(20)
        with pytest.raises(Unreachable, match="replica-behind"):
            bank.outbox.send(late, "test", "cause")
        assert len(bank.outbox.pending()) == 1
        authority.outbox.send(record(authority), "test")
        bank.outbox.send(record(bank), "test")
        bank.outbox.resume()
        assert bank.outbox.pending() == []
        assert bank.outbox.by_reference("cause") is None
