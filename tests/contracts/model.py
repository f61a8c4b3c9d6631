"""A second telling of the rules of financing, to compare the handlers with: plain dictionaries, nothing shared with the contracts.

It keeps no sums and no lists of holds: every quantity is computed afresh from all financings and the time. It also forgets nothing
and settles nothing, so that what the handlers write down lazily must agree with what is simply true at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MILLION = 1_000_000


@dataclass
class Model:
    """Declarations, consents, grants, financings and collections by labels; `t` is the time of the next record."""

    stale_after: int
    holds_max: int
    t: int = 0
    clock: int = 0
    declarations: dict[str, dict[str, Any]] = field(default_factory=dict)
    consents: dict[str, dict[str, Any]] = field(default_factory=dict)
    grants: dict[str, dict[str, Any]] = field(default_factory=dict)
    financings: dict[str, dict[str, Any]] = field(default_factory=dict)
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)

    def register(self, d: str, ppm: int, until: int) -> None:
        self.declarations[d] = {"ppm": ppm, "until": until, "capacity": MILLION, "collected": 0, "void": False}

    def consent(self, consent: str, end: int) -> None:
        self.consents[consent] = {"revoked": False, "end": end}

    def give(self, g: str, bank: str, d: str, consent: str, maximum: int, uses: int, end: int) -> None:
        self.grants[g] = {"bank": bank, "d": d, "consent": consent, "maximum": maximum, "uses": uses, "end": end, "used": 0}

    def state(self, f: str) -> str:
        financing = self.financings[f]
        if financing["state"] in ("APPLIED", "IN_REVIEW") and self.t >= financing["until"]:
            return "EXPIRED"
        return str(financing["state"])

    def lines_on(self, d: str) -> list[tuple[str, dict[str, Any]]]:
        return [(f, line) for f, financing in self.financings.items() for line in financing["lines"] if line["d"] == d and line["was"]]

    def ceiling(self, d: str, *, with_collected: bool = True) -> int:
        it = self.declarations[d]
        if it["void"]:
            return 0
        base = it["capacity"] - (it["collected"] if with_collected else 0)
        return it["ppm"] * base // MILLION if base > 0 else 0

    def used(self, d: str) -> int:
        total = 0
        for f, line in self.lines_on(d):
            total += line["drawn"]
            if self.state(f) in ("APPLIED", "IN_REVIEW", "APPROVED"):
                total += line["held"]
        return total

    def available(self, d: str) -> int:
        it = self.declarations[d]
        if it["void"] or self.t >= it["until"]:
            return 0
        return max(0, self.ceiling(d) - self.used(d))

    def room(self, d: str, f: str) -> int:
        taken = 0
        for other, line in self.lines_on(d):
            taken += line["drawn"]
            older = self.financings[other]["age"] < self.financings[f]["age"]
            if self.state(other) == "APPROVED" or (older and self.state(other) in ("APPLIED", "IN_REVIEW")):
                taken += line["held"] if other != f else 0
        return max(0, self.ceiling(d) - taken)

    def status(self, d: str) -> str:
        if self.declarations[d]["void"]:
            return "VOID"
        if self.used(d) > self.ceiling(d, with_collected=False):
            return "OVERUSED"
        return "COLLECTED" if self.used(d) > self.ceiling(d) else "REGISTERED"

    def apply(self, f: str, bank: str, wanted: list[tuple[str, int]], until: int, mode: str) -> tuple[str, list[str]]:
        """Puts the financing in and takes it out again where it is refused."""
        self.clock += 1
        lines: list[dict[str, Any]] = []
        self.financings[f] = {"bank": bank, "state": "APPLIED", "until": until, "age": self.clock, "lines": lines, "repaid": False}
        self.financings[f].update(approved=None, late=False)
        codes, spent = [], []
        for g, share in wanted:
            code = self.line_code(bank, g, share)
            codes.append(code)
            good = code == "ok"
            if good:
                self.grants[g]["used"] += 1
                spent.append(g)
            held = share if good else 0
            lines.append({"d": self.grants[g]["d"], "g": g, "held": held, "was": held, "drawn": 0, "held_once": good, "approved": False})
        bad = [code for code in codes if code != "ok"]
        if len(bad) == len(codes) or (bad and mode == "all"):
            del self.financings[f]
            for g in spent:
                self.grants[g]["used"] -= 1
            return bad[0], codes
        return "ok", codes

    def line_code(self, bank: str, g: str, share: int) -> str:
        """The first of these conditions that fails, in the order of the rules."""
        grant = self.grants[g]
        d = grant["d"]
        it = self.declarations[d]
        holders = [
            self.financings[f]["bank"] for f, line in self.lines_on(d) if self.state(f) in ("APPLIED", "IN_REVIEW") and line["held"] > 0
        ]
        left = self.available(d)
        failing = {
            "grant-unknown": grant["bank"] != bank,
            "consent-revoked": self.consents[grant["consent"]]["revoked"],
            "grant-expired": self.t >= grant["end"],
            "grant-used-up": grant["used"] >= grant["uses"],
            "consent-expired": self.t >= self.consents[grant["consent"]]["end"],
            "void": it["void"],
            "too-old": self.t >= it["until"],
            "too-many-holds": len(holders) >= self.holds_max or bank in holders,
            "overused": self.status(d) == "OVERUSED",
            "exhausted": left == 0,
            "exceeds-available": share > left,
            "not-in-steps": share % 1000 and share != left,
            "exceeds-grant": self.under(g) + share > grant["maximum"],
        }
        return next((code for code, fails in failing.items() if fails), "ok")

    def under(self, g: str) -> int:
        """What a grant's applications hold and have drawn."""
        total = 0
        for f, financing in self.financings.items():
            live = self.state(f) in ("APPLIED", "IN_REVIEW", "APPROVED")
            total += sum(line["drawn"] + (line["held"] if live else 0) for line in financing["lines"] if line["g"] == g)
        return total

    def review(self, f: str, keep: list[int] | None, *, approve: bool) -> str:
        state, financing = self.state(f), self.financings[f]
        if state == "EXPIRED":
            return "hold-expired"
        if state != ("IN_REVIEW" if approve else "APPLIED"):
            return "wrong-state"
        lines = financing["lines"]
        keep = [line["held"] for line in lines] if keep is None else keep
        if sum(keep) == 0:
            return "malformed"
        for line, share in zip(lines, keep, strict=True):
            code = self.kept_code(f, line, share)
            if code != "ok":
                return code
        for line, share in zip(lines, keep, strict=True):
            line["held"] = line["was"] = share
            line["approved"] = approve and share > 0
        financing["state"] = "APPROVED" if approve else "IN_REVIEW"
        financing["approved"] = self.t if approve else None
        return "ok"

    def kept_code(self, f: str, line: dict[str, Any], share: int) -> str:
        if share > line["held"]:
            return "exceeds-hold"
        if share == 0:
            return "ok"
        if (line["held"] - share) % 1000:
            return "not-in-steps"
        it = self.declarations[line["d"]]
        if it["void"]:
            return "void"
        if self.t >= it["until"]:
            return "too-old"
        return "exceeds-available" if share > self.room(line["d"], f) else "ok"

    def disburse(self, f: str, shares: list[int], *, final: bool, authority: bool) -> str:
        financing = self.financings[f]
        state, lines = self.state(f), financing["lines"]
        late = state == "CANCELLED" and financing["approved"] is not None
        if late and not authority:
            return "second-signature-missing"
        if state != "APPROVED" and not late:
            return "wrong-state"
        for line, share in zip(lines, shares, strict=True):
            most = line["was"] if late else line["held"]
            if share > most:
                return "exceeds-hold"
            if share % 1000 and share != most:
                return "not-in-steps"
        if sum(shares) == 0 and (late or not final or not (financing["repaid"] or sum(line["drawn"] for line in lines))):
            return "malformed"
        for line, share in zip(lines, shares, strict=True):
            line["drawn"] += share
            line["held"] = 0 if late or final else line["held"] - share
        financing["late"] = financing["late"] or late
        if sum(line["held"] for line in lines) == 0:
            financing["state"] = "DISBURSED" if sum(line["drawn"] for line in lines) else "PAID_OFF"
        return "ok"

    def repay(self, f: str, shares: list[int], cited: list[tuple[str, int]]) -> str:
        financing = self.financings[f]
        if self.state(f) not in ("APPROVED", "DISBURSED", "REPAYING"):
            return "wrong-state"
        if sum(shares) == 0:
            return "malformed"
        owed: dict[str, int] = {}
        for line, share in zip(financing["lines"], shares, strict=True):
            if share > line["drawn"]:
                return "exceeds-drawn"
            if share % 1000 and share != line["drawn"]:
                return "not-in-steps"
            if share:
                owed[line["d"]] = share
        code = self.cited_code(owed, cited)
        if code != "ok":
            return code
        for c, share in cited:
            self.collections[c]["unused"] -= share
        for line, share in zip(financing["lines"], shares, strict=True):
            line["drawn"] -= share
        financing["repaid"] = True
        if financing["state"] != "APPROVED":
            financing["state"] = "REPAYING" if any(line["drawn"] for line in financing["lines"]) else "PAID_OFF"
        return "ok"

    def cited_code(self, owed: dict[str, int], cited: list[tuple[str, int]]) -> str:
        if not cited:
            return "ok"
        sums: dict[str, int] = {}
        for c, share in cited:
            collection = self.collections[c]
            if collection["d"] not in owed:
                return "malformed"
            if share > collection["unused"]:
                return "exceeds-collected"
            sums[collection["d"]] = sums.get(collection["d"], 0) + share
        return "ok" if sums == owed else "malformed"

    def cancel(self, f: str, *, stale: bool) -> str:
        financing, state = self.financings[f], self.state(f)
        if stale and (state != "APPROVED" or self.t - financing["approved"] < self.stale_after):
            return "wrong-state"
        if state not in ("APPLIED", "IN_REVIEW", "APPROVED") or any(line["drawn"] for line in financing["lines"]):
            return "wrong-state"
        for line in financing["lines"]:
            line["was"], line["held"] = line["held"], 0
        financing["state"] = "CANCELLED"
        return "ok"

    def collect(self, c: str, d: str, bank: str, share: int, wrong: str | None, *, authority: bool) -> str:
        lenders = {self.financings[f]["bank"] for f, line in self.ever_on(d) if line["approved"]}
        if bank not in lenders:
            return "not-permitted"
        if wrong is not None:
            if not authority:
                return "second-signature-missing"
            if wrong not in self.collections or self.collections[wrong]["d"] != d:
                return "unknown-collection"
            if self.collections[wrong]["unused"] + share < 0:
                return "exceeds-collected"
            self.collections[wrong]["unused"] += share
        self.declarations[d]["collected"] += share
        self.collections[c] = {"d": d, "unused": max(share, 0)}
        return "ok"

    def ever_on(self, d: str) -> list[tuple[str, dict[str, Any]]]:
        """Lines that ever held something, those that were let go in a review among them."""
        return [
            (f, line) for f, financing in self.financings.items() for line in financing["lines"] if line["d"] == d and line["held_once"]
        ]

    def amend(self, d: str, capacity: int) -> str:
        if self.declarations[d]["void"]:
            return "void"
        self.declarations[d]["capacity"] = capacity
        return "ok"

    def void(self, d: str) -> str:
        if self.declarations[d]["void"]:
            return "void"
        self.declarations[d]["void"] = True
        return "ok"

    def revoke(self, consent: str) -> str:
        if self.consents[consent]["revoked"]:
            return "consent-revoked"
        self.consents[consent]["revoked"] = True
        for f, financing in self.financings.items():
            if self.state(f) in ("APPLIED", "IN_REVIEW"):
                for line in financing["lines"]:
                    if self.grants[line["g"]]["consent"] == consent:
                        line["held"] = 0
                if all(line["held"] == 0 for line in financing["lines"]):
                    financing["state"] = "CANCELLED"
        return "ok"
