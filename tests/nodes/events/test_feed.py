"""The order of events: it grows at its end, whatever is made anew, and each thing happens in it once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger.clock import SettableClock
from ledger.errors import InputError
from nodes.events.catalogue import PUBLIC, TYPES
from nodes.events.tables import START, Cursor, events
from nodes.node import Node
from tests.nodes.small_events import node_at_work, noted
from tests.nodes.small_network import START_MS

ALL = list(TYPES)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def node(tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with node_at_work(tmp_path, clock) as node:
        yield node


def ids(node: Node, after: Cursor = START) -> list[str]:
    return [str(event.cursor) for event in node.events.page(after, ALL, 500)]


def recorded(node: Node, number: int) -> None:
    """A record that the rules refuse, which is an event of its author."""
    receipt = node.outbox.send(
        node.author.record("member.reinstate", {"member": f"nobody-{number}"}, [node.identity_key]).raw, "member.reinstate"
    )
    node.reader.wait_for(receipt.log_index, 30)


def test_the_catalogue_gives_each_type_one_number_for_good() -> None:
    numbers = {each.number: each.name for each in TYPES.values()}
    assert len(numbers) == len(TYPES)
    assert {numbers[number] for number in range(1, 9)} == PUBLIC
    assert [numbers[number] for number in (9, 10, 12, 18, 32, 41, 50, 52)] == [
        "record.refused",
        "alert.raised",
        "enquiry.answered",
        "financing.approved",
        "notice.replaced",
        "data.used",
        "task.waiting",
        "webhook.disabled",
    ]


def test_local_events_stand_between_the_records_and_stay_there_when_all_is_made_anew(node: Node) -> None:
    noted(node, 1)
    recorded(node, 1)
    noted(node, 2, 3)
    recorded(node, 2)
    before = ids(node)
    types = [event.type for event in node.events.page(START, ALL, 500)]
    assert types == ["task.waiting", "record.refused", "task.waiting", "task.waiting", "record.refused"]
    assert node.reader.rebuild() > 0
    assert ids(node) == before
    middle = Cursor.parse(before[2])
    assert ids(node, middle) == before[3:]
    assert str(node.events.newest()) == before[-1]


def test_what_is_noted_while_all_is_made_anew_comes_after_everything_that_was_seen(node: Node) -> None:
    for number in range(3):
        recorded(node, number)
    seen = node.events.newest()
    with node.private.begin() as connection:
        connection.execute(sa.delete(events))
    node.reader._forget()
    noted(node, 1)
    assert ids(node) == [], "the reader has not come so far again"
    node.reader.catch_up()
    assert len(ids(node)) == 4
    (after,) = node.events.page(seen, ALL, 500)
    assert after.type == "task.waiting"


def test_a_cause_is_noted_once_and_of_one_moment_each_has_a_place(node: Node) -> None:
    noted(node, 1, 2, 3)
    first = ids(node)
    noted(node, 2, 4)
    assert ids(node)[:3] == first
    assert len(set(ids(node))) == 4


def test_after_a_lost_private_database_local_events_come_after_those_of_before(node: Node, clock: SettableClock) -> None:
    noted(node, 1)
    lost = node.events.newest()
    with node.private.begin() as connection:
        connection.execute(sa.text("DELETE FROM local_events"))
    clock.advance(1)
    noted(node, 2)
    assert node.events.newest() > lost


def test_listeners_hear_what_is_durable_and_nothing_that_failed(node: Node) -> None:
    heard: list[int] = []
    node.events.subscribe(heard.append)

    def fail() -> None:
        with node.private.begin() as connection:
            node.events.note(connection, "task.waiting", {"task_id": "1"}, {}, "failed")
            Cursor.parse("nothing")

    with pytest.raises(InputError, match="bad-cursor"):
        fail()
    assert heard == []
    noted(node, 7)
    assert heard == [0]
    recorded(node, 1)
    assert len(heard) >= 2


def test_a_page_ends_at_its_limit_and_the_next_one_begins_there(node: Node) -> None:
    for number in range(2):
        recorded(node, number)
        noted(node, 10 + number, 20 + number)
    whole, cursor, found = ids(node), START, list[str]()
    while page := node.events.page(cursor, ALL, 2):
        assert len(page) <= 2
        cursor = page[-1].cursor
        found += [str(event.cursor) for event in page]
    assert found == whole


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "1-x", "01-1", "1--1", "9" * 17 + "-1", "9999999999999999-1", "1-1\n", "１-1"])
def test_what_is_no_id_of_an_event_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="bad-cursor"):
        Cursor.parse(text)
