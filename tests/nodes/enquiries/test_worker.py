from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.commitments import consent_commitment
from ledger.engine import Receipt
from ledger.errors import InputError
from ledger.solo import SoloEngine
from nodes.author import Part, SigningKey
from nodes.consents.giving import Consent, Consents
from nodes.consents.terms import CONSENT_PART, SECRET_PART, SecretPart, Terms, sign_terms
from nodes.enquiries.asking import Enquiries, Enquiry
from nodes.enquiries.parts import REQUEST_PART, AskedLine, RequestPart
from nodes.enquiries.worker import EnquiryWorker
from nodes.node import Node
from nodes.private import outbox
from nodes.sealing import Recipient
from tests.nodes.network import CUSTODY, DAY_MS, OWN, Network, asked, declaration, network
from tests.nodes.remote_engine import serving

STEPS = ("found", "taken", "sealed", "answered")


class Killed(BaseException):
    """The process is gone: nothing after this moment happens."""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("enquiries") / "net") as net:
        yield net


def counted(net: Network, enquiry: str) -> tuple[int, int]:
    """How many takes and answers of an enquiry are on the ledger with `ok`."""
    takes, answers = (
        [one for one in net.records(kind) if one.record.body["request"] == enquiry and one.result["code"] == "ok"]
        for kind in ("enquiry.take", "enquiry.answer")
    )
    return len(takes), len(answers)


def answered(net: Network, enquiry: str, bank: Node | None = None) -> Enquiry:
    net.settle()
    return Enquiries(bank or net.bank_a).get(enquiry)


def finish(net: Network) -> None:
    worker = EnquiryWorker(net.authority)
    while worker.run_once():
        pass


def declined(net: Network, enquiry: str, bank: Node | None = None) -> str | None:
    finish(net)
    found = answered(net, enquiry, bank)
    assert (found.state, found.lines) == ("declined", ())
    assert counted(net, enquiry) == (0, 1)
    return found.code


