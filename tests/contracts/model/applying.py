"""Applications: apply, intake, approve, cancel, and the revocation of the consent that they stand on."""

from __future__ import annotations

from tests.contracts.model.base import HELD, Base, Entry, Signed, in_steps, new_line, no, sums, telling

DAY = 86_400_000


class Applying(Base):
    """What holds and commits shares before money moves."""

    def apply(self, signed: Signed, f: str, wanted: list[tuple[str, int]], until: int, mode: str) -> tuple[str, list[str]]:
        """Puts the financing in and takes it out again where it is refused. Gives the codes of the lines too."""
        codes: list[str] = []
        return self._apply(signed, f, wanted, until, mode, codes), codes

    @telling
    def _apply(self, signed: Signed, f: str, wanted: list[tuple[str, int]], until: int, mode: str, codes: list[str]) -> None:
        no("not-permitted", not self.is_bank(signed.by))
        self.may_start(signed.by)
        no("malformed", len(wanted) > self.policy["allocations_max"])
        no("malformed", not self.t < until <= self.t + self.policy["hold_days_max"] * DAY)
        lines = self.new_financing(f, signed.by, "APPLIED", until)["lines"]
        spent = []
        for g, share in wanted:
            code = self.line_code(signed.by, g, share)
            codes.append(code)
            if code == "ok":
                self.grants[g]["used"] += 1
                spent.append(g)
            lines.append(new_line(self.grants[g]["d"], g, code, held=share if code == "ok" else 0))
        bad = [code for code in codes if code != "ok"]
        if len(bad) == len(codes) or (bad and mode == "all"):
            del self.financings[f]
            for g in spent:
                self.grants[g]["used"] -= 1
            no(bad[0])

    def line_code(self, bank: str, g: str, share: int) -> str:
        """The first of these conditions that fails, in the order of the rules."""
        code = self.grant_code(bank, g)
        if code != "ok":
            return code
        d = self.grants[g]["d"]
        it = self.declarations[d]
        holders = [self.holder(self.financings[f]["bank"]) for f, _, line in self.lines_on(d) if self.state(f) in HELD and line["held"] > 0]
        left = self.available(d)
        failing = {
            "frozen": self.frozen("declaration", d),
            "replaced": it["replaced"],
            "void": it["void"],
            "too-old": self.t >= it["until"],
            "too-many-holds": len(holders) >= self.policy["holds_max"] or bank in holders,
            "overused": self.status(d) == "OVERUSED",
            "exhausted": left == 0,
            "exceeds-available": share > left,
            "not-in-steps": not in_steps(share, left),
            "exceeds-grant": self.under(g) + share > self.grants[g]["maximum"],
        }
        return next((code for code, fails in failing.items() if fails), "ok")

    @telling
    def review(self, signed: Signed, f: str, keep: list[int] | None, *, approve: bool) -> None:
        financing = self.lender(signed, f)
        self.may_start(signed.by)
        if approve:
            self.two_people(signed)
        no("hold-expired", self.state(f) == "EXPIRED")
        no("wrong-state", self.state(f) != ("IN_REVIEW" if approve else "APPLIED"))
        no("frozen", self.frozen("financing", f))
        lines = financing["lines"]
        keep = [line["held"] for line in lines] if keep is None else keep
        no("malformed", len(keep) != len(lines) or sum(keep) == 0)
        kept: dict[str, int] = {}
        for i, share in enumerate(keep):
            self.check_kept(f, i, share, kept)
        for line, share in zip(lines, keep, strict=True):
            line["held"] = line["was"] = share
            line["approved"] = approve and share > 0
        financing["state"] = "APPROVED" if approve else "IN_REVIEW"
        financing["approved"] = self.t if approve else None

    def check_kept(self, f: str, i: int, share: int, kept: dict[str, int]) -> None:
        """`kept` is what the lines before this one keep: what they let go is free at once."""
        lines: list[Entry] = self.financings[f]["lines"]
        line = lines[i]
        d = line["d"]
        no("exceeds-hold", share > line["held"])
        if share == 0:
            return
        no("not-in-steps", (line["held"] - share) % 1000)
        no("frozen", self.frozen("declaration", d))
        no("void", self.declarations[d]["void"])
        no("too-old", self.t >= self.declarations[d]["until"])
        freed = sum(earlier["held"] for earlier in lines[:i] if earlier["d"] == d) - kept.get(d, 0)
        no("exceeds-available", share > self.room(d, f, i, freed))
        kept[d] = kept.get(d, 0) + share

    @telling
    def cancel(self, signed: Signed, f: str, reason: str) -> None:
        no("unknown-financing", f not in self.financings)
        financing, state = self.financings[f], self.state(f)
        if reason == "stale":
            no("not-permitted", signed.by != self.authority)
            no("wrong-state", state != "APPROVED")
            no("wrong-state", self.t - financing["approved"] < self.policy["approved_days_stale"] * DAY)
        else:
            self.lender(signed, f)
            if state == "APPROVED":
                self.two_people(signed)
        no("wrong-state", state not in (*HELD, "APPROVED") or sums(financing, "drawn"))
        for line in financing["lines"]:
            line["was"], line["held"] = line["held"], 0
        financing["state"] = "CANCELLED"

    @telling
    def revoke(self, consent: str) -> None:
        no("consent-revoked", self.consents[consent]["revoked"])
        self.consents[consent]["revoked"] = True
        for f, financing in self.financings.items():
            if self.state(f) in HELD:
                for line in financing["lines"]:
                    if self.grants[line["g"]]["consent"] == consent:
                        line["held"] = 0
                if sums(financing, "held") == 0:
                    financing["state"] = "CANCELLED"
