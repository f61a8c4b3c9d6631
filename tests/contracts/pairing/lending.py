"""Money that moved, told to both: disbursements, repayments, collections, write-offs and corrections."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.contracts.harness import AUTHORITY, name
from tests.contracts.pairing.base import RARELY, SHARE_MAX, YES_OR_NO, Base, Choose


class Loans(Base):
    """From an approval on."""

    def lines(self, f: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.model.financings[f]["lines"]
        return found

    def before(self, f: str) -> list[tuple[int, int]]:
        return [(line["drawn"], line["lost"]) for line in self.lines(f)]

    def shares_of(self, choose: Choose, wholes: list[int]) -> list[int]:
        how = choose(("whole", "half", "mixed"))
        if how == "mixed":
            shares = [choose((whole, whole // 2000 * 1000, 0, whole + 1000, whole // 2)) for whole in wholes]
        else:
            shares = wholes if how == "whole" else [whole // 2000 * 1000 for whole in wholes]
        return [min(share, SHARE_MAX) for share in shares]

    def disburse(self, choose: Choose) -> None:
        f = self.recent(choose, "APPROVED", "CANCELLED")
        if f is None:
            return
        before = self.model.state(f)
        late = before == "CANCELLED"
        wholes = [line["was" if late else "held"] for line in self.lines(f)]
        shares = self.shares_of(choose, wholes)
        final, authority = choose(YES_OR_NO), choose((late, late, not late))
        signed = self.signed(choose, self.actor(choose, f), authority=authority)
        result = self.tell("financing.disburse", {"financing": f, "shares": shares, "final": final}, self.signers(signed))
        self.same(result, self.model.disburse(signed, f, shares, final=final))
        if result.code == "ok":
            self.ghost.disbursed(f, shares, wholes)
            self.moved("disburse" if final else "tranche", f, before)

    def repay(self, choose: Choose) -> None:
        f = self.recent(choose, "DISBURSED", "REPAYING", "APPROVED", "WRITTEN_OFF")
        if f is None:
            return
        state, before = self.model.state(f), self.before(f)
        collected = choose(YES_OR_NO)
        paid: list[Fraction] | None = None
        if state != "WRITTEN_OFF" and not collected and choose(YES_OR_NO):
            # In money: what the amounts free, and everything where a line is paid in full.
            paid = [Fraction(self.ghost.lent.get((f, i), Fraction(0)) // choose((1, 2, 3))) for i in range(len(before))]
            freed = [self.ghost.freed_by(amount, line["d"]) if amount else 0 for amount, line in zip(paid, self.lines(f), strict=True)]
            shares = [min(share, drawn) for share, (drawn, _) in zip(freed, before, strict=True)]
        else:
            shares = self.shares_of(choose, [drawn + (lost if collected else 0) for drawn, lost in before])
        cited = self.cite(choose, f, shares) if collected else []
        signed = self.signed(choose, self.actor(choose, f))
        body = {
            "financing": f,
            "shares": shares,
            "source": "collections" if cited else "own-funds",
            "collections": [{"collection": c, "share": share} for c, share in cited],
        }
        result = self.tell("financing.repay", body, self.signers(signed))
        self.same(result, self.model.repay(signed, f, shares, cited))
        if result.code == "ok":
            self.ghost.repaid(f, before, paid)
            self.moved("repay", f, state)

    def cite(self, choose: Choose, f: str, shares: list[int]) -> list[tuple[str, int]]:
        """Collections for what is repaid, line by line, mostly as much as is needed and mostly from where there is enough."""
        needed: dict[str, int] = {}
        for line, share in zip(self.lines(f), shares, strict=True):
            needed[line["d"]] = needed.get(line["d"], 0) + share
        cited: dict[str, int] = {}
        for d, share in needed.items():
            held = [c for c, it in self.model.collections.items() if it["d"] == d]
            enough = [c for c in held if self.model.collections[c]["unused"] >= share]
            if held and share:
                cited[choose(enough or held[-3:])] = min(choose((share, share, share, share + 1000)), SHARE_MAX)
        return list(cited.items())

    def collect(self, choose: Choose) -> None:
        d, authority = self.some_declaration(choose), choose(YES_OR_NO)
        lenders = sorted(self.model.lenders(d))
        by = choose(lenders) if len(lenders) > 0 and choose(range(6)) else choose([AUTHORITY, *self.banks()])
        share = choose((1000, 50_000, 50_000, 200_000, 400_000, 1_500_000, -50_000, -200_000))
        mine = [c for c, it in self.model.collections.items() if it["d"] == d][-3:] + list(self.model.collections)[-1:]
        wrong = None if share > 0 else choose([*mine, name("no collection")])
        signed = self.signed(choose, by, authority=authority and by != AUTHORITY)
        result = self.tell("declaration.collected", {"declaration": name(d), "share": share, "corrects": wrong}, self.signers(signed))
        self.same(result, self.model.collect(signed, self.world.last, d, share, wrong))

    def write_off(self, choose: Choose) -> None:
        f = self.recent(choose, "DISBURSED", "REPAYING", "WRITTEN_OFF")
        if f is None:
            return
        before, state = self.before(f), self.model.state(f)
        back = choose((state == "WRITTEN_OFF", False, True))
        shares = self.shares_of(choose, [lost if back else drawn for drawn, lost in before])
        shares = [-share for share in shares] if back else shares
        if choose(RARELY):
            shares[0] = -shares[0]
        signed = self.signed(choose, self.actor(choose, f))
        result = self.tell("financing.write-off", {"financing": f, "shares": shares}, self.signers(signed))
        self.same(result, self.model.write_off(signed, f, shares))
        if result.code == "ok":
            self.ghost.written_off(f, shares, before)
            self.moved("write-off", f, state)

    def correct(self, choose: Choose) -> None:
        f = self.recent(choose, "DISBURSED", "REPAYING", "WRITTEN_OFF", "PAID_OFF")
        wide = [other for other in self.model.financings if len([line for line in self.lines(other) if line["drawn"]]) > 1]
        f = choose(wide) if len(wide) > 0 and choose(YES_OR_NO) else f
        if f is None:
            return
        before, state = self.before(f), self.model.state(f)
        deltas = []
        for line in self.lines(f):
            # A line may name what was never registered: it was refused, and nothing is left of it.
            left = self.model.available(line["d"]) if line["d"] in self.model.declarations else 0
            drawn = line["drawn"]
            undrawn = line["was"] - drawn - line["lost"]
            some = (
                0,
                0,
                left,
                left // 2000 * 1000,
                left + 1000,
                50_000,
                undrawn,
                undrawn // 1000 * 1000,
                undrawn // 1000 * 1000 + 1000,
                -drawn,
                -drawn,
                -(drawn // 2000 * 1000),
                -drawn - 1000,
                -drawn // 2,
            )
            deltas.append(max(-SHARE_MAX, min(choose(some), SHARE_MAX)))
        if len(deltas) > 1 and choose(YES_OR_NO):
            # From one line to another: nothing is lent, but what one declaration has left rises.
            free = max(0, self.lines(f)[1]["was"] - sum(before[1]))
            part = choose((before[0][0], min(before[0][0], free))) // choose((1_000, 2_000)) * 1_000
            deltas = [-part, part, *[0] * (len(deltas) - 2)]
        signed = self.signed(choose, self.actor(choose, f), authority=choose(YES_OR_NO))
        result = self.tell("financing.correct", {"financing": f, "shares": deltas}, self.signers(signed))
        self.same(result, self.model.correct(signed, f, deltas))
        if result.code == "ok":
            self.ghost.corrected(f, deltas, before)
            self.moved("correct", f, state)
