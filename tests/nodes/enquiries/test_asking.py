from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from contracts.commitments import grant_commitment
from ledger import canonical
from ledger.errors import InputError, NotFound
from ledger.limits import AMOUNT_MINOR_MAX, ENQUIRY_LINES_MAX, INTEGER_MAX
from ledger.store import StoredRecord
from nodes.consents.giving import Consent
from nodes.customs.declaration import CustomsDeclaration
from nodes.declarations.register import Declarations
from nodes.enquiries.asking import AnsweredLine, Enquiries, EnquiryLine
from nodes.enquiries.grants import Grant, grants_of
from nodes.enquiries.parts import (
    ANSWER_PART,
    SECRET_PART,
    AnswerLine,
    AnswerPart,
    AnswerSecret,
    AsOf,
    GrantOpening,
    Integrity,
    SecretLine,
    Source,
    Status,
)
from nodes.enquiries.worker import EnquiryWorker
from nodes.money import Money
from nodes.node import Node
from nodes.sealing import open_part
from tests.nodes.network import CUSTODY, OTHER, OWN, Network, asked, caller, declaration, network


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("enquiries") / "net") as net:
        yield net


@pytest.fixture(scope="module")
def consent(net: Network) -> Consent:
    """Of an exporter in custody to bank A."""
    return net.consent(uses=1_000)


def answer(net: Network, consent: Consent, *lines: EnquiryLine, bank: Node | None = None) -> tuple[AnsweredLine, ...]:
    enquiry = net.ask(consent, *lines, bank=bank)
    EnquiryWorker(net.authority).run_once()
    net.settle()
    return Enquiries(bank or net.bank_a).get(enquiry).lines


def answer_record(net: Network, enquiry: str) -> StoredRecord:
    (found,) = [stored for stored in net.records("enquiry.answer") if stored.record.body["request"] == enquiry]
    return found


def held(net: Network, one: CustomsDeclaration) -> list[Grant]:
    with net.bank_a.private.reading() as connection:
        return grants_of(connection, Declarations(net.authority).id_of(one.number))


def test_an_answer_has_integrity_status_and_source(net: Network, consent: Consent) -> None:
    one = net.fresh()
    (line,) = answer(net, consent, asked(one))
    assert (line.result, line.number) == ("match", one.number)
    assert line.integrity == Integrity(amount="match", currency="match", export_date="match")
    assert line.status is not None
    assert (line.status.declaration, line.status.use, line.status.available_ppm) == ("registered", "unfinanced", 1_000_000)
    assert line.financeable == line.available == one.financeable
    assert line.source == Source(registered_by="authority", key="good")


def test_every_line_has_its_own_code(net: Network, consent: Consent) -> None:
    one, dollars = net.fresh(), Money("USD", 3_625_001)
    lines = [
        asked(one, amount=None, export_date=None),
        replace(asked(net.fresh()), amount=Money("EUR", 3_625_000)),
        replace(asked(net.fresh()), amount=dollars, export_date="2026-09-12"),
        replace(asked(net.fresh()), export_date="2026-09-12"),
        replace(asked(one), number=one.number[:8] + "1" + one.number[9:]),
        asked(declaration(999_999)),
        asked(net.fresh(OTHER)),
        replace(asked(net.fresh()), exporter_uscc=OTHER),
    ]
    found = answer(net, consent, *lines)
    assert [line.result for line in found] == [
        "match", "currency-mismatch", "amount-mismatch", "date-mismatch", "not-export", "unknown", "unknown", "unknown"
    ]  # fmt: skip
    assert found[0].integrity == Integrity(amount="not-asked", currency="not-asked", export_date="not-asked")
    assert found[2].integrity == Integrity(amount="mismatch", currency="match", export_date="mismatch")
    assert [line.grant is not None for line in found] == [True] + [False] * 7
    assert all(line.status is None and line.source is None for line in found[1:])
    assert [line.number for line in found] == [line.number for line in lines]


