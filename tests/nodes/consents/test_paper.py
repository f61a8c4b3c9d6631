from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
import sqlalchemy as sa

from contracts.guards import refuse
from ledger.errors import InputError, NotFound, NotPermitted, Refused, TallystickError
from nodes.accesses import Accesses
from nodes.attachments.store import Attachments
from nodes.consents import objections
from nodes.consents.giving import Consents
from nodes.consents.objections import Objections
from nodes.consents.paper import Papers, PaperSettings, paper_words
from nodes.consents.terms import PaperBasis
from nodes.customs.declaration import CustomsDeclaration
from nodes.enquiries.asking import Enquiries, Enquiry
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.apply import ApplicationLine, Applications
from nodes.outcomes import RuleRefused
from tests.nodes.network import CUSTODY, DAY_MS, OTHER, OWN, Network, asked, caller, network

SCAN = b"%PDF-1.7 signed by Li Hua"
DIGEST = sha256(SCAN).hexdigest()
PAPER = PaperBasis(document_sha256=DIGEST, signatory="李华")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("network")) as net:
        for bank in (net.bank_a, net.bank_b):
            Attachments(bank).add(io.BytesIO(SCAN), "scan.pdf", by="maker")
        yield net


def ask(net: Network, *found: CustomsDeclaration) -> str:
    enquiry = Enquiries(net.bank_a).ask(caller(net.bank_a), None, [asked(one) for one in found], basis=PAPER)
    net.settle()
    return enquiry


def answered(net: Network, enquiry: str) -> Enquiry:
    EnquiryWorker(net.authority).run_once()
    net.settle()
    return Enquiries(net.bank_a).get(enquiry)


def on_paper(net: Network) -> tuple[CustomsDeclaration, Enquiry]:
    one = net.fresh()
    return one, answered(net, ask(net, one))


def test_the_custodian_makes_a_short_consent_for_the_paper_and_the_enquiry_is_answered(net: Network) -> None:
    _, enquiry = on_paper(net)
    assert (enquiry.state, enquiry.lines[0].result, enquiry.basis) == ("answered", "match", PAPER)
    assert enquiry.lines[0].grant is not None and enquiry.consent is not None
    consent = Consents(net.authority).get(enquiry.consent)
    assert (consent.basis, consent.scopes, consent.uses, consent.used) == ("paper", ("finance",), 1, 1)
    assert (consent.document_sha256, consent.signatory) == (DIGEST, "李华")
    assert consent.not_after_ms < net.clock.now_ms() + 11 * DAY_MS
    assert enquiry.basis_state == "unconfirmed"


def test_the_exporter_sees_the_basis_the_document_and_the_signatory(net: Network) -> None:
    _, enquiry = on_paper(net)
    found = [each for each in Accesses(net.authority.private).list(net.enterprises[CUSTODY]) if each.consent == enquiry.consent]
    assert [each.kind for each in found] == ["consent", "enquiry", "answer"]
    assert {(each.basis, each.document_sha256, each.signatory) for each in found} == {("paper", DIGEST, "李华")}


@pytest.mark.parametrize("step", ["found", "taken", "sealed", "answered"])
def test_a_worker_that_is_killed_at_any_step_doubles_nothing(net: Network, step: str) -> None:
    enquiry = ask(net, net.fresh())
    counts = {kind: len(net.records(kind)) for kind in ("consent.give", "enquiry.take", "enquiry.answer")}

    class Killed(Exception):
        pass

    def kill(at: str) -> None:
        if at == step:
            raise Killed

    with pytest.raises(Killed):
        EnquiryWorker(net.authority, on_step=kill).run_once()
    assert answered(net, enquiry).state == "answered"
    assert {kind: len(net.records(kind)) - count for kind, count in counts.items()} == dict.fromkeys(counts, 1)


def test_two_workers_make_one_consent_for_a_paper(net: Network) -> None:
    enquiry, before = ask(net, net.fresh()), len(net.records("consent.give"))
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(EnquiryWorker(net.authority, name).run_once) for name in ("one", "two")]
        for each in runs:
            each.result()
    assert answered(net, enquiry).state == "answered"
    assert len(net.records("consent.give")) == before + 1


def test_only_exporters_in_custody_have_consents_on_paper(net: Network) -> None:
    enquiry = answered(net, ask(net, net.fresh(OWN)))
    assert (enquiry.state, enquiry.code, enquiry.consent) == ("declined", "not-in-custody", None)


