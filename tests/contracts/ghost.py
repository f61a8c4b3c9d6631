"""A ledger of real money beside the shares: what banks agreed to lend, lent and lost, line by line, in minor units.

It knows the sealed amounts, which no handler does, and holds the promise that shares are for: what was lent and not repaid on a
declaration never exceeds what was financeable when each loan was approved.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tests.contracts.model import BILLION, MILLION, Model

Line = tuple[str, int]
STEP = 1_000


class Ghost:
    """`registered` is the amount of each declaration; money is exact, so that only the rules' own rounding shows."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.registered: dict[str, int] = {}
        self.agreed: dict[Line, Fraction] = {}
        self.lent: dict[Line, Fraction] = {}
        self.lost: dict[Line, Fraction] = {}

    def share_of(self, amount: int, d: str) -> int:
        """What a use of an amount takes: whole steps, rounded up."""
        return -(-amount * MILLION // (self.registered[d] * STEP)) * STEP

    def freed_by(self, amount: Fraction, d: str) -> int:
        """What an amount that is repaid frees: whole steps, rounded down."""
        return int(amount * MILLION // (self.registered[d] * STEP)) * STEP

    def ratio(self, old: str, new: str) -> int:
        """By what the shares of a replaced declaration are scaled."""
        return -(-self.registered[old] * BILLION // self.registered[new])

    def money(self, share: int, d: str) -> Fraction:
        return Fraction(share * self.registered[d], MILLION)

    def applied(self, f: str, amounts: Sequence[int | None]) -> None:
        """What the loan is to be: the amounts that were asked for, or all that the held share covers."""
        for i, (line, amount) in enumerate(zip(self.model.financings[f]["lines"], amounts, strict=True)):
            covered = self.money(line["held"], line["d"]) if line["held"] else Fraction(0)
            self.agreed[f, i] = covered if amount is None or not line["held"] else Fraction(amount)
            self.lent[f, i] = self.lost[f, i] = Fraction(0)

    def reviewed(self, f: str, before: list[int]) -> None:
        """A line that is kept in part is lent in part: no more than what is kept covers."""
        for i, (line, held) in enumerate(zip(self.model.financings[f]["lines"], before, strict=True)):
            if line["held"] < held:
                self.agreed[f, i] = min(self.agreed[f, i], self.money(line["held"], line["d"]))

    def disbursed(self, f: str, shares: list[int], before: list[int]) -> None:
        """All that was agreed where all is drawn, otherwise what the part covers."""
        for i, (line, share, whole) in enumerate(zip(self.model.financings[f]["lines"], shares, before, strict=True)):
            if share:
                part = self.agreed[f, i] if share == whole else min(self.agreed[f, i], self.money(share, line["d"]))
                self.lent[f, i] += part
                self.agreed[f, i] -= part

    def loaded(self, f: str) -> None:
        for i, line in enumerate(self.model.financings[f]["lines"]):
            self.lent[f, i] = self.money(line["drawn"], line["d"])
            self.agreed[f, i] = self.lost[f, i] = Fraction(0)

    def repaid(self, f: str, before: list[tuple[int, int]], paid: list[Fraction] | None) -> None:
        """`before` is what was drawn and lost; `paid` the amounts, or None: then the least that frees such a share."""
        for i, (line, (drawn, lost)) in enumerate(zip(self.model.financings[f]["lines"], before, strict=True)):
            if drawn != line["drawn"]:
                least = self.money(drawn - line["drawn"], line["d"]) if paid is None else paid[i]
                self.lent[f, i] = max(Fraction(0), self.lent[f, i] - least) if line["drawn"] else Fraction(0)
            if lost != line["lost"]:
                least = self.money(lost - line["lost"], line["d"])
                self.lost[f, i] = max(Fraction(0), self.lost[f, i] - least) if line["lost"] else Fraction(0)

    def written_off(self, f: str, shares: list[int], before: list[tuple[int, int]]) -> None:
        for i, (share, (drawn, lost)) in enumerate(zip(shares, before, strict=True)):
            if share:
                part = self.lent[f, i] * share / drawn if share > 0 else self.lost[f, i] * share / lost
                self.lent[f, i] -= part
                self.lost[f, i] += part

    def corrected(self, f: str, deltas: list[int], before: list[tuple[int, int]]) -> None:
        for i, (line, delta, (drawn, _)) in enumerate(zip(self.model.financings[f]["lines"], deltas, before, strict=True)):
            if delta > 0:
                self.lent[f, i] += self.money(delta, line["d"])
            elif delta < 0:
                self.lent[f, i] += self.lent[f, i] * delta / drawn

    def taken_over(self, new: str, f: str, drawn: list[int]) -> None:
        moved = [i for i, share in enumerate(drawn) if share]
        for j, i in enumerate(moved):
            self.lent[new, j], self.lent[f, i] = self.lent[f, i], Fraction(0)
            self.agreed[new, j] = self.lost[new, j] = Fraction(0)

    def check_lines(self) -> None:
        """No share says less than the money behind it: here rounding that lends a cent too much would show."""
        for f, financing in self.model.financings.items():
            for i, line in enumerate(financing["lines"]):
                if line["code"] == "ok":
                    assert self.lent[f, i] <= self.money(line["drawn"], line["d"]), (f, i)
                    assert self.lost[f, i] <= self.money(line["lost"], line["d"]), (f, i)

    def check_approved(self, f: str) -> None:
        """What is lent, lost and promised on each declaration of an approval just given is financeable in money."""
        for d in {line["d"] for line in self.model.financings[f]["lines"] if line["held"]}:
            owed = Fraction(0)
            for other, i, line in self.model.lines_on(d):
                # A line whose hold fell with its consent, before the approval, promises nothing.
                promised = self.agreed[other, i] if self.model.state(other) == "APPROVED" and line["held"] else 0
                owed += self.lent[other, i] + self.lost[other, i] + promised
            it = self.model.declarations[d]
            financeable = self.money(it["capacity"] - self.model.collected(d), d) * it["ppm"] / MILLION
            assert owed <= financeable, (d, owed, financeable)
