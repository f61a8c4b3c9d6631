"""Loans that pass to another bank or come with one, told to both: offers, take-overs and loads."""

from __future__ import annotations

from contracts.commitments import offer_commitment
from tests.contracts.harness import DAY, FAR, name
from tests.contracts.model import MILLION, Signed
from tests.contracts.pairing.applying import Applications
from tests.contracts.pairing.base import RARELY, TICK, YES_OR_NO, Choose

SALT = name("offer")


class Moves(Applications):
    """From one lender to the next, and from before a bank was a member."""

    def transfer(self, choose: Choose) -> None:
        f = self.recent(choose, "DISBURSED", "REPAYING")
        if f is None:
            return
        lender = self.actor(choose, f)
        bank = None if choose(RARELY) else choose([slug for slug in self.banks() if slug != lender])
        until = None if bank is None else self.world.time + choose((1, TICK, 4 * TICK, 60 * DAY, 60 * DAY, 0, 60 * DAY + 1))
        offer = None if bank is None else offer_commitment(bank=bank, financing=f, salt=SALT)
        signed, before = self.signed(choose, lender), self.model.state(f)
        result = self.tell("financing.transfer", {"financing": f, "offer": offer, "until": until}, self.signers(signed))
        self.same(result, self.model.transfer(signed, f, bank, until))
        if result.code == "ok":
            self.moved("transfer", f, before)

    def take_over(self, choose: Choose) -> None:
        """By the bank that it was offered to, mostly, with a grant for each line that is drawn, often asked for just now."""
        offered = [
            f for f, it in self.model.financings.items() if it["offer"] is not None and self.model.state(f) in ("DISBURSED", "REPAYING")
        ]
        f = choose(offered[-4:]) if len(offered) > 0 and choose(range(8)) else self.recent(choose, "DISBURSED", "REPAYING")
        if f is None:
            return
        offer = self.model.financings[f]["offer"]
        taker = choose(self.banks()) if offer is None or choose(RARELY) else str(offer["bank"])
        lines, opens = self.model.financings[f]["lines"], not choose(RARELY)
        grants = [self.grant_for(choose, taker, line["d"]) if line["drawn"] or choose(RARELY) else None for line in lines]
        grants = [None if choose(RARELY) and choose(YES_OR_NO) else g for g in grants]
        signed, before, drawn = self.signed(choose, taker), self.model.state(f), [line["drawn"] for line in lines]
        body = {
            "financing": f,
            "salt": SALT if opens else name("another salt"),
            "grants": [None if g is None else self.openings[g] for g in grants],
        }
        result = self.tell("financing.take-over", body, self.signers(signed))
        self.same(result, self.model.take_over(signed, self.world.last, f, grants, opens=opens))
        if result.code == "ok":
            self.ghost.taken_over(self.world.last, f, drawn)
            self.moved("take-over", f, before)

    def refinance(self, choose: Choose) -> None:
        """An offer and its take-over, with something between them or nothing."""
        self.transfer(choose)
        if choose(RARELY):
            self.close()
        self.take_over(choose)

    def grant_for(self, choose: Choose, bank: str, d: str) -> str | None:
        if d in self.model.declarations and choose((0, 0, 1)):
            consent = self.live_consent(bank)
            if consent is not None:
                found = self.enquire(bank, consent, [(d, choose((MILLION, 5 * MILLION, 200_000)), choose((1, 2, 2)), FAR)])
                return found[0] if found else None
        mine = self.grants_of(choose, bank, d=d)
        return choose(mine) if len(mine) > 0 and choose(range(8)) else choose(list(self.openings)[-8:])

    def load(self, choose: Choose) -> None:
        """Its onboarding is over for a bank that was there from the beginning, sooner or later."""
        young = [slug for slug in self.banks() if self.model.t < self.model.members[slug]["admitted"] + DAY]
        bank = choose(young) if len(young) > 0 and choose(range(4)) else choose(self.banks())
        mine = self.grants_of(choose, bank)
        if not mine:
            return
        wanted = []
        for g in [choose(mine) for _ in range(choose((1, 1, 2)))]:
            d = self.model.grants[g]["d"]
            left = self.model.available(d) if d in self.model.declarations else 0
            wanted.append((g, choose((self.some_share(choose, left), 50_000, 200_000, 1_000))))
        signed = self.signed(choose, bank)
        body = {"lines": [{"grant": self.openings[g], "share": share} for g, share in wanted]}
        result = self.tell("financing.load", body, self.signers(signed))
        code, codes = self.model.load(signed, self.world.last, wanted)
        self.same(result, code, codes)
        if code == "ok":
            self.ghost.loaded(self.world.last)
            self.moved("load", self.world.last, "-")

    def newcomer(self, choose: Choose) -> None:
        """A bank joins late, and brings loans."""
        if len(self.banks()) < 7 and choose((0, 1, 2)) == 1:
            slug = f"late-{len(self.banks())}"
            self.admit(slug)
            self.join(slug)
            self.load(choose)

    def onward_to_loan(self, choose: Choose) -> None:
        """An approval is drawn, all or in part, by its lender: so that sequences get to what comes after."""
        f = self.recent(choose, "APPROVED")
        if f is not None:
            self.lend(choose, f)

    def lend(self, choose: Choose, f: str) -> None:
        """All that is held, by the lender."""
        if self.model.state(f) != "APPROVED":
            return
        wholes = [line["held"] for line in self.model.financings[f]["lines"]]
        signed = Signed(self.model.holder(self.model.financings[f]["bank"]))
        held = [choose((share, share, share // 2_000 * 1_000)) for share in wholes] if choose(RARELY) else wholes
        result = self.tell("financing.disburse", {"financing": f, "shares": held, "final": True}, self.signers(signed))
        self.same(result, self.model.disburse(signed, f, held, final=True))
        if result.code == "ok":
            self.ghost.disbursed(f, held, wholes)
            self.moved("disburse", f, "APPROVED")