def test_a_paper_is_one_exporters_and_its_scan_is_kept(net: Network) -> None:
    lines = [asked(net.fresh()), asked(net.fresh(OTHER))]
    missing = PaperBasis(document_sha256="0" * 64, signatory="x")
    wrong = [
        (None, lines, PAPER, "exporters-differ"),
        (None, lines[:1], missing, "unknown-attachment"),
        ("0" * 64, lines, PAPER, "bad-enquiry"),
    ]
    for consent, chosen, basis, code in [*wrong, (None, lines, None, "bad-enquiry")]:
        with pytest.raises(TallystickError) as refused:
            Enquiries(net.bank_a).ask(caller(net.bank_a), consent, chosen, basis=basis)
        assert refused.value.code == code
    with pytest.raises(InputError) as credit:
        Enquiries(net.bank_a).ask(caller(net.bank_a), None, [], "credit", basis=PAPER)
    assert credit.value.code == "bad-enquiry"


def test_a_consent_on_paper_serves_no_other_enquiry(net: Network) -> None:
    one, first = on_paper(net)
    assert first.consent is not None
    second = Enquiries(net.bank_a).ask(caller(net.bank_a), first.consent, [asked(one)])
    net.settle()
    assert answered(net, second).code == "consent-not-yours"


def test_a_bank_has_so_many_a_day_and_the_exporter_sees_what_was_tried_in_vain(net: Network) -> None:
    papers = Papers(net.authority)
    net.clock.advance(31 * DAY_MS)
    papers.change_settings(PaperSettings(per_day=1, per_month=2, days=10))
    try:
        assert on_paper(net)[1].state == "answered"
        refused = on_paper(net)[1]
        assert (refused.state, refused.code) == ("declined", "paper-cap")
        seen = Accesses(net.authority.private).list(net.enterprises[CUSTODY])
        assert (seen[-1].kind, seen[-1].consent, seen[-1].bank) == ("answer", None, "bank-a")
        net.clock.advance(2 * DAY_MS)
        assert on_paper(net)[1].state == "answered"
        net.clock.advance(2 * DAY_MS)
        assert on_paper(net)[1].code == "paper-cap"
    finally:
        papers.change_settings(PaperSettings())


def test_what_was_confirmed_stays_so_once_and_only_a_paper_can_be(net: Network) -> None:
    _, enquiry = on_paper(net)
    assert enquiry.consent is not None
    papers = Papers(net.authority)
    assert papers.confirm(enquiry.consent, "exporter") == papers.confirm(enquiry.consent, "exporter") == "confirmed"
    assert papers.words(enquiry.consent).said_by == "exporter"
    with pytest.raises(Refused) as other:
        papers.confirm(net.consent().id, "exporter")
    assert other.value.code == "not-on-paper"
    with pytest.raises(NotFound):
        papers.confirm("0" * 64, "exporter")


def test_a_dispute_revokes_the_consent_and_holds_that_are_not_approved_fall(net: Network) -> None:
    one, enquiry = on_paper(net)
    assert enquiry.consent is not None
    line = ApplicationLine(enquiry.lines[0].declaration or "", one.total)
    held = Applications(net.bank_a).apply(caller(net.bank_a), [line], product="p", reference="r")
    assert held.id is not None
    net.settle()
    exporter = net.authority.enterprises.get(net.enterprises[CUSTODY])
    service, before = Objections(net.authority), len(net.records("dispute.open"))
    opened = service.open(exporter, enquiry.consent, "nobody here signed this", "exporter")
    assert service.open(exporter, enquiry.consent, "nobody here signed this", "exporter") == opened
    assert (opened.revoked, len(net.records("dispute.open"))) == (enquiry.consent, before + 1)
    net.settle()
    assert Consents(net.bank_a).get(enquiry.consent).state == "revoked"
    assert Enquiries(net.bank_a).get(enquiry.id).basis_state == "disputed"
    again = Applications(net.bank_a).apply(caller(net.bank_a), [line], product="p", reference="r")
    assert again.code == "consent-revoked"
    with pytest.raises(Refused) as late:
        Papers(net.authority).confirm(enquiry.consent, "exporter")
    assert late.value.code == "already-disputed"


