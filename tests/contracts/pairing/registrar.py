"""Declarations told to both: registered, amended, void, and replaced by others of another amount."""

from __future__ import annotations

from contracts.months import month_end_ms
from tests.contracts.harness import AUTHORITY, FAR, REGISTRAR, name, one
from tests.contracts.model import MILLION, Signed
from tests.contracts.pairing.applying import Applications
from tests.contracts.pairing.base import RARELY, Choose

DECLARATIONS_MAX = 12


class Registrations(Applications):
    """Few declarations stand at a time, so that there is little room."""

    def registering(self, choose: Choose) -> Signed:
        """Mostly the registrar of the day."""
        return Signed(choose((REGISTRAR, AUTHORITY, "bank-a")) if choose(RARELY) else self.model.registrar, "one")

    def amend(self, choose: Choose) -> None:
        d, signed = self.some_declaration(choose), self.registering(choose)
        used = self.model.used(d)
        near = (used, max(0, used - 1), used + 1, used + 100_000, max(0, used - 100_000), MILLION, MILLION, 1_234_567, used // 2)
        capacity = min(choose(near), 10 * MILLION)
        result = self.tell("declaration.amend", {"declaration": name(d), "capacity": capacity}, one(signed.by))
        self.same(result, self.model.amend(signed, d, capacity))

    def register(self, choose: Choose) -> None:
        """A new declaration, where there is room for one."""
        if len(self.standing()) < 3 and len(self.model.declarations) < DECLARATIONS_MAX:
            amount = choose((77_777, 99_991, 1_234_567, 4_000_037))
            self.tell_register(choose, self.registering(choose), choose((MILLION, 800_000, 500_000)), amount, [])

    def replace(self, choose: Choose) -> None:
        """One or two by a new one of another amount, void and frozen and overused ones among them."""
        if len(self.model.declarations) >= DECLARATIONS_MAX:
            return
        old = [self.some_declaration(choose)]
        if choose((0, 1, 2)) == 1:
            old += [d for d in [self.some_declaration(choose)] if d not in old]
        together = sum(self.ghost.registered[d] for d in old)
        amount = choose((together, together * 9 // 10, together * 3 + 1, together // 3, together + 1, together - 1))
        amount = min(max(50_000, amount), 10**7)
        ppm = min(self.model.declarations[d]["ppm"] for d in old)
        self.tell_register(choose, self.registering(choose), ppm + 1_000 if choose(RARELY) else ppm, amount, old)

    def tell_register(self, choose: Choose, signed: Signed, ppm: int, amount: int, old: list[str]) -> None:
        label = choose(list(self.model.declarations)) if choose(RARELY) else f"declaration {self.world.serial}"
        ppm, until = min(ppm, MILLION), choose(("2027-12", "2027-12", "2026-05"))
        if label not in self.model.declarations:
            self.ghost.registered[label] = amount
        replaces = [(d, self.ghost.ratio(d, label)) for d in old]
        body = {
            "declaration": name(label),
            "ceiling_ppm": ppm,
            "until": until,
            "replaces": [{"declaration": name(d), "ratio": ratio} for d, ratio in replaces],
        }
        result = self.tell("declaration.register", body, one(signed.by))
        self.same(result, self.model.register(signed, label, ppm, month_end_ms(until), replaces))
        if result.code == "ok":
            for bank in self.banks():
                consent = self.live_consent(bank)
                if consent is not None and choose((0, 0, 1)):
                    self.enquire(bank, consent, [(label, MILLION, 6, FAR)])

    def merge(self, choose: Choose) -> None:
        """Two declarations of one application become one that has little room, and each line is kept in part."""
        bank = choose(self.banks())
        every = {self.model.grants[g]["d"]: g for g in self.grants_of(choose, bank)}
        both = [d for d in every if d in self.standing() and self.model.available(d) >= 1_000][:2]
        if len(both) < 2 or len(self.model.declarations) >= DECLARATIONS_MAX:
            return
        wanted = [(every[d], self.model.available(d) // choose((1_000, 2_000)) * 1_000) for d in both]
        if self.tell_apply(bank, [(g, max(1_000, share)) for g, share in wanted], [None, None], 8, "all") != "ok":
            return
        f, label = self.world.last, f"declaration {self.world.serial}"
        amount, ppm = sum(self.ghost.registered[d] for d in both), min(self.model.declarations[d]["ppm"] for d in both)
        self.tell_register(choose, Signed(self.model.registrar), ppm, min(max(50_000, amount), 10**7), both)
        if label not in self.model.declarations:
            return
        capacity = min(10 * MILLION, max(0, self.model.used(label) - choose((0, 1_000, 100_000, 200_000))) * MILLION // ppm)
        signed = Signed(self.model.registrar)
        amended = self.tell("declaration.amend", {"declaration": name(label), "capacity": capacity}, one(signed.by))
        self.same(amended, self.model.amend(signed, label, capacity))
        self.tell_review(choose, f, approve=False)
        self.tell_review(choose, f, approve=True)

    def void(self, choose: Choose) -> None:
        """Mostly with another one to take on what was used, sometimes long after the void."""
        if choose((0, 1, 2)) == 0:
            return
        d, signed = self.some_declaration(choose), self.registering(choose)
        others = [other for other in self.model.declarations if choose(RARELY) or other in self.standing()]
        successor = choose([other for other in others if other != d] or [d]) if choose((0, 1, 2)) else None
        told = None if successor is None else (successor, self.ghost.ratio(d, successor))
        entry = None if told is None else {"declaration": name(told[0]), "ratio": told[1]}
        if told is None and len(self.standing()) < 3 and choose((0, 1)):
            return
        result = self.tell("declaration.void", {"declaration": name(d), "reason": "error", "successor": entry}, one(signed.by))
        self.same(result, self.model.void(signed, d, told))
