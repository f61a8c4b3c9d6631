"""A request on its way from an exporter to a bank and back, past a relay that reads nothing."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa

from ledger.errors import InputError, NotFound, Refused, TallystickError
from nodes.attachments.store import Attachments
from nodes.enquiries.grants import grants
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.apply import ApplicationLine, Applications
from nodes.money import Money
from nodes.requests.exporter import Wanted
from tests.nodes.network import CUSTODY, OWN, caller
from tests.nodes.network import asked as asked_line
from tests.nodes.requests.town import PURPOSE, SCAN, Town
from tests.privacy.leak_search import search_tree, secrets_wanted


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_a_request_reaches_its_bank_and_the_exporter_hears_so(town: Town, uscc: str) -> None:
    request = town.sent(uscc)
    received = town.bank.get(request)
    assert (received.state, received.uscc, received.form.purpose) == ("RECEIVED", uscc, PURPOSE)
    assert received.form.lines[0].amount.amount_minor == 2_900_017
    assert town.state(request, uscc) == "RECEIVED"
    with pytest.raises(NotFound):
        town.other.get(request)


@pytest.mark.parametrize("uscc", [OWN, CUSTODY])
def test_it_is_sent_back_corrected_and_taken_up(town: Town, uscc: str) -> None:
    request, service = town.sent(uscc), town.own if uscc == OWN else town.custody
    town.bank.send_back(request, "the tenor is too long", ["tenor_days"], "maker")
    town.carry()
    back = service.get(request, town.net.enterprises[uscc])
    assert (back.state, back.reason, back.fields) == ("SENT_BACK", "the tenor is too long", ("tenor_days",))
    service.resend(town.enterprise(uscc), request, town.draft(uscc, tenor_days=60), "exporter")
    town.carry()
    assert (town.bank.get(request).state, town.bank.get(request).form.tenor_days, town.state(request, uscc)) == ("RESENT", 60, "RECEIVED")

    one = town.net.fresh(uscc)
    town.net.ask(town.net.consent(uscc), asked_line(one))
    declaration = _granted(town, one.number)
    held = Applications(town.net.bank_a).apply(caller(town.net.bank_a), [ApplicationLine(declaration)], product="p", reference="r")
    assert held.id is not None
    town.bank.take_up(request, held.id, "maker")
    town.carry()
    done = service.get(request, town.net.enterprises[uscc])
    assert (done.state, done.financing) == ("TAKEN_UP", held.id)
    assert [step.state for step in done.steps] == ["SENT", "RECEIVED", "SENT_BACK", "RESENT", "RECEIVED", "TAKEN_UP"]
    with pytest.raises(Refused) as over:
        town.bank.refuse(request, "too late", "maker")
    assert over.value.code == "wrong-state"


def _granted(town: Town, number: str) -> str:
    EnquiryWorker(town.net.authority).run_once()
    town.net.settle()
    with town.net.bank_a.private.reading() as connection:
        found = connection.execute(sa.select(grants.c.declaration).where(grants.c.number == number)).scalar_one()
    return str(found)


def test_a_request_is_taken_up_by_an_application_of_the_same_exporter_only(town: Town) -> None:
    request, one = town.sent(CUSTODY), town.net.fresh(OWN)
    town.net.ask(town.net.consent(OWN), asked_line(one))
    line = ApplicationLine(_granted(town, one.number))
    held = Applications(town.net.bank_a).apply(caller(town.net.bank_a), [line], product="p", reference="r")
    for financing, code in ((held.id or "", "exporters-differ"), ("0" * 64, "unknown-financing")):
        with pytest.raises(Refused) as refused:
            town.bank.take_up(request, financing, "maker")
        assert refused.value.code == code


def test_documents_travel_with_it_to_its_bank_alone(town: Town) -> None:
    data = SCAN + b" 1"
    digest = Attachments(town.net.exporter).add(io.BytesIO(data), "contract.pdf", by="maker").sha256
    town.sent(attachments=[digest])
    assert Attachments(town.net.bank_a).content(digest) == data
    for node in (town.net.bank_b, town.net.authority):
        with pytest.raises(NotFound):
            Attachments(node).get(digest)


def test_an_exporter_in_custody_sends_documents_of_its_own(town: Town) -> None:
    data, held = SCAN + b" 2", Attachments(town.net.authority)
    digest = held.add(io.BytesIO(data), "contract.pdf", by="exporter", owner=town.net.enterprises[CUSTODY]).sha256
    town.sent(CUSTODY, attachments=[digest])
    assert Attachments(town.net.bank_a).content(digest) == data


def test_a_withdrawal_ends_it_on_both_sides_and_what_is_taken_up_stays_so(town: Town) -> None:
    request = town.sent()
    town.own.withdraw(town.enterprise(), request, "another bank was faster", "exporter")
    town.carry()
    assert (town.bank.get(request).state, town.state(request)) == ("WITHDRAWN", "WITHDRAWN")
    refused = town.sent()
    town.bank.refuse(refused, "no limit left", "maker")
    town.carry()
    with pytest.raises(Refused) as over:
        town.own.withdraw(town.enterprise(), refused, "", "exporter")
    assert over.value.code == "wrong-state"


def test_one_cause_sends_one_request(town: Town) -> None:
    draft = town.draft()
    first, again = (town.own.send(town.enterprise(), draft, "exporter", cause="c-1") for _ in range(2))
    assert first == again


def test_a_step_that_is_taken_again_is_the_same_step(town: Town) -> None:
    request, draft = town.sent(), town.draft(tenor_days=30)
    back = [town.bank.send_back(request, "too long", ["tenor_days"], "maker") for _ in range(2)]
    town.carry()
    again = [town.own.resend(town.enterprise(), request, draft, "exporter") for _ in range(2)]
    town.carry()
    gone = [town.own.withdraw(town.enterprise(), request, "no need", "exporter") for _ in range(2)]
    for first, second in (back, again, gone):
        assert first == second
    town.carry()
    assert [step.state for step in town.bank.get(request).steps] == ["RECEIVED", "SENT_BACK", "RESENT", "WITHDRAWN"]


def test_an_answer_to_a_revision_that_is_past_does_not_count(town: Town) -> None:
    request = town.sent()
    town.bank_line.reachable = False
    town.bank.refuse(request, "no limit left", "maker")
    town.own.withdraw(town.enterprise(), request, "no need", "exporter")
    town.bank_line.reachable = True
    town.carry()
    assert (town.state(request), town.bank.get(request).state) == ("WITHDRAWN", "REFUSED")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bank": "authority"}, "bad-field"),
        ({"bank": "bank-z"}, "unknown-member"),
        ({"lines": []}, "bad-field"),
        ({"lines": [Wanted(Money("USD", 1), "12")]}, "number-format"),
        ({"lines": [Wanted(Money("USD", 1), None, "0" * 64)]}, "unknown-declaration"),
        ({"lines": [Wanted(Money("USD", 1))]}, "bad-field"),
        ({"tenor_days": 0}, "bad-field"),
        ({"attachments": ["0" * 64]}, "unknown-attachment"),
    ],
)
def test_a_form_that_does_not_fit_says_why(town: Town, changes: dict[str, object], code: str) -> None:
    with pytest.raises(TallystickError) as refused:
        town.own.send(town.enterprise(), town.draft(OWN, **changes), "exporter")
    assert refused.value.code == code


def test_a_bank_names_fields_that_a_form_has(town: Town) -> None:
    request = town.sent()
    with pytest.raises(InputError) as refused:
        town.bank.send_back(request, "look", ["colour"], "maker")
    assert refused.value.code == "bad-field"


def test_the_relay_and_other_banks_hold_nothing_of_an_exporter_with_its_own_node(town: Town) -> None:
    secret = "CANARY-SECRET only for bank A, exporter's own node"
    data = b"%PDF-1.7 CANARY-SECRET-SCAN 20261122"
    digest = Attachments(town.net.exporter).add(io.BytesIO(data), "secret-contract.pdf", by="maker").sha256
    town.sent(purpose=secret, attachments=[digest])
    wanted = secrets_wanted([secret, "CANARY-SECRET-SCAN 20261122", "secret-contract.pdf"], [])
    assert {hit.secret for hit in search_tree(town.net.bank_a.home.path, wanted)} >= {secret, "secret-contract.pdf"}
    for node in (town.net.authority, town.net.bank_b):
        assert not search_tree(node.home.path, wanted)