def test_another_exporters_declaration_and_none_at_all_get_the_same_bytes(net: Network, consent: Consent) -> None:
    others, nobodys = net.fresh(OTHER), declaration(888_888)
    lines = [asked(others, exporter_uscc=CUSTODY), asked(others), asked(nobodys, exporter_uscc=CUSTODY), asked(nobodys)]
    records, contents = [], []
    for line in lines:
        enquiry = net.ask(consent, line)
        EnquiryWorker(net.authority).run_once()
        net.settle()
        record = answer_record(net, enquiry)
        opened = {part: open_part(record.record.core, part, net.bank_a.sealing_keys) for part in (ANSWER_PART, SECRET_PART)}
        records.append(record)
        contents.append({part: {**found.content, "request": "", "as_of": ""} for part, found in opened.items() if found is not None})
    assert contents[0][ANSWER_PART]["lines"] == [{"result": "unknown"}]
    assert len({canonical.encode(content) for content in contents}) == 1
    assert len({tuple(sorted((part, len(sealed["text"])) for part, sealed in one.record.core["sealed"].items())) for one in records}) == 1
    assert all(one.record.body["grants"] == [] for one in records)


def test_a_number_that_others_asked_about_in_vain_reaches_no_exporter(net: Network, consent: Consent) -> None:
    others = net.fresh(OTHER)
    own = net.consent(OWN)
    enquiry = net.ask(own, asked(others))
    EnquiryWorker(net.authority).run_once()
    net.settle()
    opened = open_part(answer_record(net, enquiry).record.core, ANSWER_PART, net.exporter.sealing_keys)
    assert opened is not None
    assert others.number not in canonical.encode(opened.content).decode()


def test_an_answer_opens_for_its_bank_and_exporter_and_for_no_other_bank(net: Network) -> None:
    one, consent = net.fresh(OWN), net.consent(OWN)
    enquiry = net.ask(consent, asked(one))
    EnquiryWorker(net.authority).run_once()
    net.settle()
    core = answer_record(net, enquiry).record.core
    assert open_part(core, ANSWER_PART, net.exporter.sealing_keys) is not None
    assert open_part(core, SECRET_PART, net.exporter.sealing_keys) is None
    for part in (ANSWER_PART, SECRET_PART):
        assert open_part(core, part, net.bank_a.sealing_keys) is not None
        assert open_part(core, part, net.bank_b.sealing_keys) is None
    with pytest.raises(NotFound):
        Enquiries(net.bank_b).get(enquiry)
    assert Enquiries(net.exporter).get(enquiry).lines[0].number == one.number


def test_a_grant_opens_its_commitment_and_brings_the_registrars_own_words(net: Network, consent: Consent) -> None:
    one = net.fresh(total_minor=5_000_000)
    (line,) = answer(net, consent, asked(one))
    (grant,) = held(net, one)
    opening = grant.opening()
    assert grant_commitment(bank="bank-a", **opening) == grant.commitment == line.grant
    assert (grant.number, grant.registered_minor, grant.currency, grant.uscc) == (one.number, 5_000_000, "USD", CUSTODY)
    assert grant.end_ms == consent.not_after_ms
    with net.authority.store.reading() as reader:
        entry = reader.state.get(f"grant/{grant.commitment}")
    assert entry is not None and entry["consent"] == consent.id
    assert Declarations(net.bank_a).document(grant.declaration) == one


def test_a_mismatch_tells_the_bank_nothing_that_it_did_not_know(net: Network, consent: Consent) -> None:
    one = net.fresh(total_minor=7_654_321)
    enquiry = net.ask(consent, asked(one, amount=Money("USD", 1)))
    EnquiryWorker(net.authority).run_once()
    net.settle()
    assert held(net, one) == []
    with pytest.raises(NotFound):
        Declarations(net.bank_a).find_by_number(one.number)
    parts = net.bank_a.reader.parts_of(answer_record(net, enquiry).id)
    assert "7654321" not in str([part.content for part in parts.values()])


def test_amended_and_void_declarations_say_so(net: Network, consent: Consent) -> None:
    amended, void, registrar = net.fresh(total_minor=3_000_000), net.fresh(), Declarations(net.authority)
    registrar.amend(registrar.id_of(amended.number), Money("USD", 1_500_000), "half of it")
    registrar.void(registrar.id_of(void.number), "withdrawn")
    net.settle()
    first, second, third = answer(net, consent, asked(amended, amount=Money("USD", 1_500_000)), asked(void), asked(declaration(666_666)))
    assert first.status is not None and second.status is not None
    assert (first.result, first.status.declaration, first.available) == ("match", "amended", Money("USD", 1_500_000))
    assert (second.result, second.status.declaration, second.grant) == ("match", "void", None)
    assert third.result == "unknown"
    found = Declarations(net.bank_a).find_by_number(amended.number)
    assert (found.status, found.registered, found.current) == ("amended", amended.financeable, Money("USD", 1_500_000))


