"""What the relay keeps of whom, and for whom."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from ledger.errors import NotFound, NotPermitted, Refused
from nodes.requests import mailbox
from nodes.requests.letters import Envelope, address_of
from nodes.requests.mailbox import LocalRelay, Mailbox
from tests.nodes.network import CUSTODY, DAY_MS, OWN
from tests.nodes.requests.town import Town


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
    relay, after, seen = Mailbox(town.net.authority), 0, 0
    for letter in ("2a" * 32, "2b" * 32):
        relay.post(address_of(town.net.enterprises[OWN]), Envelope(id=letter, to="bank-a", key="0" * 64, box="AAAA"))
    monkeypatch.setattr(mailbox, "LETTERS_PAGE_BYTES_MAX", 1)
    while found := relay.fetch("bank-a", after):
        assert len(found) == 1
        after, seen = found[0].place, seen + 1
    assert seen > 1
    assert LocalRelay(town.net.authority).fetch(10**9) == []
