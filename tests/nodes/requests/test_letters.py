"""Letters on their way: carried once, whatever line is cut, and taken only from who may have written them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import sha256

import pytest
import sqlalchemy as sa

from ledger.errors import Refused, TallystickError, Unreachable, VerificationFailed
from nodes.requests import letters, post
from nodes.requests.formats import REQUEST
from nodes.requests.letters import Delivered, Envelope, address_of
from nodes.requests.mailbox import Mailbox
from nodes.requests.post import Post, PostWorker, letters_in, letters_out
from tests.nodes.network import CUSTODY
from tests.nodes.requests.town import SCAN, Town


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
