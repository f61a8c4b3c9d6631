from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from ledger.engine import Receipt
from nodes.accesses import Access, Accesses
from nodes.consents.giving import Consents
from nodes.declarations.register import Declarations
from nodes.enquiries.asking import Enquiries
from nodes.enquiries.grants import grants_of
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.apply import ApplicationLine, Applications
from nodes.node import Node
from nodes.reader import broken_parts
from tests.nodes.network import CUSTODY, DAY_MS, OWN, Network, asked, caller, network
from tests.sealed_parts import demanded_parts


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("accesses") / "net") as net:
        yield net


def list_of(net: Network, node: Node, uscc: str, since: int = 0) -> list[Access]:
    net.settle()
    return Accesses(node.private).list(net.enterprises[uscc], after=since)


def apply(net: Network, declaration_id: str, share: int) -> Receipt:
    """Bank A applies under its newest grant."""
    with net.bank_a.private.reading() as connection:
        grant = grants_of(connection, declaration_id)[0]
    lines = [{"grant": grant.opening(), "share": share}]
    body = {"lines": lines, "hold_until": net.clock.now_ms() + DAY_MS, "mode": "all"}
    authored = net.bank_a.author.record("financing.apply", body, [net.bank_a.identity_key], demanded_parts("financing.apply"))
    return net.bank_a.outbox.send(authored.raw, "financing.apply")


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_an_enterprise_sees_every_use_of_its_data_in_order(net: Network, uscc: str) -> None:
    node = net.exporter if uscc == OWN else net.authority
    one, consent = net.fresh(uscc), net.consent(uscc)
    enquiry = net.ask(consent, asked(one))
    EnquiryWorker(net.authority).run_once()
    net.settle()
    declaration_id = Declarations(net.authority).id_of(one.number)
    financing = apply(net, declaration_id, 1_000)
    refused = apply(net, declaration_id, 1_000_000)
    Consents(node).revoke(consent.id)
    found = list_of(net, node, uscc)
    assert [access.kind for access in found] == ["consent", "enquiry", "answer", "application", "application", "revocation"]
    assert [access.declarations for access in found[2:5]] == [(declaration_id,)] * 3
    assert {(access.bank, access.consent) for access in found} == {("bank-a", consent.id)}
    assert [access.record_id for access in found[3:5]] == [financing.record_id, refused.record_id]
    assert (financing.code, refused.code) == ("ok", "too-many-holds")
    assert found[1].record_id != enquiry
    assert list_of(net, node, uscc, since=found[3].log_index) == found[4:]


def test_an_enterprise_sees_nothing_of_another(net: Network) -> None:
    one, consent = net.fresh(CUSTODY), net.consent(CUSTODY, bank="bank-b")
    net.ask(consent, asked(one), bank=net.bank_b)
    EnquiryWorker(net.authority).run_once()
    assert consent.id not in {access.consent for access in list_of(net, net.exporter, OWN)}
    assert list_of(net, net.exporter, CUSTODY) == []
    assert [access.bank for access in list_of(net, net.authority, CUSTODY) if access.consent == consent.id] == ["bank-b"] * 3


def test_a_rebuild_gives_the_same_list(net: Network) -> None:
    net.consent(OWN)
    before = list_of(net, net.exporter, OWN)
    net.exporter.reader.rebuild()
    assert list_of(net, net.exporter, OWN) == before
    for node in (net.authority, net.bank_a, net.bank_b, net.exporter):
        with node.private.reading() as connection:
            assert connection.execute(sa.select(broken_parts)).fetchall() == []


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_an_application_under_two_consents_shows_every_declaration_that_it_uses(net: Network, uscc: str) -> None:
    node = net.exporter if uscc == OWN else net.authority
    found = [net.fresh(uscc), net.fresh(uscc)]
    for one in found:
        net.ask(net.consent(uscc), asked(one))
    EnquiryWorker(net.authority).run_once()
    net.settle()
    ids = [Declarations(net.authority).id_of(one.number) for one in found]
    with net.bank_a.private.reading() as connection:
        first, second = (grants_of(connection, each)[0].opening() for each in ids)
    assert first["consent"] != second["consent"]
    outcome = Applications(net.bank_a).apply(
        caller(net.bank_a), [ApplicationLine(each) for each in ids], product="export", reference="two consents"
    )
    assert outcome.code == "ok"
    (shown,) = [access for access in list_of(net, node, uscc) if access.record_id == outcome.id]
    assert set(shown.declarations) == set(ids)


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_an_enterprise_sees_what_a_bank_asked_in_vain(net: Network, uscc: str) -> None:
    node = net.exporter if uscc == OWN else net.authority
    one, consent = net.fresh(uscc), net.consent(uscc, scopes=("basic",))
    enquiry = net.ask(consent, asked(one))
    EnquiryWorker(net.authority).run_once()
    net.settle()
    answer = Enquiries(net.authority).get(enquiry).answer_record
    (shown,) = [access for access in list_of(net, node, uscc) if access.record_id == answer]
    assert (shown.kind, shown.bank, shown.declarations) == ("answer", "bank-a", ())
