"""A consortium at work, for tests of what its nodes do together: an authority and three banks, each with a real CometBFT on loopback, and
an exporter in custody. Its time is the machine's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path

from ledger.clock import SystemClock
from ledger.comet.engine import CometEngine
from nodes.consents.giving import Consent, Consents
from nodes.customs.declaration import CustomsDeclaration
from nodes.declarations.register import Declarations
from nodes.enquiries.asking import Enquiries, EnquiryLine
from nodes.enquiries.worker import EnquiryWorker
from nodes.enterprises import enrol, enrolment
from nodes.founding import Addresses, Consortium, MemberPlan, create_network
from nodes.node import Node
from tests import waiting
from tests.nodes.network import CUSTODY, DAY_MS, NAMES, asked, caller, csv_file, declaration
from tests.nodes.small_network import AUTHORITY, CHEAP, Beside
from tests.ports import free_ports

BANKS = tuple(MemberPlan(f"bank-{letter}", "bank", f"Bank {letter.upper()}") for letter in "abc")
WAIT_S = 120.0
# A thousand races take two hundred enquiries of each bank.
USES = 1_000

wait_until = partial(waiting.wait_until, seconds=WAIT_S)


@dataclass
class Consorts:
    """The authority's node and the banks', all of them validators."""

    authority: Node
    banks: list[Node]
    enterprise: str = ""
    _serials: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    @property
    def nodes(self) -> list[Node]:
        return [self.authority, *self.banks]

    def settle(self) -> int:
        """Every node has executed and read what any of them has: the height."""
        heights = []
        for node in self.nodes:
            with node.store.reading() as reader:
                heights.append(reader.head.height)
        for node in self.nodes:
            engine = node.engine
            assert isinstance(engine, CometEngine)
            assert engine.heights.wait_for(max(heights), WAIT_S)
            node.reader.catch_up()
        return max(heights)

    def declare(self) -> CustomsDeclaration:
        """A declaration of last month that is registered."""
        exported = datetime.now(UTC) - timedelta(days=30)
        one = declaration(next(self._serials)).model_copy(update={"export_date": exported.strftime("%Y-%m-%d")})
        report = Declarations(self.authority).import_files([("declarations.csv", dated(csv_file(one), one))])
        assert report.registered == 1
        self.settle()
        return one

    def consent(self, bank: Node) -> Consent:
        """The exporter's, for ninety days."""
        now_ms = SystemClock().now_ms()
        given = Consents(self.authority).give(self.enterprise, bank.member, ("finance",), now_ms - DAY_MS, now_ms + 90 * DAY_MS, USES)
        self.settle()
        return given

    def grant(self, bank: Node, consent: Consent, one: CustomsDeclaration) -> None:
        """What a bank needs to apply: an enquiry that is answered."""
        line: EnquiryLine = asked(one)
        enquiry = Enquiries(bank).ask(caller(bank), consent.id, [line])
        self.settle()
        EnquiryWorker(self.authority).run_once()
        self.settle()
        assert Enquiries(bank).get(enquiry).state == "answered"


def dated(rows: BytesIO, one: CustomsDeclaration) -> BytesIO:
    """The file of `csv_file` with the declaration's own date of export."""
    return BytesIO(rows.getvalue().replace(b"2026-09-11", one.export_date.encode()))


@contextmanager
def consorts(directory: Path) -> Iterator[Consorts]:
    """The consortium, founded in a directory and running."""
    clock = SystemClock()
    addresses = Addresses(engine_port_first=free_ports(1 + len(BANKS)))
    founded = create_network(
        directory, "test", [AUTHORITY, *BANKS], clock=clock, random=os.urandom, addresses=addresses, cost=CHEAP, consortium=Consortium()
    )
    with ExitStack() as stack:
        authority = stack.enter_context(Node.open(founded.homes["authority"], clock, cost=CHEAP))
        banks = [stack.enter_context(Node.open(founded.homes[plan.id], clock, cost=CHEAP, upstream=Beside(authority))) for plan in BANKS]
        made = Consorts(authority, banks)
        receipt = enrol(enrolment(CUSTODY, NAMES[CUSTODY]), authority.author, authority.outbox, authority.directory, authority.identity_key)
        made.enterprise = receipt.record_id
        made.settle()
        yield made
