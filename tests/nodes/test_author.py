from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.errors import InputError, Refused
from ledger.record import parse
from nodes.author import Part, core_id
from nodes.node import Node
from nodes.sealing import open_part
from tests.nodes.small_network import CHEAP, START_MS, found
from tests.sealed_parts import demanded_parts

TYPE = "enterprise.enrol"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def node(tmp_path: Path, clock: SettableClock) -> Iterator[Node]:
    with Node.open(found(tmp_path / "net", clock=clock).homes["authority"], clock, cost=CHEAP) as node:
        yield node


def test_a_record_names_the_newest_header_of_the_nodes_own_replica(node: Node) -> None:
    core, _ = node.author.core(TYPE, {}, [node.identity_key.id])
    with node.store.reading() as reader:
        assert core["seen"] == {"height": reader.head.height, "hash": reader.head.hash}
    assert core["network"] == node.network


def test_a_record_made_here_is_admitted_and_its_id_is_known_before_it_is_signed(node: Node) -> None:
    core, _ = node.author.core(TYPE, {}, [node.identity_key.id])
    authored = node.author.record(TYPE, {}, [node.identity_key], demanded_parts(TYPE))
    assert parse(authored.raw).id == authored.record_id != core_id(core)
    receipt = node.engine.submit(authored.raw).result(10)
    assert (receipt.record_id, receipt.code) == (authored.record_id, "ok")


def test_variants_of_a_record_differ_in_their_signers_and_seals_alone(node: Node) -> None:
    part = Part({"v": 1}, [node.directory.recipient("authority")])
    first, second = node.author.cores(TYPE, {}, [["a" * 64, "b" * 64], ["a" * 64, "c" * 64]], {"enrolment": part})
    assert {name for name in first if first[name] != second[name]} == {"signers", "sealed"}
    assert (first["signers"], second["signers"]) == (["a" * 64, "b" * 64], ["a" * 64, "c" * 64])


def test_two_records_that_say_the_same_are_two_records(node: Node) -> None:
    first, second = (node.author.record(TYPE, {}, [node.identity_key], demanded_parts(TYPE)) for _ in range(2))
    assert first.record_id != second.record_id


def test_validity_counts_from_the_newest_block_where_the_clock_lags_behind_it(node: Node, clock: SettableClock) -> None:
    clock.advance(1_000)
    node.engine.submit(node.author.record(TYPE, {}, [node.identity_key], demanded_parts(TYPE)).raw).result(10)
    clock.advance(-600)
    core, _ = node.author.core(TYPE, {}, [node.identity_key.id], valid_ms=100)
    assert core["not_after"] == START_MS + 1_100


def test_a_record_whose_time_is_past_is_refused(node: Node, clock: SettableClock) -> None:
    raw = node.author.record(TYPE, {}, [node.identity_key], demanded_parts(TYPE), valid_ms=100).raw
    clock.advance(100)
    with pytest.raises(Refused, match="expired"):
        node.engine.submit(raw).result(10)


def test_a_sealed_part_opens_in_the_finished_record(node: Node) -> None:
    part = Part({"v": 1, "text": "quiet"}, [node.directory.recipient("authority")])
    authored = node.author.record(TYPE, {}, [node.identity_key], {"enrolment": part})
    opened = open_part(parse(authored.raw).core, "enrolment", node.sealing_keys)
    assert opened is not None
    assert opened.content == part.content
    assert opened.content_key == authored.content_keys["enrolment"]


def test_a_part_that_nobody_could_open_is_refused(node: Node) -> None:
    with pytest.raises(InputError, match="no-recipients"):
        node.author.core(TYPE, {}, [node.identity_key.id], {"enrolment": Part({}, [])})
