"""Applications told to both: enquiries and grants, apply, intake, approve, cancel, and the end of consents."""

from __future__ import annotations

from tests.contracts.harness import AUTHORITY, FAR, name, once, one
from tests.contracts.model import MILLION, Signed
from tests.contracts.pairing.base import RARELY, TICK, YES_OR_NO, Base, Choose


class Applications(Base):
    """Up to an approval."""

    def another_grant(self, choose: Choose) -> None:
        bank = choose(self.banks())
        end = self.world.time + choose((1, 4, 12)) * TICK
        live = self.live_consent(bank)
        if live is not None and choose((0, 1, 2)):
            d = name("never registered") if choose(RARELY) else self.some_declaration(choose)
            self.enquire(bank, live, [(d, choose((100_000, 300_000, MILLION)), choose((1, 2)), end)])
        elif self.stopped(bank) is None:
            self.enquire(bank, self.consent(bank, choose((end, FAR))), [(d, MILLION, 4, FAR) for d in self.standing()])

    def grants_of(self, choose: Choose, bank: str, *, d: str | None = None) -> list[str]:
        """Grants of a bank, mostly those that open today."""
        every = [g for g, it in self.model.grants.items() if it["bank"] == bank and d in (None, it["d"])]
        opening = [
            g
            for g in every
            if self.model.grant_code(bank, g) == "ok" and not self.model.declarations[self.model.grants[g]["d"]]["replaced"]
        ]
        return opening[:6] + opening[-6:] if len(opening) > 0 and choose(range(10)) else every[-12:]

    def ask(self, choose: Choose, d: str) -> tuple[int, int | None]:
        """A share, and the amount where one was asked for in money."""
        left = self.model.available(d) if d in self.model.declarations else 0
        rest = left * self.ghost.registered[d] // MILLION if left else 0
        # A share that covers no minor unit is asked for as a share only: a node finds no amount for it.
        if rest and choose((0, 1, 2)) == 0:
            amount = max(1, rest // choose((1, 2, 3, 7)) - choose((0, 0, 1)))
            return max(1, min(self.ghost.share_of(amount, d), left)), amount
        return self.some_share(choose, left), None

    def apply(self, choose: Choose) -> None:
        bank = choose(self.banks())
        mine = self.grants_of(choose, bank)
        labels = [choose(mine) for _ in range(choose((1, 1, 2, 3)))] if mine else []
        if not labels or choose(RARELY):
            labels.append(choose(list(self.openings)))
        asked = [self.ask(choose, self.model.grants[g]["d"]) for g in labels]
        wanted = [(g, share) for g, (share, _) in zip(labels, asked, strict=True)]
        self.tell_apply(bank, wanted, [amount for _, amount in asked], choose((1, 2, 4, 8)), choose(("all", "partial")))

    def tell_apply(self, bank: str, wanted: list[tuple[str, int]], amounts: list[int | None], ticks: int, mode: str) -> str:
        until = self.world.time + ticks * TICK
        lines = [{"grant": self.openings[g], "share": share} for g, share in wanted]
        result = self.tell("financing.apply", {"lines": lines, "hold_until": until, "mode": mode}, one(bank))
        code, codes = self.model.apply(Signed(bank, "one"), self.world.last, wanted, until, mode)
        self.same(result, code, codes)
        if code == "ok":
            self.ghost.applied(self.world.last, amounts)
            self.moved("apply", self.world.last, "-")
        return code

    def race(self, choose: Choose) -> None:
        """Banks take what is left in parts, in one block or in several; less is declared then; and all go on to review, in any order."""
        d, same_block = choose(self.standing()), choose(YES_OR_NO)
        racing: list[str] = []
        for bank in (choose(self.banks()), choose(self.banks()), choose(self.banks())):
            mine = self.grants_of(choose, bank, d=d)
            left = self.model.available(d)
            if mine and left:
                share = max(1000, left // choose((2000, 3000)) * 1000)
                if self.tell_apply(bank, [(choose(mine), share)], [None], choose((1, 4)), "all") == "ok":
                    racing.append(self.world.last)
            if not same_block:
                self.close()
        less = max(0, self.model.used(d) - choose((0, 1000, 100_000, 200_000, 300_000)))
        capacity = min(-(-less * MILLION // self.model.declarations[d]["ppm"]), 10 * MILLION)
        amended = self.tell("declaration.amend", {"declaration": name(d), "capacity": capacity}, one(self.model.registrar))
        self.same(amended, self.model.amend(Signed(self.model.registrar), d, capacity))
        if len(racing) > 0 and choose(YES_OR_NO):
            self.wait(choose)
        for f in [choose(racing), *reversed(racing)] if racing else []:
            self.tell_review(choose, f, approve=self.model.state(f) == "IN_REVIEW")

    def intake(self, choose: Choose) -> None:
        f = self.recent(choose, "APPLIED")
        if f is not None:
            self.tell_review(choose, f, approve=False)

    def approve(self, choose: Choose) -> None:
        f = self.recent(choose, "IN_REVIEW")
        if f is not None:
            self.tell_review(choose, f, approve=True)

    def tell_review(self, choose: Choose, f: str, *, approve: bool, whole: bool = False) -> None:
        keep = None
        if not whole and choose((0, 1, 2)) == 0:
            keep = []
            for i, line in enumerate(self.model.financings[f]["lines"]):
                held, room = line["held"], self.model.room(line["d"], f, i) if line["held"] else 0
                # What frees whole steps and just fits, and one step more.
                fitting = held - -(-max(0, held - room) // 1000) * 1000
                some = (held, held, max(0, fitting), max(0, fitting + 1000), 0, max(0, held - 7000), held // 2, held + 1)
                keep.append(min(choose(some), 10 * MILLION))
        before, signed = self.model.state(f), self.signed(choose, self.actor(choose, f))
        held = [line["held"] for line in self.model.financings[f]["lines"]]
        if not approve:
            signed = Signed(signed.by, "one")
        type_name = "financing.approve" if approve else "financing.intake"
        result = self.tell(type_name, {"financing": f, "shares": keep}, self.signers(signed))
        self.same(result, self.model.review(signed, f, keep, approve=approve))
        if result.code == "ok":
            self.ghost.reviewed(f, held)
            self.moved("approve" if approve else "intake", f, before)
            if approve:
                self.ghost.check_approved(f)

    def onward(self, choose: Choose) -> None:
        """Takes an application straight to its approval, so that sequences get past it."""
        f = self.recent(choose, "APPLIED")
        if f is not None:
            self.tell_review(choose, f, approve=False, whole=True)
            self.tell_review(choose, f, approve=True, whole=True)

    def brief(self, choose: Choose) -> None:
        """An application under a grant that is spent by it and ends before the reviews do."""
        bank, d = choose(self.banks()), choose(self.standing())
        live, left = self.live_consent(bank), self.model.available(d)
        if live is None or left < 1_000:
            return
        granted = self.enquire(bank, live, [(d, MILLION, 1, self.world.time + TICK)])
        wanted = [(g, max(1_000, left // 3_000 * 1_000)) for g in granted]
        if not wanted or self.tell_apply(bank, wanted, [None], 8, "all") != "ok":
            return
        f = self.world.last
        if choose(YES_OR_NO):
            self.tell_review(choose, f, approve=False, whole=True)
        self.wait(choose)
        self.tell_review(choose, f, approve=self.model.state(f) == "IN_REVIEW", whole=True)

    def cancel(self, choose: Choose) -> None:
        f = self.recent(choose, "APPROVED", "IN_REVIEW")
        if f is None:
            return
        stale, before = choose(YES_OR_NO), self.model.state(f)
        signed = Signed(AUTHORITY, "one") if stale else self.signed(choose, self.actor(choose, f))
        reason = "stale" if stale else choose(("rejected", "withdrawn", "error"))
        result = self.tell("financing.cancel", {"financing": f, "reason": reason}, self.signers(signed))
        self.same(result, self.model.cancel(signed, f, reason))
        if result.code == "ok":
            self.moved("cancel", f, before)

    def revoke(self, choose: Choose) -> None:
        """Often the consent that stands behind an application of the same block."""
        used = [self.model.grants[line["g"]]["consent"] for it in list(self.model.financings.values())[-2:] for line in it["lines"]]
        label = choose(used) if len(used) > 0 and choose(YES_OR_NO) else choose(list(self.consents))
        if choose((0, 1, 2)) == 1:
            given = self.consents[label][1]
            self.tell("consent.revoke", {"consent": given}, once(given), self.model.revoke(label))
