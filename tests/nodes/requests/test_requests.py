"""A request on its way from an exporter to a bank and back, past a relay that reads nothing."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import pytest
import sqlalchemy as sa

from ledger.errors import InputError, NotFound, NotPermitted, Refused, TallystickError, Unreachable, VerificationFailed
from nodes.attachments.store import Attachments
from nodes.enquiries.grants import grants
from nodes.enquiries.worker import EnquiryWorker
from nodes.enterprises import Enterprise
from nodes.financings.apply import ApplicationLine, Applications
from nodes.money import Money
from nodes.requests import letters, mailbox, post
from nodes.requests.bank import ReceivedRequests
from nodes.requests.exporter import Draft, SentRequests, Wanted
from nodes.requests.formats import REQUEST
from nodes.requests.letters import Delivered, Envelope, address_of
from nodes.requests.mailbox import LocalRelay, Mailbox
from nodes.requests.post import Post, PostWorker, letters_in, letters_out
from tests.nodes.network import CUSTODY, DAY_MS, OWN, Network, caller, network
from tests.nodes.network import asked as asked_line
from tests.privacy.leak_search import search_tree, secrets_wanted

PURPOSE = "CANARY-PURPOSE to buy greenhouse film for the winter"
CONTACT = "CANARY-CONTACT Zhao Min 0417-2800519"
SCAN = b"%PDF-1.7 CANARY-SCAN of the contract"


class NextDoor:
    """A relay in the same process, for the node with one address; the line can be cut."""

    def __init__(self, box: Mailbox, address: str) -> None:
        self.box, self.address, self.reachable = box, address, True
        self.seen: list[Delivered] = []
        self.posted = threading.Event()

    def post(self, sender: str, envelope: Envelope) -> None:
        self._require()
        assert sender == self.address
        self.box.post(sender, envelope)
        self.posted.set()

    def fetch(self, after: int) -> list[Delivered]:
        self._require()
        found = self.box.fetch(self.address, after)
        self.seen += found
        return found

    def _require(self) -> None:
        if not self.reachable:
            raise Unreachable("upstream-unreachable", "the test cut the line")


@dataclass
class Town:
    net: Network
    own: SentRequests
    custody: SentRequests
    bank: ReceivedRequests
    other: ReceivedRequests
    line: NextDoor
    bank_line: NextDoor

    def carry(self) -> None:
        for each in (self.own, self.custody, self.bank, self.other, self.own, self.custody):
            each.post.run_once()

    def enterprise(self, uscc: str = OWN) -> Enterprise:
        node = self.net.exporter if uscc == OWN else self.net.authority
        return node.enterprises.get(self.net.enterprises[uscc])

    def draft(self, uscc: str = OWN, **changes: object) -> Draft:
        number = self.net.fresh(uscc).number
        fields: dict[str, object] = {"bank": "bank-a", "lines": [Wanted(Money("USD", 2_900_017), number)], "product": "export invoice"}
        fields |= {"purpose": PURPOSE, "tenor_days": 90, "contact": CONTACT, **changes}
        return Draft(**fields)  # type: ignore[arg-type]  # a test names the fields that it changes

    def sent(self, uscc: str = OWN, **changes: object) -> str:
        service = self.own if uscc == OWN else self.custody
        request = service.send(self.enterprise(uscc), self.draft(uscc, **changes), "exporter").id
        self.carry()
        return request

    def state(self, request: str, uscc: str = OWN) -> str:
        service = self.own if uscc == OWN else self.custody
        return service.get(request, self.net.enterprises[uscc]).state


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with network(tmp_path_factory.mktemp("network")) as net:
        yield town_of(net)


def town_of(net: Network) -> Town:
    """A network whose exporters and banks write to each other."""
    box = Mailbox(net.authority)
    line = NextDoor(box, address_of(net.enterprises[OWN]))
    bank_line = NextDoor(box, "bank-a")
    return Town(
        net,
        SentRequests(net.exporter, line),
        SentRequests(net.authority),
        ReceivedRequests(net.bank_a, bank_line),
        ReceivedRequests(net.bank_b, NextDoor(box, "bank-b")),
        line,
        bank_line,
    )


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


def test_a_cut_line_delays_a_request_and_neither_loses_nor_doubles_it(town: Town) -> None:
    town.line.reachable = False
    request = town.own.send(town.enterprise(), town.draft(), "exporter").id
    with pytest.raises(Unreachable):
        town.own.post.run_once()
    assert town.state(request) == "SENT"
    town.line.reachable = True
    town.carry()
    town.carry()
    assert [step.state for step in town.bank.get(request).steps] == ["RECEIVED"]


def test_a_worker_carries_letters_by_itself_and_outlives_a_cut_line(town: Town) -> None:
    worker = PostWorker(town.bank.post)
    town.bank_line.reachable = False
    worker.start()
    try:
        request = town.own.send(town.enterprise(), town.draft(), "exporter").id
        town.bank_line.posted.clear()
        town.bank_line.reachable = True
        assert town.bank_line.posted.wait(30)
    finally:
        worker.stop()
    town.own.post.run_once()
    assert town.state(request) == "RECEIVED"


def test_letters_that_are_fetched_again_do_nothing(town: Town) -> None:
    request = town.sent()
    before = town.bank.get(request)
    with town.net.bank_a.private.begin() as connection:
        connection.exec_driver_sql("DELETE FROM meta WHERE key = 'letters.place'")
    town.carry()
    assert town.bank.get(request) == before


def test_a_letter_that_was_changed_or_misdirected_is_noted_and_not_taken(town: Town) -> None:
    request = town.sent()
    genuine = next(each for each in reversed(town.bank_line.seen) if each.voucher is not None)
    box = base64.b64decode(genuine.envelope.box)
    changed = base64.b64encode(box[:-1] + bytes([box[-1] ^ 1])).decode()
    other = town.net.enterprises[CUSTODY]
    assert genuine.voucher is not None
    wrong_name = genuine.voucher.model_copy(update={"voucher": genuine.voucher.voucher.model_copy(update={"name": "Somebody Else"})})
    forged = [
        genuine.model_copy(update={"envelope": genuine.envelope.model_copy(update={"box": changed})}),
        genuine.model_copy(update={"envelope": genuine.envelope.model_copy(update={"id": "0" * 64})}),
        genuine.model_copy(update={"sender": address_of(other)}),
        genuine.model_copy(update={"voucher": None}),
        genuine.model_copy(update={"voucher": wrong_name}),
    ]
    for each in forged:
        with pytest.raises(TallystickError) as broken:
            letters.open_letter(town.net.bank_a, each)
        assert broken.value.code == "letter-broken"
    assert letters.open_letter(town.net.bank_a, genuine).kind == REQUEST
    assert town.bank.get(request).state == "RECEIVED"


def test_an_exporter_cannot_write_for_another_even_through_the_relay(town: Town) -> None:
    """The enterprise's node signs a letter, and posts it as the exporter in custody would: the relay's word and the signature disagree."""
    custody, node = address_of(town.net.enterprises[CUSTODY]), town.net.exporter
    recipient = node.directory.recipient("bank-a")
    envelope = letters.seal_letter(node, "7" * 64, custody, "bank-a", recipient, REQUEST, {"v": 1})
    Mailbox(town.net.authority).post(custody, envelope)
    town.carry()
    with town.net.bank_a.private.reading() as connection:
        code = connection.execute(sa.select(letters_in.c.code).where(letters_in.c.id == "7" * 64)).scalar_one()
    assert code == "letter-broken"


def test_a_bank_takes_no_document_that_no_request_named(town: Town) -> None:
    data, node = SCAN + b" unasked", town.net.exporter
    body = {"v": 1, "sha256": sha256(data).hexdigest(), "name": "a.pdf", "data": base64.b64encode(data).decode()}
    recipient = node.directory.recipient("bank-a")
    with node.private.begin() as connection:
        letter = town.own.post.write(connection, town.line.address, "bank-a", recipient, "document", body)
    town.carry()
    with town.net.bank_a.private.reading() as connection:
        assert connection.execute(sa.select(letters_in.c.code).where(letters_in.c.id == letter)).scalar_one() == "unknown-attachment"


def test_a_document_that_no_encoding_has_is_noted_and_stops_nobody(town: Town) -> None:
    """Its writer is another node, and may put into the sealed text whatever it likes."""
    data, node = SCAN + b" spoiled", town.net.exporter
    body = {"v": 1, "sha256": sha256(data).hexdigest(), "name": "a.pdf", "data": "\u00e9\u00e9\u00e9\u00e9"}
    with node.private.begin() as connection:
        letter = town.own.post.write(connection, town.line.address, "bank-a", node.directory.recipient("bank-a"), "document", body)
    town.carry()
    with town.net.bank_a.private.reading() as connection:
        assert connection.execute(sa.select(letters_in.c.code).where(letters_in.c.id == letter)).scalar_one() == "part-malformed"
    genuine = town.bank_line.seen[-1]
    with pytest.raises(VerificationFailed):
        letters.open_letter(town.net.bank_a, genuine.model_copy(update={"envelope": genuine.envelope.model_copy(update={"box": "\u00e9"})}))
    assert town.state(town.sent()) == "RECEIVED"


class _Counter:
    """A relay that takes no more of one sender, and may let somebody else post meanwhile."""

    def __init__(self, full: str = "", meanwhile: Callable[[], object] = lambda: None) -> None:
        self.full, self.meanwhile, self.taken = full, meanwhile, list[str]()

    def post(self, sender: str, envelope: Envelope) -> None:
        if sender == self.full:
            raise Refused("too-many-letters", "the test has enough of this sender")
        self.taken.append(envelope.id)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()

    def fetch(self, after: int) -> list[Delivered]:
        return []


def _written(town: Town, post: Post, *exporters: str) -> list[str]:
    node = town.net.authority
    recipient = node.directory.recipient("bank-a")
    with node.private.begin() as connection:
        return [post.write(connection, address_of(each), "bank-a", recipient, "request", {"v": 1}) for each in exporters]


def test_an_exporter_that_may_post_no_more_today_keeps_no_other_waiting(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = _Counter(full=address_of("1" * 64))
    custodian = Post(town.net.authority, relay, {}, {})
    _, second, _ = _written(town, custodian, "1" * 64, "2" * 64, "1" * 64)
    assert custodian.run_once() == 1
    assert relay.taken == [second]
    monkeypatch.setattr(post, "LETTERS_WAITING_MAX", 2)
    with pytest.raises(Refused) as many:
        _written(town, custodian, "1" * 64)
    assert many.value.code == "too-many-letters"
    relay.full = ""
    assert custodian.run_once() == 2


def test_two_that_post_at_once_leave_every_letter_sent(town: Town) -> None:
    other = Post(town.net.authority, _Counter(), {}, {})
    one = Post(town.net.authority, _Counter(meanwhile=other.run_once), {}, {})
    written = _written(town, one, "3" * 64, "4" * 64)
    one.run_once()
    with town.net.authority.private.reading() as connection:
        states = connection.execute(sa.select(letters_out.c.state).where(letters_out.c.id.in_(written))).scalars().all()
    assert states == ["sent", "sent"]


def test_an_exporter_that_a_bank_answers_without_end_does_not_silence_it_for_others(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = Mailbox(town.net.authority)
    own, custody = (address_of(town.net.enterprises[uscc]) for uscc in (OWN, CUSTODY))
    relay.post("bank-b", Envelope(id="a" * 64, to=own, key="0" * 64, box="AAAA"))
    monkeypatch.setattr(mailbox, "LETTERS_PER_DAY_MAX", 1)
    with pytest.raises(Refused):
        relay.post("bank-b", Envelope(id="b" * 64, to=own, key="0" * 64, box="AAAA"))
    relay.post("bank-b", Envelope(id="c" * 64, to=custody, key="0" * 64, box="AAAA"))
    monkeypatch.setattr(mailbox, "LETTERS_BYTES_PER_DAY_MAX", 8)
    with pytest.raises(Refused):
        relay.post("bank-b", Envelope(id="d" * 64, to=custody, key="0" * 64, box="AAAA"))


def test_the_relay_keeps_so_many_bytes_of_one_sender_however_long_ago_they_came(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    node, own = town.net.authority, address_of(town.net.enterprises[OWN])
    relay, letter = Mailbox(node), mailbox.mailbox.c.letter == "1a" * 32
    relay.post("bank-b", Envelope(id="1a" * 32, to=own, key="0" * 64, box="AAAA"))

    def come(days_ago: int) -> None:
        with node.private.begin() as connection:
            connection.execute(sa.update(mailbox.mailbox).where(letter).values(posted_ms=node.clock.now_ms() - days_ago * DAY_MS))

    come(days_ago=2)
    with node.private.reading() as connection:
        kept = connection.execute(sa.select(sa.func.sum(mailbox.mailbox.c.bytes)).where(mailbox.mailbox.c.sender == "bank-b")).scalar_one()
    monkeypatch.setattr(mailbox, "LETTERS_BYTES_KEPT_MAX", kept)
    with pytest.raises(Refused, match="too-many-letters"):
        relay.post("bank-b", Envelope(id="1b" * 32, to=own, key="0" * 64, box="AAAA"))
    come(days_ago=91)
    relay.post("bank-b", Envelope(id="1b" * 32, to=own, key="0" * 64, box="AAAA"))


def test_the_relay_knows_who_may_write_to_whom_and_how_much(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, own = Mailbox(town.net.authority), address_of(town.net.enterprises[OWN])
    box = Envelope(id="8" * 64, to="bank-a", key="0" * 64, box="AAAA")
    relay.post(own, box)
    relay.post(own, box)
    with pytest.raises(Refused) as exists:
        relay.post(own, box.model_copy(update={"box": "BBBB"}))
    assert exists.value.code == "letter-exists"
    ways = [("bank-b", "bank-a"), (own, own), ("bank-a", "bank-a"), (own, "authority")]
    for sender, to in ways:
        with pytest.raises(NotPermitted) as way:
            relay.post(sender, box.model_copy(update={"id": "9" * 64, "to": to}))
        assert way.value.code == "recipient-not-allowed"
    for to in ("bank-z", address_of("f" * 64)):
        with pytest.raises(NotFound) as unknown:
            relay.post(own, box.model_copy(update={"id": "9" * 64, "to": to}))
        assert unknown.value.code == "unknown-recipient"
    monkeypatch.setattr(mailbox, "LETTERS_PER_DAY_MAX", 1)
    with pytest.raises(Refused) as many:
        relay.post(own, box.model_copy(update={"id": "9" * 64}))
    assert many.value.code == "too-many-letters"


def test_a_page_of_letters_holds_one_at_least_and_no_more_than_fit(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "LETTERS_PAGE_BYTES_MAX", 1)
    relay, after, seen = Mailbox(town.net.authority), 0, 0
    while found := relay.fetch("bank-a", after):
        assert len(found) == 1
        after, seen = found[0].place, seen + 1
    assert seen > 1
    assert LocalRelay(town.net.authority).fetch(10**9) == []


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
