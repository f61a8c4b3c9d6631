"""A registrar of its own is told by which key an exporter opens its declarations: at enrolment, and when it becomes registrar later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from contracts import entries
from ledger.clock import SettableClock
from nodes.declarations.register import Declarations
from nodes.enterprises import REGISTRY, enrol, enrolment
from nodes.founding import Founded, MemberPlan
from nodes.node import Node
from nodes.reader import broken_parts
from nodes.telling import Telling
from tests.nodes.network import CUSTODY, NAMES, OWN, csv_file, declaration
from tests.nodes.small_network import AUTHORITY, CHEAP, EXPORTER_A, START_MS, Beside, found

CUSTOMS = MemberPlan("customs", "registrar", "Customs")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def founded(tmp_path: Path, clock: SettableClock) -> Founded:
    return found(tmp_path / "net", AUTHORITY, CUSTOMS, EXPORTER_A, clock=clock)


@pytest.fixture
def nodes(founded: Founded, clock: SettableClock) -> Iterator[dict[str, Node]]:
    with ExitStack() as stack:
        authority = stack.enter_context(Node.open(founded.homes["authority"], clock, cost=CHEAP))
        beside = {
            name: stack.enter_context(Node.open(founded.homes[name], clock, cost=CHEAP, upstream=Beside(authority)))
            for name in ("customs", "exporter-a")
        }
        yield {"authority": authority, **beside}


def settle(nodes: dict[str, Node]) -> None:
    with nodes["authority"].store.reading() as reader:
        head = reader.head
    for node in nodes.values():
        assert node.engine.heights.wait_for(head.height, 10)  # type: ignore[attr-defined]  # every engine of these tests counts heights
        node.reader.catch_up()


def enrolled(nodes: dict[str, Node], founded: Founded) -> dict[str, str]:
    """Both exporters, enrolled: their ids by credit code."""
    keys, authority = founded.enterprises["exporter-a"], nodes["authority"]
    ids = {}
    for what in (enrolment(CUSTODY, NAMES[CUSTODY]), enrolment(OWN, NAMES[OWN], keys.sign, keys.seal)):
        ids[what.uscc] = enrol(what, authority.author, authority.outbox, authority.directory, authority.identity_key).record_id
    settle(nodes)
    return ids


def broken(node: Node) -> list[str]:
    with node.private.reading() as connection:
        return list(connection.execute(sa.select(broken_parts.c.code)).scalars())


def forget_who_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enrolments are made as before there was a part for the registrar."""
    monkeypatch.setattr("nodes.enterprises.registrar_to_tell", lambda directory: None)


def test_an_exporter_with_a_node_of_its_own_opens_what_customs_registers(founded: Founded, nodes: dict[str, Node]) -> None:
    ids = enrolled(nodes, founded)
    one, other = declaration(1, OWN), declaration(2, CUSTODY)
    report = Declarations(nodes["customs"]).import_files([("a.csv", csv_file(one, other))])
    assert report.registered == 2
    settle(nodes)
    (seen,) = Declarations(nodes["exporter-a"]).list()
    assert (seen.number, seen.enterprise) == (one.number, ids[OWN])
    assert Declarations(nodes["authority"]).find_by_number(other.number).enterprise == ids[CUSTODY]


def test_customs_is_told_a_credit_code_and_a_key_and_nothing_else(founded: Founded, nodes: dict[str, Node]) -> None:
    ids = enrolled(nodes, founded)
    own = nodes["customs"].enterprises.by_uscc(OWN)
    assert own.seal == founded.enterprises["exporter-a"].seal
    assert (own.id, own.name, own.sign, own.custody) == (ids[OWN], "", None, False)
    in_custody = nodes["customs"].enterprises.by_uscc(CUSTODY)
    assert (in_custody.id, in_custody.custody, in_custody.seal) == (ids[CUSTODY], True, None)
    assert set(nodes["customs"].reader.parts_of(ids[OWN])) == {REGISTRY}