def test_every_enquiry_is_answered_once_by_two_workers_side_by_side(net: Network) -> None:
    one, consent = net.fresh(), net.consent(uses=40)
    enquiries = [net.ask(consent, asked(one)) for _ in range(12)]
    workers = [EnquiryWorker(net.authority, f"worker-{number}") for number in range(2)]
    threads = [threading.Thread(target=lambda worker=worker: [worker.run_once() for _ in range(3)]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [counted(net, enquiry) for enquiry in enquiries] == [(1, 1)] * 12
    assert all(answered(net, enquiry).lines[0].result == "match" for enquiry in enquiries)
    assert Consents(net.bank_a).get(consent.id).used == 12


def test_a_running_worker_answers_what_a_bank_waits_for(net: Network) -> None:
    one, consent = net.fresh(), net.consent()
    worker = EnquiryWorker(net.authority)
    worker.start()
    try:
        enquiry = net.ask(consent, asked(one))
        assert Enquiries(net.bank_a).wait(enquiry, 60).state == "answered"
    finally:
        worker.stop()


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_between_two_steps_leaves_them_to_the_next(net: Network, step: str) -> None:
    one, consent = net.fresh(), net.consent()
    enquiry = net.ask(consent, asked(one))

    def kill(reached: str) -> None:
        if reached == step:
            raise Killed

    with pytest.raises(Killed):
        EnquiryWorker(net.authority, on_step=kill).run_once()
    finish(net)
    assert counted(net, enquiry) == (1, 1)
    assert answered(net, enquiry).lines[0].result == "match"
    assert Consents(net.bank_a).get(consent.id).used == 1


class Mortal:
    """An engine that kills whoever made it at their nth submission, before or after the record reached the ledger."""

    def __init__(self, engine: SoloEngine, at: int, *, arrives: bool) -> None:
        self.store, self._engine, self._left, self._arrives = engine.store, engine, at, arrives
        self._thread = threading.get_ident()

    def submit(self, raw: bytes) -> Future[Receipt]:
        self._left -= threading.get_ident() == self._thread
        if self._left > 0 or threading.get_ident() != self._thread:
            return self._engine.submit(raw)
        if self._arrives:
            self._engine.submit(raw).result(10)
        raise Killed


@contextmanager
def mortal(net: Network, at: int, *, arrives: bool) -> Iterator[None]:
    engine = net.authority.engine
    assert isinstance(engine, SoloEngine)
    net.authority.outbox._engine = Mortal(engine, at, arrives=arrives)  # type: ignore[assignment]  # what of an engine is used here
    try:
        yield
    finally:
        net.authority.outbox._engine = engine


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("at", [1, 2])
def test_a_worker_killed_while_a_record_is_on_its_way_does_not_send_another(net: Network, at: int, arrives: bool) -> None:
    one, consent = net.fresh(), net.consent()
    enquiry = net.ask(consent, asked(one))
    with mortal(net, at, arrives=arrives), pytest.raises(Killed):
        EnquiryWorker(net.authority).run_once()
    finish(net)
    assert counted(net, enquiry) == (1, 1)
    of_this = [
        stored for kind in ("enquiry.take", "enquiry.answer") for stored in net.records(kind) if stored.record.body["request"] == enquiry
    ]
    assert len(of_this) == 2
    assert answered(net, enquiry).lines[0].result == "match"


def test_nothing_is_sealed_to_the_bank_before_the_take_is_on_the_ledger(net: Network) -> None:
    one, consent = net.fresh(), net.consent()
    enquiry = net.ask(consent, asked(one))
    engine = net.authority.engine
    assert isinstance(engine, SoloEngine)
    reached: list[str] = []
    stored = threading.Event()
    submit = engine.submit

    def watched(raw: bytes) -> Future[Receipt]:
        future = submit(raw)
        stored.set()
        return future

    engine.pause()
    engine.submit = watched  # type: ignore[method-assign]  # to know when the take waits for its block
    thread = threading.Thread(target=EnquiryWorker(net.authority, on_step=reached.append).run_once)
    try:
        thread.start()
        assert stored.wait(60)
        with net.authority.private.reading() as connection:
            references = set(connection.execute(sa.select(outbox.c.reference)).scalars())
        assert f"take:{enquiry}" in references
        assert f"answer:{enquiry}" not in references
        assert reached == ["found"]
    finally:
        del engine.submit
        engine.resume()
        thread.join(20)
    assert answered(net, enquiry).state == "answered"


def test_a_revoked_consent_gives_a_decline_that_tells_nothing(net: Network) -> None:
    one, consent = net.fresh(), net.consent()
    Consents(net.authority).revoke(consent.id)
    net.settle()
    enquiry = net.ask(consent, asked(one))
    assert declined(net, enquiry) == "consent-revoked"
    (answer,) = [stored for stored in net.records("enquiry.answer") if stored.record.body["request"] == enquiry]
    assert set(answer.record.core["sealed"]) == {"answer"}
    assert answer.record.body["grants"] == []


def test_a_revocation_that_comes_first_wins_over_a_take_on_its_way(net: Network) -> None:
    one, consent = net.fresh(), net.consent()
    enquiry = net.ask(consent, asked(one))

    def revoke(step: str) -> None:
        if step == "found":
            Consents(net.authority).revoke(consent.id)

    EnquiryWorker(net.authority, on_step=revoke).run_once()
    assert answered(net, enquiry).code == "consent-revoked"
    assert answered(net, enquiry).lines == ()


def test_a_used_up_consent_is_declined(net: Network) -> None:
    one, consent = net.fresh(), net.consent(uses=1)
    first, second = net.ask(consent, asked(one)), None
    finish(net)
    second = net.ask(consent, asked(one))
    assert declined(net, second) == "consent-used-up"
    assert answered(net, first).state == "answered"


def test_a_consent_without_the_scope_finance_answers_nothing_about_declarations(net: Network) -> None:
    one, consent = net.fresh(), net.consent(scopes=("basic", "trade-credit"))
    assert declined(net, net.ask(consent, asked(one))) == "scope-missing"
    assert Consents(net.bank_a).get(consent.id).used == 0


def raw_request(net: Network, bank: Node, consent_id: str, recipients: list[Recipient] | None = None) -> str:
    """An enquiry past the checks of the bank's own node."""
    line = AskedLine(number=declaration(1).number, exporter_uscc=CUSTODY, amount=None, export_date=None)
    part = RequestPart(consent=consent_id, kind="declarations", lines=[line])
    to = [bank.directory.recipient("authority"), bank.directory.recipient(bank.member)] if recipients is None else recipients
    body = {"kind": "declarations"}
    authored = bank.author.record("enquiry.request", body, [bank.identity_key], {REQUEST_PART: Part(part.content(), to)})
    assert bank.outbox.send(authored.raw, "enquiry.request").code == "ok"
    net.settle()
    return authored.record_id


def test_a_bank_cannot_ask_under_a_consent_that_was_given_to_another(net: Network) -> None:
    consent = net.consent()
    enquiry = raw_request(net, net.bank_b, consent.id)
    assert declined(net, enquiry, net.bank_b) == "consent-not-yours"
    assert Consents(net.bank_a).get(consent.id).used == 0


def test_a_consent_that_is_none_is_unknown(net: Network) -> None:
    assert declined(net, raw_request(net, net.bank_a, "ab" * 32)) == "consent-unknown"


def test_a_request_that_the_authority_cannot_open_is_declined_and_stops_nobody(net: Network) -> None:
    one, consent = net.fresh(), net.consent()
    unreadable = raw_request(net, net.bank_a, consent.id, [net.bank_a.directory.recipient("bank-a")])
    enquiry = net.ask(consent, asked(one))
    assert declined(net, unreadable) == "request-unreadable"
    assert answered(net, enquiry).state == "answered"


def forged_consent(net: Network, signer: SigningKey, **changes: Any) -> Consent:
    """A consent to bank A in the name of the exporter with a node of its own, signed by somebody else."""
    bank, authority = net.bank_a, net.bank_a.directory.recipient("authority")
    own = net.authority.enterprises.get(net.enterprises[OWN])
    once = bank.keystore.create("p256", "once", "node", b"secret")
    private = bank.keystore.open(once.id, b"secret")
    now_ms = net.clock.now_ms()
    times = {"not_before": now_ms - DAY_MS, "not_after": now_ms + DAY_MS, "uses": 5}
    assert own.seal is not None
    fields = {
        "network": net.authority.network,
        "bank": "bank-a",
        "enterprise": own.id,
        "uscc": own.uscc,
        "name": own.name,
        "seal": own.seal.to_json(),
        "scopes": ["finance"],
        "key": once.id,
        **times,
        **changes,
    }
    terms = Terms.model_validate(fields)
    part = sign_terms(terms, "key", signer.private)
    to = [authority, bank.directory.recipient("bank-a")]
    parts = {CONSENT_PART: Part(part.content(), to), SECRET_PART: Part(SecretPart(salt="5a" * 32).content(), to)}
    body = {**times, "commitment": consent_commitment("bank-a", "5a" * 32), "key": {"alg": once.alg, "public": once.public.hex()}}
    keys = [SigningKey(once.id, private), bank.identity_key]  # type: ignore[arg-type]  # a p256 key, as it was created
    authored = bank.author.record("consent.give", body, keys, parts)
    assert bank.outbox.send(authored.raw, "consent.give").code == "ok"
    net.settle()
    return Consents(bank).get(authored.record_id)


def test_a_bank_that_makes_up_a_consent_is_answered_nothing(net: Network) -> None:
    one = net.fresh(OWN)
    consent = forged_consent(net, net.bank_a.identity_key)
    enquiry = net.ask(consent, asked(one))
    assert declined(net, enquiry) == "consent-invalid"
    fault = Consents(net.authority).get(consent.id).fault
    assert fault is not None
    assert "enrolled key" in fault


def test_what_is_public_of_a_consent_must_be_what_was_signed(net: Network) -> None:
    one = net.fresh(OWN)
    consent = forged_consent(net, net.exporter.identity_key, uses=1)
    assert consent.state == "invalid"
    assert declined(net, raw_request(net, net.bank_a, consent.id)) == "consent-invalid"
    assert one.number not in str(Enquiries(net.bank_a).list())


def test_two_processes_on_one_private_database_answer_each_enquiry_once(net: Network, tmp_path: Path) -> None:
    one, consent = net.fresh(), net.consent(uses=20)
    enquiries = [net.ask(consent, asked(one)) for _ in range(8)]
    home = net.founded.homes["authority"]
    with serving(net.authority.engine, tmp_path / "engine") as address:
        command = [sys.executable, "-m", "tests.nodes.remote_engine", str(home), str(address), str(net.clock.now_ms())]
        processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        ended = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    assert [counted(net, enquiry) for enquiry in enquiries] == [(1, 1)] * 8
    assert Consents(net.bank_a).get(consent.id).used == 8


def test_a_bank_that_no_answer_can_be_sealed_to_holds_up_nobody(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        one, theirs, ours = net.fresh(), net.consent(bank="bank-b"), net.consent()
        stuck = net.ask(theirs, asked(one), bank=net.bank_b)
        (seal,) = net.bank_b.directory.keys("bank-b", "seal")
        revocation = net.bank_b.author.record("key.revoke", {"key": seal.id, "reason": "left"}, [net.bank_b.identity_key])
        assert net.bank_b.outbox.send(revocation.raw, "key.revoke").code == "ok"
        enquiry = net.ask(ours, asked(one))
        finish(net)
        assert counted(net, enquiry) == (1, 1)
        assert answered(net, enquiry).lines[0].result == "match"
        assert counted(net, stuck)[1] == 0


def test_an_answer_that_cannot_be_made_holds_up_nobody(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    one, consent = net.fresh(), net.consent()
    stuck, enquiry = net.ask(consent, asked(one)), net.ask(consent, asked(one))
    worker = EnquiryWorker(net.authority)
    make = worker._answering.answer

    def answer(reader: Any, request_id: str, *rest: Any) -> bytes:
        if request_id == stuck:
            raise InputError("sealed-part-too-large", "the test says so")
        return make(reader, request_id, *rest)

    monkeypatch.setattr(worker._answering, "answer", answer)
    assert worker.run_once() == 1
    assert (counted(net, enquiry), counted(net, stuck)) == ((1, 1), (1, 0))
    finish(net)
    assert counted(net, stuck) == (1, 1)
