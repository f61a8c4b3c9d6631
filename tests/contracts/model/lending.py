"""Money that moved: disbursements, repayments, collections, write-offs and corrections."""

from __future__ import annotations

from tests.contracts.model.applying import Applying
from tests.contracts.model.base import LENT, Base, Entry, Signed, in_steps, no, sums, telling


class Lending(Applying, Base):
    """What lenders say that has happened: none of it is refused for lack of room."""

    @telling
    def disburse(self, signed: Signed, f: str, shares: list[int], *, final: bool) -> None:
        financing = self.lender(signed, f)
        self.two_people(signed)
        state, lines = self.state(f), financing["lines"]
        late = state == "CANCELLED" and financing["approved"] is not None
        no("second-signature-missing", late and not signed.authority)
        no("wrong-state", state != "APPROVED" and not late)
        no("malformed", len(shares) != len(lines))
        for line, share in zip(lines, shares, strict=True):
            most = line["was"] if late else line["held"]
            no("exceeds-hold", share > most)
            no("not-in-steps", not in_steps(share, most))
        idle = late or not final or not (financing["repaid"] or sums(financing, "drawn"))
        no("malformed", sum(shares) == 0 and idle)
        for line, share in zip(lines, shares, strict=True):
            line["drawn"] += share
            line["held"] = 0 if late or final else line["held"] - share
        if late:
            financing["flags"].add("LATE")
        if sums(financing, "held") == 0:
            financing["state"] = "DISBURSED" if sums(financing, "drawn") else "PAID_OFF"

    @telling
    def repay(self, signed: Signed, f: str, shares: list[int], cited: list[tuple[str, int]]) -> None:
        financing = self.lender(signed, f)
        self.two_people(signed)
        no("wrong-state", self.state(f) not in ("APPROVED", *LENT, "WRITTEN_OFF"))
        no("wrong-state", self.state(f) == "WRITTEN_OFF" and not cited)
        no("malformed", len(shares) != len(financing["lines"]) or sum(shares) == 0)
        owed: dict[str, int] = {}
        for line, share in zip(financing["lines"], shares, strict=True):
            most = line["drawn"] + (line["lost"] if cited else 0)
            no("exceeds-drawn", share > most)
            no("not-in-steps", not in_steps(share, most) and share != line["drawn"])
            if share:
                owed[line["d"]] = owed.get(line["d"], 0) + share
        self.check_cited(owed, cited)
        for c, share in cited:
            self.collections[c]["unused"] -= share
        for line, share in zip(financing["lines"], shares, strict=True):
            from_drawn = min(share, line["drawn"])
            line["drawn"] -= from_drawn
            line["lost"] -= share - from_drawn
        financing["repaid"] = True
        if financing["state"] != "APPROVED":
            financing["state"] = by_shares(financing)

    def check_cited(self, owed: dict[str, int], cited: list[tuple[str, int]]) -> None:
        sums_cited: dict[str, int] = {}
        for c, share in cited:
            no("unknown-collection", c not in self.collections)
            collection = self.collections[c]
            no("malformed", collection["d"] not in owed)
            no("exceeds-collected", share > collection["unused"])
            sums_cited[collection["d"]] = sums_cited.get(collection["d"], 0) + share
        no("malformed", cited and sums_cited != owed)

    @telling
    def collect(self, signed: Signed, c: str, d: str, share: int, wrong: str | None) -> None:
        no("unknown-declaration", d not in self.declarations)
        no("replaced", self.declarations[d]["replaced"])
        no("not-permitted", signed.by not in self.lenders(d) | {self.authority})
        self.two_people(signed)
        if wrong is not None:
            no("second-signature-missing", not signed.authority and signed.by != self.authority)
            no("unknown-collection", wrong not in self.collections or self.collections[wrong]["d"] != d)
            no("exceeds-collected", self.collections[wrong]["unused"] + share < 0)
            no("not-in-steps", not in_steps(-share, self.collections[wrong]["unused"]))
            self.collections[wrong]["unused"] += share
        self.collections[c] = {"d": d, "share": share, "unused": max(share, 0)}

    @telling
    def write_off(self, signed: Signed, f: str, shares: list[int]) -> None:
        financing = self.lender(signed, f)
        self.two_people(signed)
        no("wrong-state", self.state(f) not in (*LENT, "WRITTEN_OFF"))
        no("malformed", len(shares) != len(financing["lines"]) or not any(shares))
        for line, share in zip(financing["lines"], shares, strict=True):
            most = line["drawn"] if share > 0 else line["lost"]
            no("exceeds-drawn", abs(share) > most)
            no("not-in-steps", not in_steps(abs(share), most))
        for line, share in zip(financing["lines"], shares, strict=True):
            line["drawn"] -= share
            line["lost"] += share
        stays = financing["state"] in LENT and sums(financing, "drawn")
        financing["state"] = financing["state"] if stays else by_shares(financing)

    @telling
    def correct(self, signed: Signed, f: str, deltas: list[int]) -> None:
        financing = self.lender(signed, f)
        self.two_people(signed)
        no("second-signature-missing", (self.lowers(deltas) or self.stopped(signed, f)) and not signed.authority)
        no("wrong-state", self.state(f) not in (*LENT, "WRITTEN_OFF", "PAID_OFF"))
        lines = financing["lines"]
        no("malformed", len(deltas) != len(lines) or not any(deltas))
        more: dict[str, int] = {}
        for line, delta in zip(lines, deltas, strict=True):
            no("malformed", delta and line["code"] != "ok")
            no("exceeds-drawn", line["drawn"] + delta < 0)
            no("not-in-steps", delta and not in_steps(abs(delta), line["drawn"] if delta < 0 else self.available(line["d"])))
            if delta > 0:
                more[line["d"]] = more.get(line["d"], 0) + delta
        alone = not self.too_much(more) and not self.never_committed(lines, deltas)
        no("second-signature-missing", not alone and not signed.authority)
        for line, delta in zip(lines, deltas, strict=True):
            line["drawn"] += delta
            line["was"] = max(line["was"], line["drawn"] + line["lost"])
            # The authority may sign for a line that the approval let go: then its bank has lent on it all the same.
            line["approved"] = line["approved"] or delta > 0
        financing["flags"].add("CORRECTED")
        if not sums(financing, "drawn"):
            financing["state"] = by_shares(financing)
        elif financing["state"] not in LENT:
            financing["state"] = "REPAYING"
        if financing["state"] == "CANCELLED":
            for line in lines:
                line["was"] = 0

    def stopped(self, signed: Signed, f: str) -> bool:
        """Whether the lender may start nothing, an order stands against the financing, or what was lent has gone to another lender."""
        active = self.members[signed.by]["status"] == "active" and self.financings[f]["heir"] is None
        return not active or self.frozen("member", signed.by) or self.frozen("financing", f)

    def lowers(self, deltas: list[int]) -> bool:
        """By the sign, whatever comes of it."""
        return any(delta < 0 for delta in deltas)

    def never_committed(self, lines: list[Entry], deltas: list[int]) -> bool:
        """Whether a line would owe more than was ever approved, loaded or taken over on it, or signed for by the authority."""
        return any(delta > 0 and line["drawn"] + line["lost"] + delta > line["was"] for line, delta in zip(lines, deltas, strict=True))

    def too_much(self, more: dict[str, int]) -> bool:
        return any(share > self.available(d) for d, share in more.items())


def by_shares(financing: Entry) -> str:
    """The state of what was lent, by what is drawn and lost of it."""
    if sums(financing, "drawn"):
        return "REPAYING" if financing["repaid"] else "DISBURSED"
    if sums(financing, "lost"):
        return "WRITTEN_OFF"
    return "PAID_OFF" if financing["repaid"] else "CANCELLED"