def test_whether_an_exporter_has_a_node_of_its_own_does_not_show(founded: Founded, nodes: dict[str, Node]) -> None:
    ids = enrolled(nodes, founded)
    with nodes["authority"].store.reading() as reader:
        stored = [reader.record(ids[uscc]) for uscc in (OWN, CUSTODY)]
    shapes = [
        {name: (len(part["wraps"]), len(part["text"]), sum("to" in wrap for wrap in part["wraps"])) for name, part in sealed.items()}
        for sealed in (each.record.core["sealed"] for each in stored if each is not None)
    ]
    assert shapes[0] == shapes[1]


def test_a_registrar_is_told_later_of_what_was_enrolled_without_it(
    founded: Founded, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        forget_who_was_told(before)
        ids = enrolled(nodes, founded)
    assert nodes["customs"].enterprises.list() == []
    telling = Telling(nodes["authority"])
    assert telling.run_once() == 2
    settle(nodes)
    assert {each.uscc: each.id for each in nodes["customs"].enterprises.list()} == ids
    known = nodes["authority"].enterprises.list()
    assert {each.uscc: each.id for each in known} == ids
    assert [each.name for each in known] == [NAMES[CUSTODY], NAMES[OWN]]
    assert [broken(node) for node in nodes.values()] == [[], [], []]


def test_nobody_is_told_twice_not_even_after_the_private_database_was_rebuilt(
    founded: Founded, nodes: dict[str, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        forget_who_was_told(before)
        enrolled(nodes, founded)
    authority = nodes["authority"]
    assert Telling(authority).run_once() == 2
    authority.reader.catch_up()
    enrolled_later = enrol(
        enrolment("91110000600037341L", "Third"), authority.author, authority.outbox, authority.directory, authority.identity_key
    )
    authority.reader.wait_for(enrolled_later.log_index, 10)
    authority.reader.rebuild()
    again = Telling(authority)
    assert [again.run_once(), again.run_once()] == [0, 0]


def test_a_registrar_that_governors_name_is_told_of_all_who_were_enrolled_before(
    founded: Founded, nodes: dict[str, Node], clock: SettableClock
) -> None:
    name_registrar(nodes, clock, "authority")
    ids = enrolled(nodes, founded)
    assert Telling(nodes["authority"]).run_once() == 0
    assert nodes["customs"].enterprises.list() == []
    name_registrar(nodes, clock, "customs")
    assert Telling(nodes["authority"]).run_once() == 2
    settle(nodes)
    assert {each.uscc: each.id for each in nodes["customs"].enterprises.list()} == ids
    assert Declarations(nodes["customs"]).import_files([("a.csv", csv_file(declaration(3, OWN)))]).registered == 1
    settle(nodes)
    assert [each.enterprise for each in Declarations(nodes["exporter-a"]).list()] == [ids[OWN]]


def name_registrar(nodes: dict[str, Node], clock: SettableClock, member: str) -> None:
    """Every governor agrees, and the time until it takes effect passes."""
    change = {"change": {"kind": "registrar", "member": member}}
    proposal = done(nodes["authority"], "governance.propose", change)
    with nodes["authority"].store.reading() as reader:
        entry = entries.proposal(reader.state, proposal)
    if entry is not None and entry["state"] == "OPEN":
        settle(nodes)
        done(nodes["customs"], "governance.approve", {"proposal": proposal})
    clock.advance(25 * 3_600_000)
    # What is due happens with the next block that leaves anything.
    done(nodes["authority"], "key.revoke", {"key": "0" * 64, "reason": "left"}, "unknown-key")
    settle(nodes)
    assert {node.directory.registrar() for node in nodes.values()} == {member}


def done(node: Node, kind: str, body: dict[str, Any], code: str = "ok") -> str:
    """A record that the node signs alone, and what comes of it: its id."""
    receipt = node.outbox.send(node.author.record(kind, body, [node.identity_key], {}).raw, kind)
    assert receipt.code == code, receipt
    return receipt.record_id


def test_an_authority_that_registers_itself_tells_nobody(tmp_path: Path, clock: SettableClock) -> None:
    founded = found(tmp_path / "alone", AUTHORITY, EXPORTER_A, clock=clock)
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as authority:
        receipt = enrol(enrolment(CUSTODY, "Exporter"), authority.author, authority.outbox, authority.directory, authority.identity_key)
        authority.reader.wait_for(receipt.log_index, 10)
        assert Telling(authority).run_once() == 0
        assert REGISTRY not in authority.reader.parts_of(receipt.record_id)
