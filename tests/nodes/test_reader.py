from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.clock import SettableClock
from ledger.errors import InputError, Unreachable
from ledger.record import sign_record
from ledger.store import StoredRecord
from nodes.author import Part
from nodes.node import Node
from nodes.private import parts
from nodes.reader import LedgerReader, broken_parts, read_again
from nodes.sealing import Opened, Recipient
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, START_MS, Beside, found
from tests.sealed_parts import demanded_parts

TYPE = "enterprise.enrol"
PART = "enrolment"

notes = sa.Table(
    "test_notes",
    sa.MetaData(),
    sa.Column("record_id", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False),
)


def project(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
    text = opened[PART].content["text"] if PART in opened else "-"
    connection.execute(sa.insert(notes).values(record_id=stored.id, text=text, log_index=stored.log_index))
    if text == "useless":
        raise InputError("bad-note", "this text is of no use")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def node(tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with Node.open(found(tmp_path / "net", clock=clock).homes["authority"], clock, cost=CHEAP) as node:
        # The tests read by hand.
        node.reader.stop()
        with node.private.begin() as connection:
            notes.metadata.create_all(connection)
        yield node


def reader_of(node: Node, name: str = "notes/1", sealing_keys: Any = None) -> LedgerReader:
    reader = LedgerReader(node.store, node.private, sealing_keys or (lambda: node.sealing_keys))
    reader.register(name, [notes], project)
    return reader


def write(node: Node, text: str) -> str:
    part = Part({"text": text}, [node.directory.recipient("authority")])
    return node.outbox.send(node.author.record(TYPE, {}, [node.identity_key], {PART: part}).raw, "test").record_id


def rows(node: Node, table: sa.Table = notes) -> list[tuple[Any, ...]]:
    with node.private.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))]


def texts(node: Node) -> list[str]:
    with node.private.reading() as connection:
        return list(connection.execute(sa.select(notes.c.text).order_by(notes.c.log_index)).scalars())


def test_every_record_is_read_once_and_its_parts_are_kept(node: Node) -> None:
    reader = reader_of(node)
    first = write(node, "one")
    assert reader.catch_up() == 1
    write(node, "two")
    assert reader.catch_up() == 1
    assert reader.catch_up() == 0
    assert texts(node) == ["one", "two"]
    assert reader.parts_of(first)[PART].content == {"text": "one"}


