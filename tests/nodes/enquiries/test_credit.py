from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa

from ledger import canonical
from ledger.errors import InputError
from ledger.limits import (
    CREDIT_CLASSES_SHOWN_MAX,
    CREDIT_MONTHS_SHOWN_MAX,
    CREDIT_PENALTIES_SHOWN_MAX,
    CREDIT_TEXT_CHARS_MAX,
    CREDIT_YEARS_SHOWN_MAX,
    SEALED_TEXT_BYTES_MAX,
)
from nodes.accesses import Accesses
from nodes.consents.book import consents
from nodes.consents.giving import Consent
from nodes.credit.facts import ClassFact, CreditScope, Fact, Flows, MonthFact, PenaltyFact, YearFact
from nodes.credit.imports import import_objects
from nodes.credit.profiles import Profiles
from nodes.credit.report import CreditReport, report_of
from nodes.enquiries.asking import Enquiries, Enquiry
from nodes.enquiries.parts import ANSWER_PART, AnswerPart, AsOf
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from nodes.sealed_models import read_part
from tests.nodes.credit.examples import BASIC, CLASS_A, CLASS_B, MONTH, PENALTY, ROWS, USCC, YEAR, facts_of
from tests.nodes.network import CUSTODY, OTHER, OWN, Network, asked, caller, network

ALL: tuple[CreditScope, ...] = ("basic", "trade-credit", "regulatory-credit")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("credit") / "net") as net:
        for uscc in (OWN, CUSTODY):
            rows = [{**row, "uscc": uscc} for row in ROWS]
            assert {row.result for row in import_objects(profiles(net), rows, "clerk", "test")} == {"recorded"}
        yield net


def profiles(net: Network) -> Profiles:
    return Profiles(net.authority.private, net.clock)


def report(net: Network, consent: Consent, scopes: Sequence[CreditScope] = ()) -> Enquiry:
    """Asks, lets the authority answer, and reads the answer at the bank."""
    enquiry = Enquiries(net.bank_a).ask(caller(net.bank_a), consent.id, [], "credit", scopes=scopes)
    net.settle()
    while EnquiryWorker(net.authority).run_once():
        pass
    net.settle()
    return Enquiries(net.bank_a).get(enquiry)


def reported(net: Network, consent: Consent, scopes: Sequence[CreditScope] = ()) -> CreditReport:
    answer = report(net, consent, scopes)
    assert (answer.state, answer.lines) == ("answered", ())
    assert answer.credit is not None
    return answer.credit


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_a_consent_to_every_scope_gives_every_fact(net: Network, uscc: str) -> None:
    found = reported(net, net.consent(uscc, scopes=("finance", *ALL)))
    assert (found.result, found.revision, found.scopes) == ("reported", 6, list(ALL))
    assert found.basic is not None and found.trade is not None and found.regulatory is not None
    basic = found.basic
    assert (basic.uscc, basic.directory, basic.directory_since) == (uscc, "listed", "2014-03-18")
    assert (basic.enterprise_class, basic.class_since) == ("A", "2020-01-01")
    assert [(year.year, year.exports_minor) for year in found.trade.years] == [(2025, 111_040_040)]
    assert [month.month for month in found.trade.months] == ["2026-05"]
    assert [each.enterprise_class for each in found.regulatory.classes] == ["A", "B"]
    assert [each.reference for each in found.regulatory.penalties] == [PENALTY["penalty_reference"]]


@pytest.mark.parametrize("scope", ALL)
def test_what_is_not_consented_to_is_not_in_the_answer(net: Network, scope: CreditScope) -> None:
    found = reported(net, net.consent(scopes=("finance", scope)))
    assert found.scopes == [scope]
    sections = {"basic": found.basic, "trade-credit": found.trade, "regulatory-credit": found.regulatory}
    assert [name for name, section in sections.items() if section is not None] == [scope]


def test_what_was_not_asked_for_is_not_in_the_answer(net: Network) -> None:
    found = reported(net, net.consent(scopes=ALL), ["basic"])
    assert (found.scopes, found.trade, found.regulatory) == (["basic"], None, None)


def test_a_consent_to_no_scope_that_was_asked_for_is_declined_and_spends_nothing(net: Network) -> None:
    for scopes, wanted in ((("finance",), ()), (("basic",), ("trade-credit",))):
        consent = net.consent(scopes=scopes)
        answer = report(net, consent, wanted)  # type: ignore[arg-type]  # literals in a tuple
        assert (answer.state, answer.code, answer.credit) == ("declined", "scope-missing", None)
        with net.authority.store.reading() as reader:
            entry = reader.state.get(f"consent/{consent.id}")
        assert entry is not None and entry["used"] == 0


def test_a_consent_that_the_enterprise_did_not_give_itself_opens_no_facts(net: Network) -> None:
    consent = net.consent(scopes=ALL)
    with net.authority.private.begin() as connection:
        connection.execute(sa.update(consents).where(consents.c.id == consent.id).values(basis="paper"))
    answer = report(net, consent)
    assert (answer.state, answer.code, answer.credit) == ("declined", "basis-unconfirmed", None)


def test_an_enterprise_without_facts_is_unknown_without_any_field(net: Network) -> None:
    answer = report(net, net.consent(OTHER, scopes=ALL))
    assert answer.answer_record is not None
    opened = net.bank_a.reader.parts_of(answer.answer_record)[ANSWER_PART].content
    assert opened["credit"] == {"result": "unknown"}
    assert opened["lines"] == []


