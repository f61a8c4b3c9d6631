"""A network at work, for tests of what nodes do together: an authority that is registrar too, two banks, an exporter with a node of its
own, and two exporters in custody. Everything is real but the way between nodes, and the clock, which stands still.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from pathlib import Path

from ledger.clock import SettableClock
from ledger.engine import Receipt
from ledger.store import StoredRecord
from nodes.caller import Caller
from nodes.consents.giving import Consent, Consents
from nodes.customs.declaration import CustomsDeclaration, DeclarationLine
from nodes.declarations.register import Declarations
from nodes.enquiries.asking import Enquiries, EnquiryLine
from nodes.enterprises import enrol, enrolment
from nodes.founding import Addresses, Founded, MemberPlan
from nodes.money import Money
from nodes.node import Node
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, EXPORTER_A, LOCAL, START_MS, Beside, found

BANK_B = MemberPlan("bank-b", "bank", "Bank B")
DAY_MS = 86_400_000
OWN, CUSTODY, OTHER = "91210800MA0000001L", "91350100M000100Y43", "91110000600037341L"
NAMES = {OWN: EXPORTER_A.name, CUSTODY: "抚顺云杉贸易有限公司", OTHER: "Third Exporter"}


def declaration(serial: int, uscc: str = CUSTODY, total_minor: int = 3_625_000, currency: str = "USD") -> CustomsDeclaration:
    """An export declaration of one line."""
    line = DeclarationLine(
        item_no=1,
        hs_code="0809400000",
        name="温室李子",
        model="",
        quantity="11250",
        unit="035",
        price="",
        total_minor=total_minor,
        origin="CHN",
        destination="IDN",
    )
    return CustomsDeclaration(
        number=f"090820260{serial:09d}",
        exporter_uscc=uscc,
        exporter_name=NAMES[uscc],
        exporter_customs_code="",
        buyer="PT Buah Segar",
        contract="",
        bill_of_lading="",
        office="0908",
        port="",
        trade_mode="0110",
        trans_mode="",
        transport_mode="",
        transport_name="",
        destination_country="IDN",
        export_date="2026-09-11",
        declared_date="",
        currency=currency,
        total_minor=total_minor,
        financeable_minor=total_minor,
        lines=(line,),
    )


def csv_file(*found: CustomsDeclaration) -> BytesIO:
    """Declarations as customs' clients would export them."""
    header = (
        "declaration_number,import_export_flag,exporter_uscc,exporter_name,buyer,office,trade_mode,destination_country,export_date,"
        "hs_code,goods_name,quantity,line_total,currency,origin_country,line_destination_country,unit"
    )
    rows = [
        f"{one.number},E,{one.exporter_uscc},{one.exporter_name},{one.buyer},{one.office},{one.trade_mode},{one.destination_country},"
        f"{one.export_date},{one.lines[0].hs_code},{one.lines[0].name},{one.lines[0].quantity},"
        f"{Money(one.currency, one.total_minor).to_json()['value']},{one.currency},CHN,IDN,035"
        for one in found
    ]
    return BytesIO("\n".join([header, *rows, ""]).encode())


def asked(one: CustomsDeclaration, **changes: object) -> EnquiryLine:
    """The line by which a bank asks about a declaration that it was shown."""
    fields: dict[str, object] = {
        "number": one.number,
        "exporter_uscc": one.exporter_uscc,
        "amount": one.total,
        "export_date": one.export_date,
        **changes,
    }
    return EnquiryLine(**fields)  # type: ignore[arg-type]  # a test names the fields that it changes


@dataclass
class Network:
    """`enterprises` are enrolment ids by credit code."""

    founded: Founded
    clock: SettableClock
    authority: Node
    bank_a: Node
    bank_b: Node
    exporter: Node
    enterprises: dict[str, str] = field(default_factory=dict)
    _serials: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def settle(self) -> None:
        """Every node has read all there is."""
        with self.authority.store.reading() as reader:
            head = reader.head
        for node in (self.authority, self.bank_a, self.bank_b, self.exporter):
            assert node.engine.heights.wait_for(head.height, 10)  # type: ignore[attr-defined]  # every engine of these tests counts heights
            node.reader.catch_up()

    def declare(self, *found: CustomsDeclaration) -> list[str]:
        """Registers declarations: their ids."""
        service = Declarations(self.authority)
        report = service.import_files([("declarations.csv", csv_file(*found))])
        assert report.registered == len(found), service.imports.items(report.id)
        self.settle()
        return [service.id_of(one.number) for one in found]

    def fresh(self, uscc: str = CUSTODY, total_minor: int = 3_625_000, currency: str = "USD") -> CustomsDeclaration:
        """A declaration that is registered."""
        one = declaration(next(self._serials), uscc, total_minor, currency)
        self.declare(one)
        return one

    def consent(self, uscc: str = CUSTODY, bank: str = "bank-a", scopes: tuple[str, ...] = ("finance",), uses: int = 10) -> Consent:
        """A consent for ninety days, given where the exporter gives it."""
        node = self.exporter if uscc == OWN else self.authority
        now_ms = self.clock.now_ms()
        consent = Consents(node).give(self.enterprises[uscc], bank, scopes, now_ms - DAY_MS, now_ms + 90 * DAY_MS, uses)
        self.settle()
        return consent

    def ask(self, consent: Consent, *lines: EnquiryLine, bank: Node | None = None) -> str:
        """Puts an enquiry of bank A, or another, on the ledger."""
        node = bank or self.bank_a
        enquiry = Enquiries(node).ask(caller(node), consent.id, lines)
        self.settle()
        return enquiry

    def records(self, kind: str) -> list[StoredRecord]:
        """Every record of one type on the ledger."""
        with self.authority.store.reading() as reader:
            return [stored for stored in reader.records(0, 10_000) if stored.record.type == kind]


def caller(node: Node) -> Caller:
    """A program that acts for a bank with its service key."""
    return Caller("core-system", "client", "service", key=node.identity_key)


@contextmanager
def network(directory: Path, addresses: Addresses = LOCAL) -> Iterator[Network]:
    """The network, founded in a directory and running."""
    clock = SettableClock(START_MS)
    founded = found(directory, AUTHORITY, BANK_A, BANK_B, EXPORTER_A, clock=clock, addresses=addresses)
    with ExitStack() as stack:
        authority = stack.enter_context(Node.open(founded.homes["authority"], clock, cost=CHEAP))
        bank_a, bank_b, exporter = (
            stack.enter_context(Node.open(founded.homes[name], clock, cost=CHEAP, upstream=Beside(authority)))
            for name in ("bank-a", "bank-b", "exporter-a")
        )
        net = Network(founded, clock, authority, bank_a, bank_b, exporter)
        keys = founded.enterprises["exporter-a"]
        for what in (enrolment(CUSTODY, NAMES[CUSTODY]), enrolment(OTHER, NAMES[OTHER]), enrolment(OWN, NAMES[OWN], keys.sign, keys.seal)):
            receipt: Receipt = enrol(what, authority.author, authority.outbox, authority.directory, authority.identity_key)
            net.enterprises[what.uscc] = receipt.record_id
        net.settle()
        yield net