def test_a_21_digit_number_stands_for_its_root(net: Network, consent: Consent) -> None:
    one = net.fresh()
    (line,) = answer(net, consent, replace(asked(one), number=one.number + "001"))
    assert (line.result, line.number) == ("match", one.number)


def test_what_cannot_be_asked_is_refused_before_anything_is_sealed(net: Network, consent: Consent) -> None:
    one, service, before = net.fresh(), Enquiries(net.bank_a), len(net.records("enquiry.request"))
    bad: list[tuple[str, list[EnquiryLine]]] = [
        ("number-format", [replace(asked(one), number=one.number[:17])]),
        ("number-format", [replace(asked(one), number=one.number + "1")]),
        ("number-twice", [asked(one), asked(one)]),
        ("date-invalid", [replace(asked(one), export_date="2026-02-30")]),
        ("date-invalid", [replace(asked(one), export_date="20260911")]),
        ("uscc-invalid", [replace(asked(one), exporter_uscc="short")]),
        ("bad-enquiry", []),
        ("bad-enquiry", [asked(declaration(serial)) for serial in range(ENQUIRY_LINES_MAX + 1)]),
    ]
    for code, lines in bad:
        with pytest.raises(InputError) as refused:
            service.ask(caller(net.bank_a), consent.id, lines)
        assert refused.value.code == code
    for bank, consent_id in ((net.bank_a, "ab" * 32), (net.bank_b, consent.id)):
        with pytest.raises(NotFound, match="unknown-consent"):
            Enquiries(bank).ask(caller(bank), consent_id, [asked(one)])
    assert len(net.records("enquiry.request")) == before


def test_one_reference_asks_once(net: Network, consent: Consent) -> None:
    one, service = net.fresh(), Enquiries(net.bank_a)
    first = service.ask(caller(net.bank_a), consent.id, [asked(one)], reference="ask:1")
    assert service.ask(caller(net.bank_a), consent.id, [asked(one)], reference="ask:1") == first


def test_waiting_ends_with_the_time_and_says_that_nothing_is_known_yet(net: Network, consent: Consent) -> None:
    enquiry = net.ask(consent, asked(net.fresh()))
    assert Enquiries(net.bank_a).wait(enquiry, 0.05).state == "pending"
    EnquiryWorker(net.authority).run_once()
    found = Enquiries(net.bank_a).wait(enquiry, 60)
    assert found.state == "answered"
    assert found.as_of is not None
    assert found.as_of.height < answer_record(net, enquiry).height


def test_the_largest_answer_fits_into_a_record() -> None:
    name, most = "f" * 64, ENQUIRY_LINES_MAX
    status = Status(
        declaration="registered",
        use="fully-financed",
        currency="USD",
        financeable_minor=AMOUNT_MINOR_MAX,
        available_minor=AMOUNT_MINOR_MAX,
        available_ppm=10_000_000,
        until=INTEGER_MAX,
    )
    asked_nothing = Integrity(amount="not-asked", currency="not-asked", export_date="not-asked")
    line = AnswerLine(
        result="match",
        number="0" * 18,
        declaration=name,
        integrity=asked_nothing,
        status=status,
        source=Source(registered_by="a" * 32, key="revoked"),
        granted=True,
    )
    grant = GrantOpening(declaration=name, maximum=10_000_000, uses=1_000, end=INTEGER_MAX, salt=name)
    answer = AnswerPart(request=name, code="answered", as_of=AsOf(height=0, time_ms=0), lines=[line] * most)
    secret = AnswerSecret(consent=name, lines=[SecretLine(record=name, content_key=name, grant=grant)] * most)
    sizes = [1 << len(canonical.encode(part.content())).bit_length() for part in (answer, secret)]
    body = most * 67 + 10_000
    assert sum(size * 4 // 3 + 1_000 for size in sizes) + body < 1_048_576


def test_a_rebuild_gives_the_same_enquiries_and_grants(net: Network, consent: Consent) -> None:
    one = net.fresh()
    answer(net, consent, asked(one))
    for node in (net.authority, net.bank_a, net.exporter):
        before = Enquiries(node).list(limit=10_000)
        with node.private.reading() as connection:
            had = connection.execute(sa.select(sa.func.count()).select_from(sa.table("grants"))).scalar_one()
        node.reader.rebuild()
        assert Enquiries(node).list(limit=10_000) == before
        with node.private.reading() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(sa.table("grants"))).scalar_one() == had
