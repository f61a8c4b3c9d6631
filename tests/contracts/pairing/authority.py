"""What the authority and the governors do, told to both: members stopped and succeeded, orders, disputes, changes of policy."""

from __future__ import annotations

from typing import Any

from tests.contracts.harness import AUTHORITY, REGISTRAR, name, one
from tests.contracts.model import Signed
from tests.contracts.pairing.base import RARELY, Choose
from tests.contracts.pairing.validators import Seats

DIGEST = name("order")


class Oversight(Seats):
    """Rare things, so that most of a walk is lending."""

    def by_authority(self, choose: Choose) -> Signed:
        return Signed("bank-a" if choose(RARELY) else AUTHORITY, "one")

    def suspend(self, choose: Choose) -> None:
        """Whoever is suspended is mostly reinstated before another one is."""
        signed, slug = self.by_authority(choose), choose((*self.banks(), AUTHORITY) if choose(RARELY) else self.banks())
        stopped = [bank for bank in self.banks() if self.model.members[bank]["status"] == "suspended"]
        if len(stopped) > 0 and choose(range(4)):
            slug = choose(stopped)
            self.same(self.tell("member.reinstate", {"member": slug}, one(signed.by)), self.model.reinstate(signed, slug))
        elif choose((0, 1, 2)) == 0:
            self.same(self.tell("member.suspend", {"member": slug, "reason": "breach"}, one(signed.by)), self.model.suspend(signed, slug))
        elif choose((0, 1, 2)) == 0:
            self.same(self.tell("member.reinstate", {"member": slug}, one(signed.by)), self.model.reinstate(signed, slug))

    def stop_and_lend(self, choose: Choose) -> None:
        """Whatever stops applications comes after an approval, and the money still leaves."""
        approved = [f for f in self.model.financings if self.model.state(f) == "APPROVED"]
        if not approved:
            return
        f = choose(approved)
        lender, d = self.model.holder(self.model.financings[f]["bank"]), self.model.financings[f]["lines"][0]["d"]
        how, signed = choose(("suspend", "member", "financing", "declaration", "void")), Signed(AUTHORITY, "one")
        if how == "suspend":
            result = self.tell("member.suspend", {"member": lender, "reason": "breach"}, one(AUTHORITY))
            self.same(result, self.model.suspend(signed, lender))
        elif how == "void":
            by = Signed(self.model.registrar, "one")
            result = self.tell("declaration.void", {"declaration": name(d), "reason": "error", "successor": None}, one(by.by))
            self.same(result, self.model.void(by, d, None))
        else:
            self.tell_freeze(signed, how, {"member": lender, "financing": f, "declaration": d}[how])
        self.lend(choose, f)

    def succeed(self, choose: Choose) -> None:
        acting = [bank for bank in self.banks() if self.model.members[bank]["heir"] is None]
        if len(acting) < 4 or choose(range(4)):
            return
        everyone = list(self.model.members) if choose(RARELY) else self.banks()
        slug, heir = choose(everyone), choose(everyone)
        if not choose(RARELY):
            slug, heir = choose(acting), choose(acting)
        signed = self.by_authority(choose)
        result = self.tell("member.succeed", {"member": slug, "heir": heir}, one(signed.by))
        self.same(result, self.model.succeed(signed, slug, heir))

    def freeze(self, choose: Choose) -> None:
        """Something, mostly for a short time only."""
        live = [o for o, order in self.model.orders.items() if not order["lifted"]]
        signed = self.by_authority(choose)
        if len(live) > 0 and choose(range(4)):
            self.tell_lift(choose, signed, live)
            return
        kind = choose(("declaration", "financing", "member"))
        things = {
            "declaration": [self.some_declaration(choose)],
            "financing": list(self.model.financings)[-6:],
            "member": list(self.model.members) if choose(RARELY) else self.banks(),
        }[kind]
        target = name("nothing") if choose(RARELY) or not things else choose(things)
        if kind == "member" and target not in self.model.members:
            target = "nobody"
        self.tell_freeze(signed, kind, target)

    def tell_freeze(self, signed: Signed, kind: str, target: str) -> None:
        told = name(target) if kind == "declaration" else target
        body = {"target": {"kind": kind, "id": told}, "digest": DIGEST}
        result = self.tell("order.freeze", body, one(signed.by))
        self.same(result, self.model.freeze(signed, self.world.last, kind, target))
        if result.code == "wrong-state":
            assert result.details["heir"] == self.model.went_to(target)

    def tell_lift(self, choose: Choose, signed: Signed, live: list[str]) -> None:
        o = choose([*self.model.orders, name("no order")]) if choose(RARELY) else choose(live)
        result = self.tell("order.lift", {"order": o, "digest": DIGEST}, one(signed.by))
        self.same(result, self.model.lift(signed, o))

    def dispute(self, choose: Choose) -> None:
        by = choose([slug for slug, it in self.model.members.items() if it["status"] != "succeeded"])
        if len(self.model.disputes) > 0 and choose((0, 1)):
            label = choose([*list(self.model.disputes)[-4:], name("no dispute")])
            signed, outcome = Signed(choose((AUTHORITY, AUTHORITY, by)), "one"), choose(("upheld", "rejected", "withdrawn"))
            result = self.tell("dispute.resolve", {"dispute": label, "outcome": outcome}, one(signed.by))
            self.same(result, self.model.resolve(signed, label, outcome))
        else:
            result = self.tell("dispute.open", {"record": self.world.last}, one(by))
            self.same(result, self.model.dispute(Signed(by, "one"), self.world.last))

    def govern(self, choose: Choose) -> None:
        """A change is proposed, or one that is open is approved."""
        if len(self.model.proposals) > 24:
            return
        by = choose(list(self.model.members)) if choose(RARELY) else choose(list(self.model.governors))
        signed = Signed(by, "one")
        waiting = [p for p, it in self.model.proposals.items() if it["state"] == "OPEN"]
        if len(waiting) > 0 and choose(range(4)):
            p = choose([*self.model.proposals, name("no proposal")]) if choose(RARELY) else choose(waiting)
            result = self.tell("governance.approve", {"proposal": p}, one(by))
            self.same(result, self.model.assent(signed, p))
            return
        self.tell_proposal(signed, *self.some_change(choose))

    def seat(self, choose: Choose) -> None:
        """Another set of validators is proposed, by the authority."""
        self.tell_proposal(Signed(AUTHORITY, "one"), "validators", self.some_seats(choose))

    def tell_proposal(self, signed: Signed, kind: str, value: Any) -> None:
        change = {
            "policy": {"kind": "policy", "policy": value},
            "governors": {
                "kind": "governors",
                "governors": [{"member": slug, "weight": w} for slug, w in value.items()] if kind == "governors" else [],
            },
            "registrar": {"kind": "registrar", "member": value},
            "validators": self.as_change(value if kind == "validators" else []),
        }[kind]
        result = self.tell("governance.propose", {"change": change}, one(signed.by))
        self.same(result, self.model.propose(signed, self.world.last, kind, value))

    def some_change(self, choose: Choose) -> tuple[str, Any]:
        kind = choose(("policy", "policy", "policy", "governors", "registrar", "validators", "validators", "validators"))
        if kind == "policy":
            field, value = choose(
                (
                    ("holds_max", 1),
                    ("holds_max", 4),
                    ("approved_days_stale", 2),
                    ("approved_days_stale", 1),
                    ("hold_days_max", 1),
                    ("ceiling_ppm", 800_000),
                    ("allocations_max", 2),
                    ("onboarding_days", 8),
                    ("onboarding_days", 0),
                )
            )
            return kind, {**self.model.policy, field: value}
        if kind == "validators":
            return kind, self.some_seats(choose)
        if kind == "governors":
            return kind, {AUTHORITY: choose((1, 3)), choose(self.banks()): choose((1, 2)), REGISTRAR: 1}
        return kind, choose((AUTHORITY, REGISTRAR, REGISTRAR, "auditor", "nobody"))
