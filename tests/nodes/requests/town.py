"""Exporters and banks that write to each other past a relay in the same process, whose line can be cut."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ledger.errors import Unreachable
from nodes.enterprises import Enterprise
from nodes.money import Money
from nodes.requests.bank import ReceivedRequests
from nodes.requests.exporter import Draft, SentRequests, Wanted
from nodes.requests.letters import Delivered, Envelope, address_of
from nodes.requests.mailbox import Mailbox
from tests.nodes.network import OWN, Network

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
