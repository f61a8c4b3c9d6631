"""The business of a bank in the simulation: loans, step by step, through the node's real outbox, by people who never give up.

Each step has one cause, whatever happens to the node and to the wires on the way; `Ended` is what the desk was told of it in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from ledger.errors import TallystickError
from nodes.outbox import DONE, Outbox, Sent
from tests.ledger.small_ledger import DAY_MS, Author, private_key
from tests.sealed_parts import demanded_shapes
from tests.traces import WHOLE

STEPS: Final = ("financing.apply", "financing.intake", "financing.approve", "financing.disburse", "financing.repay")
_TWO: Final = ("financing.approve", "financing.disburse", "financing.repay")


@dataclass(frozen=True)
class Ended:
    """A step that the ledger decided, as the bank was told."""

    reference: str
    type: str
    record_id: str
    code: str
    height: int


@dataclass
class Loan:
    """`shares` of the declarations of `openings`. `place` is the step that comes next."""

    name: str
    openings: list[dict[str, Any]]
    shares: list[int]
    is_repaid: bool
    place: int = 0
    financing: str = ""

    @property
    def is_over(self) -> bool:
        return self.place >= len(STEPS) or (STEPS[self.place] == "financing.repay" and not self.is_repaid)

    def body(self, kind: str, now_ms: int) -> dict[str, Any]:
        match kind:
            case "financing.apply":
                lines = [{"grant": opening, "share": share} for opening, share in zip(self.openings, self.shares, strict=True)]
                return {"lines": lines, "hold_until": now_ms + 3 * DAY_MS, "mode": "all"}
            case "financing.disburse":
                return {"financing": self.financing, "shares": self.shares, "final": True}
            case "financing.repay":
                return {"financing": self.financing, "shares": self.shares, "source": "own-funds", "collections": []}
            case _:
                return {"financing": self.financing, "shares": None}


@dataclass
class Desk:
    """One bank's people."""

    bank: str
    network: str
    random: Random
    loans: list[Loan]
    ended: list[Ended] = field(default_factory=list)
    _author: Author | None = None

    def work(self, outbox: Outbox, seen: dict[str, Any], now_ms: int) -> None:
        """Takes what is waiting one step further, as far as that is known to be possible. `seen` is what the node's replica holds."""
        author = self._author = self._author or Author(self.network, seen)
        author.seen, author.now_ms = seen, now_ms
        if self.random.randrange(2):
            outbox.resume()
        for loan in self.loans:
            if not loan.is_over:
                self._further(loan, outbox, author)

    @property
    def is_done(self) -> bool:
        return all(loan.is_over for loan in self.loans)

    def _further(self, loan: Loan, outbox: Outbox, author: Author) -> None:
        kind = STEPS[loan.place]
        reference = f"{loan.name} {kind}"
        entry = outbox.by_reference(reference)
        if entry is None:
            try:
                outbox.send(self._record(loan, kind, author), kind, reference)
            except TallystickError:
                # Whether it arrived, or was never seen, shows in the outbox the next time.
                return
            entry = outbox.by_reference(reference)
        if entry is not None and entry.state == DONE and entry.result is not None and entry.height is not None:
            self._told(loan, kind, reference, entry, entry.result, entry.height)

    def _told(self, loan: Loan, kind: str, reference: str, entry: Sent, result: Mapping[str, Any], height: int) -> None:
        self.ended.append(Ended(reference, kind, entry.record_id, result["code"], height))
        if kind == "financing.apply":
            loan.financing = entry.record_id
        loan.place = loan.place + 1 if result["code"] == "ok" else len(STEPS)

    def _record(self, loan: Loan, kind: str, author: Author) -> bytes:
        people = ("make", "check") if kind in _TWO else ("service",)
        # Some are sent so late that they may lapse on their way.
        not_after = author.now_ms + self.random.choice((300, 2_000, 4_000, DAY_MS, DAY_MS))
        signers = [private_key(f"{self.bank} {each}") for each in people]
        return author.record(kind, loan.body(kind, author.now_ms), signers, sealed=demanded_shapes(kind), not_after=not_after)


def loans_of(bank: str, openings: list[dict[str, Any]], random: Random, count: int) -> list[Loan]:
    """Loans on what a bank was granted, some of them larger than what can be had."""
    made = []
    for number in range(count):
        chosen = random.sample(openings, min(len(openings), random.choice((1, 1, 2))))
        shares = [random.choice((100_000, 250_000, 400_000, WHOLE)) for _ in chosen]
        made.append(Loan(f"{bank} loan {number}", chosen, shares, is_repaid=bool(random.randrange(2))))
    return made
