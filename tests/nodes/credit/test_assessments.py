from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.clock import SettableClock
from ledger.errors import NotFound, Refused
from nodes.credit.assess import assess
from nodes.credit.assessments import Assessments, document_of, inputs_of
from nodes.credit.facts import ClassFact
from nodes.credit.imports import import_objects
from nodes.credit.parameters import ParameterBook, parameters_of
from nodes.credit.profiles import Profiles
from nodes.credit.report import report_of
from nodes.enquiries.asking import Enquiries
from nodes.enquiries.worker import EnquiryWorker
from nodes.private import PrivateStore
from tests.nodes.credit.examples import BASIC, CLASS_A, CLASS_B, PENALTY, ROWS, START_MS, USCC, YEAR, facts_of
from tests.nodes.credit.test_assess import CONTENT, PARAMETERS
from tests.nodes.network import CUSTODY, NAMES, Network, caller, network


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("limits") / "net") as net:
        rows = [{**row, "uscc": CUSTODY} for row in ROWS]
        import_objects(Profiles(net.authority.private, net.clock), rows, "clerk", "test")
        ParameterBook(net.bank_a.private, net.clock).set(PARAMETERS, "risk")
        yield net


@pytest.fixture
def book(tmp_path: Path) -> Iterator[tuple[ParameterBook, SettableClock]]:
    private, clock = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}"), SettableClock(START_MS)
    try:
        yield ParameterBook(private, clock), clock
    finally:
        private.close()


def answered(net: Network, *scopes: str) -> str:
    enquiry = Enquiries(net.bank_a).ask(caller(net.bank_a), net.consent(scopes=scopes).id, [], "credit")
    net.settle()
    while EnquiryWorker(net.authority).run_once():
        pass
    net.settle()
    return enquiry


def test_an_assessment_can_be_computed_again_from_what_it_names(net: Network) -> None:
    enquiry = answered(net, "basic", "trade-credit", "regulatory-credit")
    made = Assessments(net.bank_a).make(enquiry, "risk")
    assert (made.uscc, made.name, made.content["year"]) == (CUSTODY, NAMES[CUSTODY], 2025)
    found = Enquiries(net.bank_a).get(made.enquiry)
    assert found.answer_record == made.record_id and found.credit is not None
    version = ParameterBook(net.bank_a.private, net.clock).get(made.parameters)
    assert document_of(assess(inputs_of(found.credit, 2025), version.parameters), version.parameters) == made.content


def test_assessments_are_kept_in_order_and_by_enterprise(net: Network) -> None:
    enquiry, service = answered(net, "basic", "trade-credit", "regulatory-credit"), Assessments(net.bank_a)
    first, second = service.make(enquiry, "risk"), service.make(enquiry, "risk")
    assert first.id != second.id
    assert [each.id for each in service.list(after=first.sequence - 1)] == [first.id, second.id]
    assert service.list(uscc=CUSTODY, limit=1)[0].uscc == CUSTODY
    assert service.list(uscc=USCC) == []
    assert service.get(first.id) == first
    with pytest.raises(NotFound, match="unknown-assessment"):
        service.get("0" * 32)


def test_a_limit_needs_an_answer_with_facts(net: Network) -> None:
    pending = Enquiries(net.bank_a).ask(caller(net.bank_a), net.consent(scopes=("basic",)).id, [], "credit")
    net.settle()
    with pytest.raises(Refused, match="not-answered"):
        Assessments(net.bank_a).make(pending, "risk")
    with pytest.raises(Refused, match="input-missing"):
        Assessments(net.bank_a).make(answered(net, "basic"), "risk")


def test_a_year_of_which_nothing_was_told_is_missing_whole() -> None:
    facts = facts_of(BASIC, CLASS_A)
    inputs = inputs_of(report_of(USCC, facts, 2, ["basic", "trade-credit"], "2026-10-26"), 2025)
    assert (inputs.exports_minor, inputs.collections.goods_minor, inputs.penalties) == (None, None, None)
    assert inputs.enterprise_class == "A"


def test_the_class_is_taken_from_either_scope_and_penalties_count_only_where_that_scope_was_told() -> None:
    facts = facts_of(BASIC, CLASS_A, CLASS_B, YEAR, PENALTY)
    regulatory = inputs_of(report_of(USCC, facts, 5, ["regulatory-credit"], "2026-10-26"), 2025)
    assert (regulatory.enterprise_class, regulatory.penalties, regulatory.exports_minor) == ("A", 1, None)
    trade = inputs_of(report_of(USCC, facts, 5, ["trade-credit"], "2026-10-26"), 2025)
    assert (trade.enterprise_class, trade.penalties, trade.exports_minor) == (None, None, 111_040_040)
    later = [*facts, ClassFact(enterprise_class="C", since="2026-11-01")]
    assert inputs_of(report_of(USCC, later, 6, ["basic"], "2026-10-26"), 2025).enterprise_class == "A"


def test_parameters_are_kept_in_versions_that_never_change(book: tuple[ParameterBook, SettableClock]) -> None:
    versions, clock = book
    with pytest.raises(Refused, match="no-parameters"):
        versions.get()
    first = versions.set(PARAMETERS, "risk")
    clock.advance(1_000)
    assert versions.set(PARAMETERS, "somebody else") == first
    second = versions.set(parameters_of({**CONTENT, "services": False}), "somebody else")
    assert (first.version, second.version, second.created_ms - first.created_ms) == (1, 2, 1_000)
    assert (versions.get(), versions.get(1)) == (second, first)
    assert versions.list() == [first, second]
    assert versions.list(after=1) == [second]
    with pytest.raises(NotFound, match="unknown-parameters"):
        versions.get(3)
