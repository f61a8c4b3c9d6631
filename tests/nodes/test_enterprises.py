from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import canonical
from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, Refused
from ledger.keys import P256, PublicKey
from nodes.author import Part
from nodes.enterprises import Enrolment, enrol, enrolment
from nodes.founding import EnterpriseKeys, Founded
from nodes.node import Node
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, EXPORTER_A, START_MS, USCCS, Beside, custody, found


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def founded(tmp_path: Path, clock: SettableClock) -> Founded:
    return found(tmp_path / "net", AUTHORITY, BANK_A, EXPORTER_A, clock=clock)


@pytest.fixture
def node(founded: Founded, clock: SettableClock) -> Iterator[Node]:
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as node:
        yield node


@pytest.fixture
def keys(founded: Founded) -> EnterpriseKeys:
    return founded.enterprises["exporter-a"]


def enrolled(node: Node, what: Enrolment) -> Receipt:
    receipt = enrol(what, node.author, node.outbox, node.directory, node.identity_key)
    node.reader.wait_for(receipt.log_index, 10)
    return receipt


def test_an_enterprise_in_custody_is_known_by_the_record_that_enrolled_it(node: Node) -> None:
    receipt = enrolled(node, custody())
    enterprise = node.enterprises.get(receipt.record_id)
    assert (enterprise.uscc, enterprise.custody, enterprise.sign, enterprise.seal) == (USCCS[0], True, None, None)
    assert node.enterprises.by_uscc(USCCS[0]) == enterprise
    assert enterprise.recipient(node.directory) == node.directory.recipient("authority")


def test_an_enterprise_with_a_node_of_its_own_reads_its_own_enrolment_and_no_other(
    founded: Founded, node: Node, keys: EnterpriseKeys, clock: SettableClock
) -> None:
    enrolled(node, custody())
    own = enrolled(node, enrolment(USCCS[1], EXPORTER_A.name, keys.sign, keys.seal))
    with Node.open(founded.homes["exporter-a"], clock, cost=CHEAP, upstream=Beside(node)) as exporter:
        exporter.reader.wait_for(own.log_index, 10)
        (found_there,) = exporter.enterprises.list()
        assert found_there.id == own.record_id
        assert exporter.enterprises.by_sign_key(exporter.identity_key.id) == found_there
        assert found_there.recipient(exporter.directory).key_id in exporter.sealing_keys


def test_a_bank_learns_nothing_of_an_enrolment(founded: Founded, node: Node, keys: EnterpriseKeys, clock: SettableClock) -> None:
    receipt = enrolled(node, enrolment(USCCS[1], EXPORTER_A.name, keys.sign, keys.seal))
    with Node.open(founded.homes["bank-a"], clock, cost=CHEAP, upstream=Beside(node)) as bank:
        bank.reader.wait_for(receipt.log_index, 10)
        assert bank.enterprises.list() == []
        with bank.store.reading() as reader:
            stored = reader.record(receipt.record_id)
    assert stored is not None
    for trace in (USCCS[1], EXPORTER_A.name, keys.sign.id, keys.seal.id, keys.sign.public.hex(), keys.seal.public.hex()):
        assert trace.encode() not in stored.leaf


def test_a_credit_code_is_enrolled_once(node: Node) -> None:
    receipt = enrolled(node, custody())
    with pytest.raises(Refused, match="already-enrolled") as caught:
        enrol(custody(), node.author, node.outbox, node.directory, node.identity_key)
    assert receipt.record_id in caught.value.hint
    assert len(node.enterprises.list()) == 1


def test_of_two_enrolments_on_the_ledger_the_first_one_counts(node: Node) -> None:
    first = enrolled(node, custody())
    part = Part(custody().model_dump(), [node.directory.recipient("authority")])
    second = node.outbox.send(node.author.record("enterprise.enrol", {}, [node.identity_key], {"enrolment": part}).raw, "test")
    node.reader.wait_for(second.log_index, 10)
    assert [enterprise.id for enterprise in node.enterprises.list()] == [first.record_id]


def test_a_rebuild_gives_the_same_enterprises(node: Node, keys: EnterpriseKeys) -> None:
    enrolled(node, custody())
    enrolled(node, enrolment(USCCS[1], EXPORTER_A.name, keys.sign, keys.seal))
    before = node.enterprises.list()
    assert node.reader.rebuild() == 2
    assert node.enterprises.list() == before
    assert len(before) == 2


def test_enterprises_are_listed_in_pages(node: Node) -> None:
    first, second = enrolled(node, custody(0)), enrolled(node, custody(1))
    assert [enterprise.id for enterprise in node.enterprises.list(limit=1)] == [first.record_id]
    assert [enterprise.id for enterprise in node.enterprises.list(after=first.log_index)] == [second.record_id]


def test_an_unknown_enterprise_is_not_found(node: Node) -> None:
    for look_up in (node.enterprises.get, node.enterprises.by_uscc, node.enterprises.by_sign_key):
        with pytest.raises(NotFound, match="unknown-enterprise"):
            look_up("nobody")


@pytest.mark.parametrize("uscc", ["91350100M000100Y44", "91350100M000100Y4", "91350100I000100Y43", ""])
def test_a_credit_code_with_a_wrong_check_character_is_refused(uscc: str) -> None:
    with pytest.raises(InputError, match="uscc-invalid"):
        enrolment(uscc, "Exporter")


def test_keys_come_both_or_not_at_all_and_must_be_keys(keys: EnterpriseKeys) -> None:
    for sign, seal in (
        (keys.sign, None),
        (None, keys.seal),
        (keys.seal, keys.sign),
        (PublicKey(P256, b"\x05" * 33), keys.seal),
    ):
        with pytest.raises(InputError, match=r"bad-enrolment|bad-key"):
            enrolment(USCCS[0], "Exporter", sign, seal)


def test_an_enrolment_is_canonical_json(keys: EnterpriseKeys) -> None:
    what = enrolment(USCCS[0], EXPORTER_A.name, keys.sign, keys.seal)
    assert Enrolment.model_validate(canonical.decode(canonical.encode(what.model_dump()))) == what
