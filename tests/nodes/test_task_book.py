"""What tasks learn from the ledger, whoever put the record there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ledger.record import record_id
from nodes.author import RecordAuthor, SigningKey
from nodes.financings.apply import ApplicationLine
from nodes.financings.steps import Pledge
from nodes.node import Node
from nodes.private import tasks
from nodes.task_book import task_records
from nodes.tasks import Task
from tests.nodes.lending import DAY, Desk, Lending, lending, usd


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("market") / "net") as network:
        yield network


def prepared(market: Lending) -> Task:
    """An approval that waits for its second signature."""
    desk = market.a
    line = ApplicationLine(market.granted(usd("36250.00")))
    outcome = desk.financings.apply(desk.maker, [line], product="", reference="A-9")
    assert outcome.id is not None
    desk.financings.intake(desk.maker, outcome.id)
    return desk.financings.approve(desk.maker, outcome.id, Pledge("a", "1", DAY))


def rows(node: Node) -> dict[str, dict[str, object]]:
    with node.private.reading() as connection:
        return {row.id: row._asdict() for row in connection.execute(sa.select(tasks))}


def key_added_under(market: Lending, desk: Desk, nonce: str) -> str:
    """A new key of a bank's, signed by its two people at once, in a record with that nonce: the record's id."""
    node = desk.node
    author = RecordAuthor(node.network, node.store, node.clock, lambda count: bytes.fromhex(nonce) if count == 16 else os.urandom(count))
    public = node.keystore.create("p256", "make", "a-colleague", os.urandom(16)).public.hex()
    body = {"member": node.member, "key": {"alg": "p256", "public": public, "purpose": "make", "person": "a-colleague"}}
    keys = [key for key in (desk.maker.key, desk.checker.key) if key is not None]
    receipt = node.outbox.send(author.record("key.add", body, [SigningKey(key.id, key.private) for key in keys]).raw, "key.add")
    assert receipt.code == "ok", receipt.result
    for each in (market.a.node, market.b.node):
        each.reader.wait_for(receipt.log_index, 10)
    return receipt.record_id


def test_a_task_has_the_nonce_of_its_records_for_an_id_and_their_time(market: Lending) -> None:
    task, node = prepared(market), market.a.node
    with node.private.reading() as connection:
        variants = connection.execute(sa.select(task_records.c.core).where(task_records.c.task == task.id)).scalars().all()
    assert task.record_id in {record_id(core.encode("utf-8")) for core in variants}
    receipt = market.a.sign(task.id)
    with node.store.reading() as reader:
        stored = reader.record(receipt.record_id)
    assert stored is not None and stored.record.core["nonce"] == task.id
    done = market.a.financings.tasks.get(task.id)
    assert (done.decided_ms, done.result, done.summary) == (stored.time_ms, "ok", task.summary)


def test_a_record_that_two_people_signed_at_once_has_a_task_too(market: Lending) -> None:
    desk = market.a
    record = key_added_under(market, desk, "5a" * 16)
    task = desk.financings.tasks.get("5a" * 16)
    assert (task.record_id, task.state, task.author, task.decided_by, task.result) == (record, "signed", "maker", "checker", "ok")
    assert task.summary == {"action": "add-key", "member": "bank-a", "purpose": "make", "person": "a-colleague"}
    assert "5a" * 16 not in rows(market.b.node), "it is none of another member's"


def test_another_member_that_uses_a_tasks_nonce_again_changes_nothing_of_it(market: Lending) -> None:
    waiting, done = prepared(market), prepared(market)
    market.a.sign(done.id)
    before = rows(market.a.node)
    for task in (waiting, done):
        key_added_under(market, market.b, task.id)
    assert rows(market.a.node) == before


def test_a_second_record_under_a_signed_tasks_nonce_is_a_task_of_its_own(market: Lending) -> None:
    task = prepared(market)
    market.a.sign(task.id)
    before = rows(market.a.node)
    other = key_added_under(market, market.a, task.id)
    after = rows(market.a.node)
    assert after.pop(other)["type"] == "key.add"
    assert after == before
