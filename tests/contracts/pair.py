"""The handlers and the model side by side: each action tells one record to both and compares what they answer.

Actions take what they need from a chooser, so that Hypothesis can shrink them and a seeded walk can run many. Shares are drawn from
what is just left, one more than that, and parts of it; times from the ends of holds; amendments from just about what is used:
two rules that agree at random are told apart only where they are squeezed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from contracts import balances
from contracts.commitments import grant_commitment
from contracts.invariants import check_invariants
from contracts.months import month_end_ms
from contracts.queries import available, status
from tests.contracts.harness import AUTHORITY, BANKS, DAY, FAR, START, Grant, World, name, one
from tests.contracts.model import MILLION, Model

TICK = DAY // 4
DECLARATIONS = {"whole": (MILLION, "2027-12"), "odd": (777_777, "2027-12"), "soon": (MILLION, "2026-05")}
LABELS = tuple(DECLARATIONS)
YES_OR_NO = (True, False)
Item = TypeVar("Item")


class Choose(Protocol):
    def __call__(self, options: Sequence[Item], /) -> Item: ...


class Pair:
    """Three banks with grants on three declarations: one whole, one with an odd ceiling, one that soon is too old."""

    def __init__(self) -> None:
        self.world = World(approved_days_stale=1, holds_max=2)
        self.model = Model(stale_after=DAY, holds_max=2, t=START)
        self.grants: dict[str, Grant] = {}
        self.consents: dict[str, tuple[str, str]] = {}
        for label, (ppm, until) in DECLARATIONS.items():
            self.world.declaration(label, ceiling_ppm=ppm, until=until)
            self.model.register(label, ppm, month_end_ms(until))
        for bank in BANKS + BANKS:
            self.consent(bank, FAR)

    def consent(self, bank: str, end: int) -> None:
        label = f"consent {len(self.consents)}"
        self.consents[label] = (bank, self.world.consent(bank, not_after=end))
        self.model.consent(label, end)
        for d in LABELS:
            self.grant(bank, d, label, MILLION, 4, FAR)

    def grant(self, bank: str, d: str, consent: str, maximum: int, uses: int, end: int) -> None:
        label = f"grant {len(self.grants)}"
        given = self.consents[consent][1]
        self.grants[label] = self.world.grant(name(d), bank, maximum=maximum, uses=uses, end=end, consent=given)
        self.model.give(label, bank, d, consent, maximum, uses, end)

    def recent(self, choose: Choose, *suited: str) -> str | None:
        """A financing, mostly one in a state that suits."""
        fitting = [f for f in self.model.financings if self.model.state(f) in suited][-4:]
        if len(fitting) > 0 and choose(range(6)):
            return choose(fitting)
        every = list(self.model.financings)[-6:]
        return choose(every) if every and choose((0, 1, 2)) == 1 else None

    def another_grant(self, choose: Choose) -> None:
        bank, d = choose(BANKS), choose(LABELS)
        end = self.world.time + choose((1, 4, 12)) * TICK
        told = self.model.consents
        live = [
            label
            for label, (owner, given) in self.consents.items()
            if owner == bank and not told[label]["revoked"] and self.model.t < told[label]["end"] and self.spare(given)
        ]
        if len(live) > 0 and choose((0, 1, 2)):
            self.grant(bank, d, choose(live), choose((100_000, 300_000, MILLION)), choose((1, 2)), end)
        else:
            self.consent(bank, choose((end, FAR)))

    def spare(self, consent: str) -> bool:
        entry = self.world.entry("consent", consent)
        return bool(entry["used"] < entry["uses"])

    def apply(self, choose: Choose) -> None:
        bank = choose(BANKS)
        mine = [g for g in self.grants if self.model.grants[g]["bank"] == bank]
        mine = mine[:6] + mine[-6:]
        labels = [choose(mine) for _ in range(choose((1, 1, 2, 3)))]
        if choose(range(20)) == 7:
            labels.append(choose(sorted(self.grants)))
        wanted = []
        for g in labels:
            left = self.model.available(self.model.grants[g]["d"])
            parts = (left, left, left + 1, left - 1000, left // 2000 * 1000, left // 3000 * 1000, left // 5000 * 1000, 1000, left // 2)
            wanted.append((g, max(1, min(choose(parts), 10 * MILLION))))
        self.tell_apply(bank, wanted, choose((1, 2, 4, 8)), choose(("all", "partial")), same_block=choose(YES_OR_NO))

    def tell_apply(self, bank: str, wanted: list[tuple[str, int]], ticks: int, mode: str, *, same_block: bool) -> str:
        until = self.world.time + ticks * TICK
        lines = [{"grant": self.grants[g].opening, "share": share} for g, share in wanted]
        body = {"lines": lines, "hold_until": until, "mode": mode}
        result = self.world.run("financing.apply", body, one(bank), position=self.world.serial if same_block else None)
        code, codes = self.model.apply(self.world.last, bank, wanted, until, mode)
        assert (result.code, [line["code"] for line in result.details["lines"]]) == (code, codes)
        return code

    def race(self, choose: Choose) -> None:
        """Banks take what is left in parts, in one block or in several; less is declared then; and all go on to review, in any order."""
        d, same_block = choose(LABELS), choose(YES_OR_NO)
        racing: list[str] = []
        for bank in (choose(BANKS), choose(BANKS)):
            mine = [g for g, told in self.model.grants.items() if (told["bank"], told["d"]) == (bank, d)]
            left = self.model.available(d)
            share = max(1000, left // choose((2000, 3000)) * 1000)
            if self.tell_apply(bank, [(choose(mine), share)], choose((1, 4)), "all", same_block=same_block and bool(racing)) == "ok":
                racing.append(self.world.last)
        less = max(0, self.model.used(d) - choose((0, 1000, 100_000, 200_000, 300_000)))
        capacity = -(-less * MILLION // DECLARATIONS[d][0])
        assert self.world.amend(name(d), capacity).code == self.model.amend(d, capacity)
        if len(racing) > 0 and choose(YES_OR_NO):
            self.wait(choose)
        for f in [choose(racing), *reversed(racing)] if racing else []:
            self.review(choose, f, approve=self.model.state(f) == "IN_REVIEW")
            self.agree()

    def intake(self, choose: Choose) -> None:
        self.review(choose, self.recent(choose, "APPLIED"), approve=False)

    def approve(self, choose: Choose) -> None:
        self.review(choose, self.recent(choose, "IN_REVIEW"), approve=True)

    def review(self, choose: Choose, f: str | None, *, approve: bool) -> None:
        if f is None:
            return
        keep = None
        if choose((0, 1, 2)) == 0:
            keep = []
            for line in self.model.financings[f]["lines"]:
                room = self.model.room(line["d"], f)
                held = line["held"]
                # What frees whole steps and just fits, and one step more.
                fitting = held - -(-max(0, held - room) // 1000) * 1000
                keep.append(choose((held, held, max(0, fitting), max(0, fitting + 1000), 0, max(0, held - 7000), held // 2, held + 1)))
        bank = self.model.financings[f]["bank"]
        result = self.world.approve(f, keep, bank) if approve else self.world.intake(f, keep, bank)
        assert result.code == self.model.review(f, keep, approve=approve)

    def shares_of(self, choose: Choose, f: str, field: str) -> list[int]:
        wholes = [line[field] for line in self.model.financings[f]["lines"]]
        how = choose(("whole", "half", "mixed"))
        if how == "mixed":
            return [choose((whole, whole // 2000 * 1000, 0, whole + 1000, whole // 2)) for whole in wholes]
        return wholes if how == "whole" else [whole // 2000 * 1000 for whole in wholes]

    def disburse(self, choose: Choose) -> None:
        f = self.recent(choose, "APPROVED", "CANCELLED")
        if f is None:
            return
        late = self.model.state(f) == "CANCELLED"
        shares, final, authority = self.shares_of(choose, f, "was" if late else "held"), choose(YES_OR_NO), choose((late, late, not late))
        result = self.world.disburse(f, shares, final=final, bank=self.model.financings[f]["bank"], authority=authority)
        assert result.code == self.model.disburse(f, shares, final=final, authority=authority)
        if result.code == "ok":
            assert ("LATE" in result.details.get("flags", [])) == self.model.financings[f]["late"]

    def repay(self, choose: Choose) -> None:
        f = self.recent(choose, "DISBURSED", "REPAYING", "APPROVED")
        if f is None:
            return
        shares = self.shares_of(choose, f, "drawn")
        cited: dict[str, int] = {}
        if choose(YES_OR_NO):
            for line, share in zip(self.model.financings[f]["lines"], shares, strict=True):
                held = [c for c, it in self.model.collections.items() if it["d"] == line["d"]][-3:]
                if held and share:
                    cited[choose(held)] = choose((share, share, share + 1000))
        result = self.world.repay(f, shares, list(cited.items()), self.model.financings[f]["bank"])
        assert result.code == self.model.repay(f, shares, list(cited.items()))

    def cancel(self, choose: Choose) -> None:
        f = self.recent(choose, "APPROVED", "IN_REVIEW")
        if f is None:
            return
        stale = choose(YES_OR_NO)
        if stale:
            result = self.world.run("financing.cancel", {"financing": f, "reason": "stale"}, one(AUTHORITY))
        else:
            result = self.world.cancel(f, bank=self.model.financings[f]["bank"])
        assert result.code == self.model.cancel(f, stale=stale)

    def onward(self, choose: Choose) -> None:
        """Takes an application straight to its approval, so that sequences get past it."""
        f = self.recent(choose, "APPLIED")
        if f is None:
            return
        bank = self.model.financings[f]["bank"]
        assert self.world.intake(f, None, bank).code == self.model.review(f, None, approve=False)
        assert self.world.approve(f, None, bank).code == self.model.review(f, None, approve=True)

    def collect(self, choose: Choose) -> None:
        bank, d, authority = choose(BANKS), choose(LABELS), choose(YES_OR_NO)
        share = choose((1000, 50_000, 50_000, 200_000, 400_000, 1_500_000, -50_000, -200_000))
        mine = [c for c, it in self.model.collections.items() if it["d"] == d][-3:] + list(self.model.collections)[-1:]
        wrong = None if share > 0 else choose([*mine, name("no collection")])
        result = self.world.collect(name(d), share, bank, authority=authority, corrects=wrong)
        assert result.code == self.model.collect(self.world.last, d, bank, share, wrong, authority=authority)

    def amend(self, choose: Choose) -> None:
        d = choose(LABELS)
        used = self.model.used(d)
        near = (used, max(0, used - 1), used + 1, used + 100_000, max(0, used - 100_000), MILLION, MILLION, 1_234_567, used // 2)
        capacity = min(choose(near), 10 * MILLION)
        assert self.world.amend(name(d), capacity).code == self.model.amend(d, capacity)

    def void(self, choose: Choose) -> None:
        d = choose(("soon", "odd"))
        if choose(range(8)) == 3:
            assert self.world.void(name(d)).code == self.model.void(d)

    def revoke(self, choose: Choose) -> None:
        label = choose(sorted(self.consents))
        if choose((0, 1, 2)) == 1:
            assert self.world.revoke(self.consents[label][1]).code == self.model.revoke(label)

    def wait(self, choose: Choose) -> None:
        """To a moment later, often to the very end of a hold or the millisecond before it."""
        told = self.model
        ends = {it["until"] for it in (*told.financings.values(), *told.declarations.values())}
        ends |= {it["end"] for it in (*told.grants.values(), *told.consents.values())}
        ends |= {it["approved"] + DAY for it in told.financings.values() if it["approved"] is not None}
        coming = sorted(end for end in ends if self.world.time < end <= self.world.time + 6 * TICK)[:2]
        end = choose(coming) if coming else self.world.time + TICK
        self.world.time = told.t = choose((self.world.time + TICK, end, end, max(self.world.time, end - 1)))
        assert check_invariants(self.world.state, self.world.time) == []

    def agree(self) -> None:
        """Everything that both know is the same."""
        time = self.world.time
        for d in LABELS:
            entry, told = self.world.entry("declaration", name(d)), self.model.declarations[d]
            ours = (available(self.world.state, name(d), time), status(self.world.state, name(d), time), balances.used(entry, time))
            assert ours == (self.model.available(d), self.model.status(d), self.model.used(d))
            assert (entry["collected"], entry["capacity"]) == (told["collected"], told["capacity"])
        for f, financing in self.model.financings.items():
            self.agree_on(self.model.state(f), financing, self.world.entry("financing", f))
        for c, collection in self.model.collections.items():
            assert self.world.entry("collection", c)["unused"] == collection["unused"]
        for g, grant in self.model.grants.items():
            opened = self.grants[g]
            commitment = grant_commitment(bank=opened.bank, **opened.opening)
            assert self.world.entry("grant", commitment)["used"] == grant["used"]

    def agree_on(self, state: str, financing: dict[str, Any], entry: Any) -> None:
        assert balances.financing_state(entry, self.world.time) == state
        for line, ours in zip(financing["lines"], entry["lines"], strict=True):
            assert (ours["drawn"], ours["was"]) == (line["drawn"], line["was"])
            assert state == "EXPIRED" or ours["held"] == line["held"]
