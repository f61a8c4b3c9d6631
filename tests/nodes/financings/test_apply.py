"""An application under real consents and answers, as far as each node may read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes.consents.giving import Consents
from nodes.customs.declaration import CustomsDeclaration
from nodes.enquiries.asking import AnsweredLine, Enquiries
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.apply import ApplicationLine, ApplicationOutcome
from nodes.financings.desk import Financings
from nodes.money import Money
from nodes.node import Node
from tests.nodes.network import CUSTODY, OWN, Network, asked, caller, network


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("applications") / "net") as net:
        yield net


def enquired(net: Network, bank: Node, *found: CustomsDeclaration, uscc: str = CUSTODY) -> tuple[str, list[AnsweredLine]]:
    """The consent under which a bank asked, and the answered lines."""
    consent = net.consent(uscc, bank.member)
    enquiry = net.ask(consent, *(asked(one) for one in found), bank=bank)
    EnquiryWorker(net.authority).run_once()
    net.settle()
    return consent.id, list(Enquiries(bank).get(enquiry).lines)


def apply(bank: Node, *lines: tuple[AnsweredLine, Money | None]) -> ApplicationOutcome:
    wanted = [ApplicationLine(line.declaration or "", amount) for line, amount in lines]
    return Financings(bank).apply(caller(bank), wanted, product="packing credit", reference="A-77")


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_bank_authority_and_exporter_read_the_application_and_the_other_bank_does_not(net: Network, uscc: str) -> None:
    _, (line,) = enquired(net, net.bank_a, net.fresh(uscc), uscc=uscc)
    outcome = apply(net.bank_a, (line, Money("USD", 1_000_000)))
    assert (outcome.code, outcome.lines[0].number) == ("ok", line.number)
    net.settle()
    record_id = outcome.record_id
    assert record_id is not None
    readers = {"bank-a", "authority"} | ({"exporter-a"} if uscc == OWN else set())
    for node in (net.bank_a, net.bank_b, net.authority, net.exporter):
        opened = node.reader.parts_of(record_id)
        assert (node.config.node.id in readers) == ("application" in opened)
    content = net.authority.reader.parts_of(record_id)["application"].content
    assert (content["enterprise"], content["uscc"], content["amount_minor"]) == (net.enterprises[uscc], uscc, 1_000_000)


def test_a_bank_may_ask_for_exactly_what_the_answer_said_is_left(net: Network) -> None:
    one = net.fresh()
    _, (line,) = enquired(net, net.bank_a, one)
    assert apply(net.bank_a, (line, Money("USD", 1_000_000))).code == "ok"
    _, (left,) = enquired(net, net.bank_b, one)
    assert left.available is not None
    outcome = apply(net.bank_b, (left, left.available))
    assert (outcome.code, outcome.lines[0].amount, outcome.lines[0].share) == ("ok", left.available, 724_000)


def test_many_declarations_of_one_exporter_are_one_application(net: Network) -> None:
    found = [net.fresh() for _ in range(5)]
    _, lines = enquired(net, net.bank_a, *found)
    outcome = apply(net.bank_a, *((line, None) for line in lines))
    assert outcome.code == "ok" and outcome.id is not None
    financing = Financings(net.bank_a).get(outcome.id)
    assert [line.number for line in financing.lines] == [one.number for one in found]
    assert financing.total("applied") == Money("USD", 5 * 3_625_000)
    assert (financing.uscc, financing.product, financing.reference) == (CUSTODY, "packing credit", "A-77")


def test_a_revocation_at_the_exporters_own_node_lets_its_holds_go(net: Network) -> None:
    consent, (line,) = enquired(net, net.bank_a, net.fresh(OWN), uscc=OWN)
    outcome = apply(net.bank_a, (line, None))
    assert outcome.id is not None
    Consents(net.exporter).revoke(consent)
    net.settle()
    assert Financings(net.bank_a).get(outcome.id).state == "CANCELLED"
    assert apply(net.bank_a, (line, None)).code == "consent-revoked"