def test_credit_is_asked_without_lines_and_declarations_without_scopes(net: Network) -> None:
    consent, one = net.consent(scopes=("finance", *ALL)), net.fresh()
    service, who = Enquiries(net.bank_a), caller(net.bank_a)
    with pytest.raises(InputError, match="bad-enquiry"):
        service.ask(who, consent.id, [asked(one)], "credit")
    with pytest.raises(InputError, match="bad-enquiry"):
        service.ask(who, consent.id, [asked(one)], "declarations", scopes=["basic"])


def test_an_answer_goes_to_bank_authority_and_enterprise_and_carries_no_grant(net: Network) -> None:
    answer = report(net, net.consent(OWN, scopes=ALL))
    (stored,) = [one for one in net.records("enquiry.answer") if one.id == answer.answer_record]
    assert (stored.record.body["grants"], set(stored.record.core["sealed"])) == ([], {ANSWER_PART})

    def opens(node: Node) -> bool:
        return ANSWER_PART in node.reader.parts_of(stored.id)

    assert [opens(node) for node in (net.bank_a, net.authority, net.exporter, net.bank_b)] == [True, True, True, False]


def test_the_enterprise_sees_who_asked_and_which_scopes_were_shown(net: Network) -> None:
    consent = net.consent(OWN, scopes=("basic", "trade-credit"))
    answer = report(net, consent)
    seen = [each for each in Accesses(net.exporter.private).list(net.enterprises[OWN]) if each.consent == consent.id]
    assert [(each.kind, each.bank, each.scopes) for each in seen] == [
        ("consent", "bank-a", ()),
        ("enquiry", "bank-a", ()),
        ("answer", "bank-a", ("basic", "trade-credit")),
    ]
    assert seen[-1].record_id == answer.answer_record


def test_what_an_answer_showed_can_be_made_again_after_the_facts_have_changed(net: Network) -> None:
    consent = net.consent(scopes=ALL)
    before = report(net, consent)
    change = {**YEAR, "uscc": CUSTODY, "exports": "1.00"}
    repaired = {**PENALTY, "uscc": CUSTODY, "repaired_on": "2026-01-31"}
    try:
        assert [row.result for row in import_objects(profiles(net), [change, repaired], "clerk", "test")] == ["superseded"] * 2
        after = report(net, consent)
        assert after.credit is not None and after.credit.trade is not None and after.credit.regulatory is not None
        assert [year.exports_minor for year in after.credit.trade.years] == [100]
        assert after.credit.regulatory.penalties == []
        assert before.credit is not None and before.credit.revision is not None
        revision, facts = profiles(net).facts(CUSTODY, before.credit.revision)
        assert report_of(CUSTODY, facts, revision, ALL, "2026-10-26") == before.credit
    finally:
        import_objects(profiles(net), [{**row, "uscc": CUSTODY} for row in (YEAR, PENALTY)], "clerk", "test")


def test_a_class_that_begins_later_and_a_later_repair_do_not_count_yet() -> None:
    store_rows = [BASIC, CLASS_A, CLASS_B, MONTH, {**PENALTY, "repaired_on": "2026-02-01"}, {**CLASS_B, "class_since": "2026-03-01"}]
    facts = facts_of(*store_rows)
    early, late = (report_of(USCC, facts, 6, ALL, day) for day in ("2026-01-31", "2026-03-01"))
    assert early.basic is not None and late.basic is not None and early.regulatory is not None and late.regulatory is not None
    assert (early.basic.enterprise_class, late.basic.enterprise_class) == ("A", "B")
    assert ([each.repaired_on for each in early.regulatory.penalties], late.regulatory.penalties) == ([None], [])
    assert (len(early.regulatory.classes), len(late.regulatory.classes)) == (2, 3)


def test_the_longest_history_fits_a_sealed_part_and_says_what_is_left_out() -> None:
    most = 10**15
    flows = Flows(goods_minor=most, services_minor=most, capital_minor=most)
    text = "违" * CREDIT_TEXT_CHARS_MAX
    facts: list[Fact] = [
        *(
            YearFact(year=year, currency="USD", collections=flows, payments=flows, exports_minor=most, imports_minor=most)
            for year in range(2000, 2027)
        ),
        *(
            MonthFact(month=f"{year}-{month:02d}", currency="USD", collections=flows)
            for year in range(2015, 2027)
            for month in range(1, 13)
        ),
        *(ClassFact(enterprise_class="B", since=f"{year}-01-01", reason=text) for year in range(1980, 2026)),
        *(
            PenaltyFact(reference=f"{number:04d}" + text[4:], decided_on="2024-01-01", description=text, currency="CNY", amount_minor=most)
            for number in range(200)
        ),
    ]
    found = report_of(USCC, facts, 10_000, ALL, "2026-10-26")
    assert found.trade is not None and found.regulatory is not None
    shown = (len(found.trade.years), len(found.trade.months), len(found.regulatory.classes), len(found.regulatory.penalties))
    assert shown == (CREDIT_YEARS_SHOWN_MAX, CREDIT_MONTHS_SHOWN_MAX, CREDIT_CLASSES_SHOWN_MAX, CREDIT_PENALTIES_SHOWN_MAX)
    assert (found.trade.years_left_out, found.trade.months_left_out) == (17, 108)
    assert (found.regulatory.classes_left_out, found.regulatory.penalties_left_out) == (6, 120)
    part = AnswerPart(request="0" * 64, code="answered", as_of=AsOf(height=1, time_ms=1), lines=[], credit=found)
    assert len(canonical.encode(part.content())) < SEALED_TEXT_BYTES_MAX
    assert read_part(AnswerPart, part.content()) == part