def test_a_rebuild_gives_the_same_rows(node: Node) -> None:
    reader = reader_of(node)
    for text in ("one", "useless", "three"):
        write(node, text)
    reader.catch_up()
    before = [rows(node, table) for table in (notes, parts, broken_parts)]
    assert all(before)
    assert reader.rebuild() == 3
    assert [rows(node, table) for table in (notes, parts, broken_parts)] == before


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 100])
def test_what_opens_parts_of_earlier_records_has_everything_read_again_once_the_end_is_reached(
    node: Node, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("nodes.reader._BATCH", batch)
    told: set[str] = set()

    def telling(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        text = opened[PART].content["text"]
        shown = "known" if text == "early" and "key" in told else text
        connection.execute(sa.insert(notes).values(record_id=stored.id, text=shown, log_index=stored.log_index))
        if text == "key" and "key" not in told:
            told.add("key")
            read_again(connection)

    reader = LedgerReader(node.store, node.private, lambda: node.sealing_keys)
    reader.register("notes/1", [notes], telling)
    last = [write(node, text) for text in ("early", "key", "late", "last")][-1]
    assert reader.catch_up() >= 8
    assert texts(node) == ["known", "key", "late", "last"]
    with node.store.reading() as ledger:
        stored = ledger.record(last)
    assert stored is not None
    reader.wait_for(stored.log_index, 0)
    assert reader.catch_up() == 0
    write(node, "more")
    assert reader.catch_up() == 1
    assert texts(node) == ["known", "key", "late", "last", "more"]


def test_a_crash_in_the_middle_of_a_batch_loses_nothing_and_reads_nothing_twice(node: Node) -> None:
    for text in ("one", "two", "three"):
        write(node, text)
    crashing = LedgerReader(node.store, node.private, lambda: node.sealing_keys)

    def crash(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        project(connection, stored, opened)
        if opened[PART].content["text"] == "two":
            raise KeyboardInterrupt

    crashing.register("notes/1", [notes], crash)
    with pytest.raises(KeyboardInterrupt):
        crashing.catch_up()
    assert texts(node) == []
    assert reader_of(node).catch_up() == 3
    assert texts(node) == ["one", "two", "three"]


def test_a_new_version_of_a_projection_reads_everything_anew(node: Node) -> None:
    write(node, "one")
    assert reader_of(node).catch_up() == 1
    assert reader_of(node).catch_up() == 0
    assert reader_of(node, "notes/2").catch_up() == 1
    assert texts(node) == ["one"]


def test_parts_once_opened_survive_a_rebuild_without_the_key_that_opened_them(node: Node) -> None:
    write(node, "one")
    reader_of(node).catch_up()
    keyless = reader_of(node, sealing_keys=dict)
    keyless.rebuild()
    assert texts(node) == ["one"]


def test_content_that_a_projection_cannot_use_is_noted_and_leaves_no_row(node: Node) -> None:
    bad = write(node, "useless")
    write(node, "fine")
    reader_of(node).catch_up()
    assert texts(node) == ["fine"]
    assert [row[:3] for row in rows(node, broken_parts)] == [(bad, "notes/1", "bad-note")]


def test_a_part_that_names_our_key_and_does_not_open_is_noted_and_stops_nobody(node: Node) -> None:
    core, _ = node.author.core(TYPE, {}, [node.identity_key.id], {PART: Part({"text": "one"}, [node.directory.recipient("authority")])})
    core["nonce"] = "00" * 16
    bad = node.outbox.send(sign_record(core, [node.identity_key.private]), "test").record_id
    write(node, "two")
    reader_of(node).catch_up()
    assert texts(node) == ["-", "two"]
    assert [row[:3] for row in rows(node, broken_parts)] == [(bad, PART, "sealed-part-broken")]


def test_what_is_sealed_to_others_is_read_without_its_content(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)
    with (
        Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority,
        Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(authority)) as bank,
    ):
        record_id = write(authority, "not for banks")
        with authority.store.reading() as ledger:
            stored = ledger.record(record_id)
        assert stored is not None
        authority.reader.wait_for(stored.log_index, 10)
        bank.outbox.send(bank.author.record(TYPE, {}, [bank.identity_key], demanded_parts(TYPE)).raw, "test")
        bank.reader.wait_for(stored.log_index, 10)
        assert bank.reader.parts_of(record_id) == {}
        assert authority.reader.parts_of(record_id)[PART].content == {"text": "not for banks"}


def test_a_running_reader_lets_a_caller_wait_for_what_it_wrote(tmp_path: Path, clock: SettableClock) -> None:
    node = Node.open(found(tmp_path / "net", clock=clock).homes["authority"], clock, cost=CHEAP)
    node.reader.register("notes/1", [notes], project)
    with node.private.begin() as connection:
        notes.metadata.create_all(connection)
    with node:
        write(node, "one")
        with node.store.reading() as ledger:
            (stored,) = ledger.records(1, 10)
        node.reader.wait_for(stored.log_index, 10)
        assert texts(node) == ["one"]
        with pytest.raises(Unreachable, match="reader-behind"):
            node.reader.wait_for(stored.log_index + 1, 0.01)


def test_a_reader_that_had_to_stop_says_so_to_those_who_wait(tmp_path: Path, clock: SettableClock) -> None:
    node = Node.open(found(tmp_path / "net", clock=clock).homes["authority"], clock, cost=CHEAP)

    def broken(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        raise ZeroDivisionError

    node.reader.register("broken/1", [], broken)
    with node:
        write(node, "one")
        with pytest.raises(Unreachable, match="reader-stopped"):
            node.reader.wait_for(1, 10)
        assert isinstance(node.reader.failure, ZeroDivisionError)


def test_a_recipient_found_by_trial_opens_its_part(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "net", AUTHORITY, BANK_A, clock=clock)
    with (
        Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority,
        Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(authority)) as bank,
    ):
        named = authority.directory.recipient("bank-a")
        part = Part({"text": "psst"}, [Recipient(named.public, named.key_id, named=False)])
        raw = authority.author.record(TYPE, {}, [authority.identity_key], {PART: part}).raw
        receipt = authority.outbox.send(raw, "test")
        bank.reader.wait_for(receipt.log_index, 10)
        assert bank.reader.parts_of(receipt.record_id)[PART].content == {"text": "psst"}


def test_two_readers_of_one_private_database_read_each_record_once(node: Node) -> None:
    written = [f"note {number}" for number in range(20)]
    for text in written:
        write(node, text)
    reader_of(node).catch_up()
    for text in written:
        write(node, text)
    readers = [reader_of(node) for _ in range(3)]
    threads = [threading.Thread(target=reader.catch_up) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts(node) == written + written


def test_a_projection_sees_only_the_record_types_that_it_is_about(node: Node) -> None:
    reader = LedgerReader(node.store, node.private, lambda: node.sealing_keys)
    reader.register("notes/1", [notes], project, ["consent.give"])
    write(node, "one")
    assert reader.catch_up() == 1
    assert texts(node) == []


def test_a_row_that_the_database_refuses_is_noted_and_stops_nobody(node: Node) -> None:
    reader = LedgerReader(node.store, node.private, lambda: node.sealing_keys)

    def same_row(connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        connection.execute(sa.insert(notes).values(record_id="one id", text=opened[PART].content["text"], log_index=stored.log_index))

    reader.register("notes/1", [notes], same_row)
    _, bad = write(node, "one"), write(node, "two")
    assert reader.catch_up() == 2
    assert texts(node) == ["one"]
    assert [row[:3] for row in rows(node, broken_parts)] == [(bad, "notes/1", "row-refused")]
