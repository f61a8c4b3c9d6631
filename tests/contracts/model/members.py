"""Members: suspended, reinstated, succeeded and frozen by orders; disputes."""

from __future__ import annotations

from tests.contracts.model.base import Base, Signed, no, telling

ORDERS_MAX = 32


class Members(Base):
    """What the authority says of members and of things, and what members complain of."""

    def by_authority(self, signed: Signed, slug: str) -> None:
        no("unknown-member", slug not in self.members)
        no("not-permitted", signed.by != self.authority)

    @telling
    def suspend(self, signed: Signed, slug: str) -> None:
        self.by_authority(signed, slug)
        no("not-permitted", self.members[slug]["role"] == "authority")
        no("wrong-state", self.members[slug]["status"] != "active")
        self.members[slug]["status"] = "suspended"

    @telling
    def reinstate(self, signed: Signed, slug: str) -> None:
        self.by_authority(signed, slug)
        no("wrong-state", self.members[slug]["status"] != "suspended")
        self.members[slug]["status"] = "active"

    @telling
    def succeed(self, signed: Signed, slug: str, heir: str) -> None:
        self.by_authority(signed, slug)
        no("unknown-member", heir not in self.members)
        no("not-permitted", not self.is_bank(slug) or not self.is_bank(heir))
        no("malformed", slug == heir)
        no("wrong-state", self.members[slug]["heir"] is not None)
        no("suspended", self.members[heir]["status"] != "active")
        self.members[slug].update(status="succeeded", heir=heir)

    @telling
    def freeze(self, signed: Signed, o: str, kind: str, target: str) -> None:
        things = {"declaration": self.declarations, "financing": self.financings, "member": self.members}[kind]
        no(f"unknown-{kind}", target not in things)
        no("not-permitted", signed.by != self.authority)
        no("not-permitted", kind == "member" and self.members[target]["role"] == "authority")
        no("replaced", kind == "declaration" and self.declarations[target]["replaced"])
        no("wrong-state", kind == "financing" and self.financings[target]["state"] == "TRANSFERRED")
        live = [order for order in self.orders.values() if order["target"] == (kind, target) and not order["lifted"]]
        no("too-many-orders", len(live) >= ORDERS_MAX)
        self.orders[o] = {"target": (kind, target), "lifted": False}

    def went_to(self, f: str) -> str:
        """The financing that a loan runs on in, after every take-over of all that it had."""
        while self.financings[f]["state"] == "TRANSFERRED":
            f = self.financings[f]["heir"]
        return f

    @telling
    def lift(self, signed: Signed, o: str) -> None:
        no("unknown-order", o not in self.orders)
        no("not-permitted", signed.by != self.authority)
        no("already-lifted", self.orders[o]["lifted"])
        self.orders[o]["lifted"] = True

    @telling
    def dispute(self, signed: Signed, label: str) -> None:
        self.disputes[label] = {"by": signed.by, "state": "OPEN"}

    @telling
    def resolve(self, signed: Signed, label: str, outcome: str) -> None:
        no("unknown-dispute", label not in self.disputes)
        it = self.disputes[label]
        opener = signed.by == it["by"] and outcome == "withdrawn"
        no("not-permitted", signed.by != self.authority and not opener)
        no("already-resolved", it["state"] != "OPEN")
        it["state"] = outcome.upper()