def test_a_dispute_that_the_rules_refuse_is_tried_once_and_no_more(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    _, enquiry = on_paper(net)
    assert enquiry.consent is not None
    exporter, service = net.authority.enterprises.get(net.enterprises[CUSTODY]), Objections(net.authority)
    with monkeypatch.context() as refusing:
        refusing.setattr("contracts.disputes.require", lambda _fits, code: refuse(code))
        with pytest.raises(RuleRefused, match="not-permitted"):
            service.open(exporter, enquiry.consent, "nobody here signed this", "exporter")
        net.settle()
    before = len(net.records("dispute.open"))
    assert [service.resume(), service.resume()] == [0, 0]
    assert len(net.records("dispute.open")) == before
    words = Papers(net.authority).words(enquiry.consent)
    assert (words.state, words.dispute) == ("disputed", net.records("dispute.open")[-1].id)


def test_a_dispute_that_a_crash_cut_short_is_ended_by_the_worker(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    _, enquiry = on_paper(net)
    assert enquiry.consent is not None
    exporter = net.authority.enterprises.get(net.enterprises[CUSTODY])

    def crash(*_: object) -> None:
        raise RuntimeError("the process is gone")

    with monkeypatch.context() as patched:
        patched.setattr(objections.Objections, "_revoke", crash)
        with pytest.raises(RuntimeError):
            Objections(net.authority).open(exporter, enquiry.consent, "not ours", "exporter")
    EnquiryWorker(net.authority).run_once()
    net.settle()
    assert Consents(net.bank_a).get(enquiry.consent).state == "revoked"
    with net.authority.private.reading() as connection:
        row = connection.execute(sa.select(paper_words).where(paper_words.c.consent == enquiry.consent)).one()
    assert row.dispute in [stored.id for stored in net.records("dispute.open")]


def test_a_second_dispute_under_a_paper_does_not_take_the_place_of_the_first(net: Network) -> None:
    _, enquiry = on_paper(net)
    assert enquiry.consent is not None
    exporter = net.authority.enterprises.get(net.enterprises[CUSTODY])
    told = [each for each in Accesses(net.authority.private).list(exporter.id) if each.consent == enquiry.consent]
    records = [each.record_id for each in told if each.kind in ("consent", "answer")]
    assert records[0] == enquiry.consent
    first, second = (Objections(net.authority).open(exporter, each, "not ours", "exporter") for each in records)
    assert (first.id != second.id, second.revoked) == (True, enquiry.consent)
    with net.authority.private.reading() as connection:
        row = connection.execute(sa.select(paper_words).where(paper_words.c.consent == enquiry.consent)).one()
    assert (row.record, row.dispute) == (enquiry.consent, first.id)


def test_an_exporter_disputes_what_concerns_it_and_nothing_else(net: Network) -> None:
    consent = net.consent()
    custody, own = (net.authority.enterprises.get(net.enterprises[uscc]) for uscc in (CUSTODY, OWN))
    plain = Objections(net.authority).open(custody, consent.id, "given under pressure", "exporter")
    assert plain.revoked is None
    other = net.authority.enterprises.get(net.enterprises[OTHER])
    with pytest.raises(NotFound) as unknown:
        Objections(net.authority).open(other, consent.id, "x", "exporter")
    assert unknown.value.code == "unknown-record"
    with pytest.raises(NotPermitted) as elsewhere:
        Objections(net.authority).open(own, consent.id, "x", "exporter")
    assert elsewhere.value.code == "not-in-custody"


def test_a_record_that_the_ledger_dropped_is_made_anew_and_keeps_nobody_waiting(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    enquiry, other = ask(net, net.fresh()), net.ask(net.consent(), asked(net.fresh()))

    def dropped(*_: object, **__: object) -> None:
        raise Refused("quota-exceeded", "the member has used up its quota of this block")

    with monkeypatch.context() as patched:
        patched.setattr(Consents, "give", dropped)
        assert answered(net, other).state == "answered"
        assert Enquiries(net.bank_a).get(enquiry).state == "pending"
    assert answered(net, enquiry).state == "answered"


def test_another_bank_and_a_replica_see_no_paper(net: Network) -> None:
    on_paper(net)
    for node in (net.bank_b, net.exporter):
        with node.private.reading() as connection:
            assert not connection.exec_driver_sql("SELECT 1 FROM parts WHERE content LIKE '%李华%'").fetchall()
