"""Financings that pass to another lender, or that a bank brings with it when it joins."""

from __future__ import annotations

from tests.contracts.model.base import LENT, Base, Entry, Signed, in_steps, new_line, no, sums, telling

DAY = 86_400_000


class Moving(Base):
    """Offers, take-overs and loads."""

    @telling
    def transfer(self, signed: Signed, f: str, bank: str | None, until: int | None) -> None:
        financing = self.lender(signed, f)
        if bank is not None:
            self.may_start(signed.by)
        self.two_people(signed)
        if bank is None or until is None:
            no("wrong-state", self.state(f) not in LENT)
            financing["offer"] = None
            return
        self.check_movable(f)
        no("malformed", not self.t < until <= self.t + 60 * DAY)
        financing["offer"] = {"bank": bank, "until": until}

    def check_movable(self, f: str) -> None:
        no("wrong-state", self.state(f) not in LENT)
        no("frozen", self.frozen("financing", f))
        no("frozen", any(line["drawn"] and self.frozen("declaration", line["d"]) for line in self.financings[f]["lines"]))

    @telling
    def take_over(self, signed: Signed, new: str, f: str, grants: list[str | None], *, opens: bool = True) -> None:
        """`opens`: whether the salt is the one that the offer was made with."""
        no("unknown-financing", f not in self.financings)
        old = self.financings[f]
        no("not-permitted", not self.is_bank(signed.by) or self.holder(old["bank"]) == self.holder(signed.by))
        self.may_start(signed.by)
        self.two_people(signed)
        self.check_movable(f)
        offer = old["offer"]
        no("no-offer", offer is None)
        no("offer-expired", self.t >= offer["until"])
        no("commitment-mismatch", not opens or offer["bank"] != signed.by)
        self.check_openings(f, grants)
        moved = self.under_grants(signed.by, f, grants)
        lines = self.new_financing(new, signed.by, "DISBURSED", None)["lines"]
        for line, g in moved:
            self.grants[g]["used"] += 1
            lines.append(new_line(line["d"], g, "ok", drawn=line["drawn"], approved=True))
            line["drawn"] = 0
        self.financings[new].update(approved=self.t, origin=f, flags={"TAKEN-OVER"})
        old.update(heir=new, offer=None, state="WRITTEN_OFF" if sums(old, "lost") else "TRANSFERRED")

    def check_openings(self, f: str, grants: list[str | None]) -> None:
        lines = self.financings[f]["lines"]
        no("malformed", len(grants) != len(lines))
        for line, g in zip(lines, grants, strict=True):
            no("malformed", (g is not None) != (line["drawn"] > 0))
            no("malformed", g is not None and self.grants[g]["d"] != line["d"])

    def under_grants(self, bank: str, f: str, grants: list[str | None]) -> list[tuple[Entry, str]]:
        """The lines that move, each with its grant. A grant opened for two lines is spent twice and counts both."""
        moved: list[tuple[Entry, str]] = []
        for line, g in zip(self.financings[f]["lines"], grants, strict=True):
            if g is not None:
                before = [other for other, used in moved if used == g]
                self.check_grant(bank, g, len(before), line["drawn"] + sum(other["drawn"] for other in before))
                moved.append((line, g))
        return moved

    def check_grant(self, bank: str, g: str, spent: int, share: int) -> None:
        code = self.grant_code(bank, g)
        if code in ("ok", "consent-expired"):
            no("grant-used-up", self.grants[g]["used"] + spent >= self.grants[g]["uses"])
        no(code, code != "ok")
        no("exceeds-grant", share and self.under(g) + share > self.grants[g]["maximum"])

    def load(self, signed: Signed, f: str, wanted: list[tuple[str, int]]) -> tuple[str, list[str]]:
        codes: list[str] = []
        return self._load(signed, f, wanted, codes), codes

    @telling
    def _load(self, signed: Signed, f: str, wanted: list[tuple[str, int]], codes: list[str]) -> None:
        no("not-permitted", not self.is_bank(signed.by))
        self.may_start(signed.by)
        self.two_people(signed)
        no("too-late", self.t >= self.members[signed.by]["admitted"] + self.policy["onboarding_days"] * DAY)
        no("malformed", len(wanted) > self.policy["allocations_max"])
        named = [self.grants[g]["d"] for g, _ in wanted]
        no("malformed", len(set(named)) != len(named))
        loaded: list[tuple[str, int]] = []
        for g, share in wanted:
            codes.append(self.load_code(signed.by, g, share, loaded))
            loaded += [(g, share)] if codes[-1] == "ok" else []
        bad = [code for code in codes if code != "ok"]
        no(next(iter(bad), ""), bad)
        financing = self.new_financing(f, signed.by, "DISBURSED", None)
        financing["flags"].add("LOADED")
        financing["approved"] = self.t
        for g, share in wanted:
            self.grants[g]["used"] += 1
            financing["lines"].append(new_line(self.grants[g]["d"], g, "ok", drawn=share, approved=True))

    @telling
    def load_code(self, bank: str, g: str, share: int, loaded: list[tuple[str, int]]) -> None:
        """Like an application's line, but asked only what a loan already paid can be asked."""
        same = [earlier for other, earlier in loaded if other == g]
        self.check_grant(bank, g, len(same), 0)
        d = self.grants[g]["d"]
        no("replaced", self.declarations[d]["replaced"])
        left = self.available(d) - sum(earlier for other, earlier in loaded if self.grants[other]["d"] == d)
        no("not-in-steps", not in_steps(share, max(0, left)))
        no("exceeds-grant", self.under(g) + sum(same) + share > self.grants[g]["maximum"])
