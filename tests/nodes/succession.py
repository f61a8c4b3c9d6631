"""A bank that is succeeded, for tests of its estate: what it leaves behind, and what its heir then has."""

from __future__ import annotations

from dataclasses import dataclass

from nodes.customs.declaration import CustomsDeclaration
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.apply import ApplicationLine
from nodes.financings.desk import Financings
from nodes.financings.steps import Pledge
from nodes.financings.views import Financing
from nodes.memberships import Memberships
from nodes.node import Node
from tests.nodes.lending import DAY, LATER, Desk, signed_in, usd
from tests.nodes.network import CUSTODY, OWN, Network, asked, caller

# By what becomes of them. Amounts that stand for no share of one another, so that one can be looked for where it must not be.
EXPORTERS = {"lent": OWN, "approved": CUSTODY, "applied": CUSTODY, "paid off": OWN, "never used": OWN}
TOTALS = {"lent": 3_625_000, "approved": 3_625_100, "applied": 3_625_200, "paid off": 123_456_791, "never used": 987_654_331}
GOES_ON = ("lent", "approved", "applied")


@dataclass
class Left:
    """`financings` of bank A and the `declarations` that each is on, by what became of them; its `collection` on the one of `lent`."""

    net: Network
    a: Desk
    b: Desk
    financings: dict[str, str]
    declarations: dict[str, CustomsDeclaration]
    collection: str

    def at(self, desk: Desk, what: str) -> Financing:
        return desk.financings.get(self.financings[what])

    def succeed(self) -> None:
        """Bank B takes the place of bank A."""
        Memberships(self.net.authority).succeed(caller(self.net.authority), "bank-a", "bank-b")
        self.net.settle()


def left_behind(net: Network) -> Left:
    """Four financings of bank A: one is partly repaid and partly written off, one is approved, one applied for, and one paid off."""
    a, b = _desk(net, net.bank_a), _desk(net, net.bank_b)
    found = {what: net.fresh(uscc, TOTALS[what]) for what, uscc in EXPORTERS.items()}
    for exporter in (OWN, CUSTODY):
        net.ask(net.consent(exporter), *(asked(found[what]) for what, uscc in EXPORTERS.items() if uscc == exporter))
        EnquiryWorker(net.authority).run_once()
        net.settle()
    financings = {what: _applied(net, a, found[what]) for what in (*GOES_ON, "paid off")}
    for what in ("lent", "approved", "paid off"):
        a.financings.intake(a.maker, financings[what])
        a.sign(a.financings.approve(a.maker, financings[what], Pledge("agreement", "1", DAY)).id)
    for what in ("lent", "paid off"):
        a.sign(a.financings.disburse(a.maker, financings[what], disbursed_on=DAY, matures_on=LATER, reference="D").id)
    a.sign(a.financings.repay(a.maker, financings["paid off"], source="own-funds", paid_on=LATER, reference="P").id)
    a.sign(a.financings.repay(a.maker, financings["lent"], usd("5000.00"), source="own-funds", paid_on=LATER, reference="P").id)
    a.sign(a.financings.write_off(a.maker, financings["lent"], [usd("2000.00")], "lost").id)
    on = a.financings.get(financings["lent"]).lines[0].declaration_id
    collection = a.sign(a.financings.collections.record(a.maker, on, usd("7250.00"), LATER, "C").id).record_id
    net.settle()
    return Left(net, a, b, financings, found, collection)


def _desk(net: Network, node: Node) -> Desk:
    return Desk(node, signed_in(net.founded, node, "maker"), signed_in(net.founded, node, "checker"), Financings(node))


def _applied(net: Network, desk: Desk, one: CustomsDeclaration) -> str:
    line = ApplicationLine(net.authority.registry_key.declaration_id(one.number), usd("20000.00"))
    outcome = desk.financings.apply(desk.maker, [line], product="invoice", reference="L-1")
    assert outcome.id is not None, outcome
    return outcome.id
