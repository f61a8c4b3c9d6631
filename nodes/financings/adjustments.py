"""What a lender changes of a loan that runs: it gives up what it will not get back, or takes that back; or it puts right what was recorded
wrongly. Each takes two people and a reason, which stays sealed with the amounts.

A correction that frees a share, or brings a line above what was committed or is available, could lend money twice: the authority signs too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from contracts import balances, entries
from ledger.errors import InputError, Refused
from nodes.caller import Caller
from nodes.financings.adjusted_amounts import corrected, taken_back, written_off
from nodes.financings.amounts import LoanLine, Use
from nodes.financings.countersigned import Countersigned
from nodes.financings.movements import Amounts, Movement, loans_of, minor_units
from nodes.financings.parts import REASON, AdjustmentPart, written
from nodes.financings.preparing import may_prepare, own, require_foreseen
from nodes.financings.recipients import for_all
from nodes.financings.views import Financing, FinancingReader
from nodes.money import Money, SignedMoney
from nodes.rehearsal import TWO_PEOPLE, rehearse, time_now_ms
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node

WRITE_OFF: Final = "financing.write-off"
CORRECT: Final = "financing.correct"


class Adjustments:
    """Write-offs and corrections at a lender's node."""

    def __init__(self, node: Node, views: FinancingReader, tasks: Tasks) -> None:
        self._node, self._views, self._tasks = node, views, tasks

    def write_off(
        self, caller: Caller, financing_id: str, amounts: Amounts | None, reason: str, *, back: bool = False, cause: str | None = None
    ) -> Task:
        """Prepares a write-off; None in the place of a line, or of all, is all that is outstanding. What is written off stays used.
        `back`: takes back what was written off before; None is all of that. `cause` names what may have one task only.

        Raises `NotFound` (`unknown-financing`), `NotPermitted`, `InputError` (`bad-field`, `currency-differs`, `amount-too-small`),
        `Refused` with the rules' code (`exceeds-drawn`, `wrong-state`), and as `Tasks.open`.
        """
        may_prepare(self._node, caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = own(self._node, self._views, financing_id)
        loans = loans_of(financing)
        rule = taken_back if back else written_off
        pairs = zip(minor_units(financing, amounts), loans, strict=True)
        uses = [_moved(financing, place, wanted, loan, rule) for place, (wanted, loan) in enumerate(pairs)]
        sign = -1 if back else 1
        shares = [sign * use.share for use in uses]
        moved = [sign * use.amount_minor for use in uses]
        part = self._part(financing, reason, moved)
        _require_something(financing, loans, uses)
        body = {"financing": financing_id, "shares": shares}
        require_foreseen(rehearse(self._node, WRITE_OFF, body, TWO_PEOPLE), financing)
        parts = {REASON: for_all(self._node, part, financing.lines[0].consent)}
        return self._tasks.open(caller, WRITE_OFF, body, parts, cause)

    def correct(
        self, caller: Caller, financing_id: str, amounts: Sequence[SignedMoney | None], reason: str, *, cause: str | None = None
    ) -> Task:
        """Prepares a correction: what is added to what each line has drawn, or, below zero, taken from it; None leaves a line as it is.
        Where the rules ask for the authority's signature, the task goes on to the authority once two people here have signed.
        Raises as `write_off`.
        """
        may_prepare(self._node, caller)
        if (known := self._tasks.by_cause(cause)) is not None:
            return known
        financing = own(self._node, self._views, financing_id)
        loans = loans_of(financing)
        deltas = [amount or 0 for amount in minor_units(financing, list(amounts))]
        uses = self._corrected(financing, loans, deltas)
        part = self._part(financing, reason, deltas)
        _require_something(financing, loans, uses)
        body = {"financing": financing_id, "shares": [use.share for use in uses]}
        parts = {REASON: for_all(self._node, part, financing.lines[0].consent)}
        return Countersigned(self._node, self._tasks).open(caller, CORRECT, body, parts, financing, cause)

    def _corrected(self, financing: Financing, loans: Sequence[LoanLine], deltas: Sequence[int]) -> list[Use]:
        """Lines on one declaration draw on what is left there one after the other."""
        left: dict[str, int] = {}
        uses = []
        with self._node.store.reading() as reader:
            time_ms = time_now_ms(self._node, reader)
            for place, (line, loan, delta) in enumerate(zip(financing.lines, loans, deltas, strict=True)):
                declaration = entries.declaration(reader.state, line.declaration_id)
                available = 0 if declaration is None else balances.available(declaration, time_ms)
                here = left.setdefault(line.declaration_id, available)

                def rule(amount_minor: int | None, loan: LoanLine, here: int = here) -> Use:
                    return corrected(amount_minor, loan, here)

                uses.append(_moved(financing, place, delta, loan, rule))
                left[line.declaration_id] = max(0, here - max(0, uses[-1].share))
        return uses

    def _part(self, financing: Financing, reason: str, amounts: Sequence[int]) -> AdjustmentPart:
        if not reason.strip():
            raise InputError("bad-field", "reason: say why")
        return written(AdjustmentPart, text=reason, currency=financing.currency, lines=list(amounts))


def _moved(financing: Financing, place: int, wanted: int | None, loan: LoanLine, rule: Movement) -> Use:
    """A movement on one line; a refusal says in money what there is."""
    try:
        return rule(wanted, loan)
    except Refused as error:
        outstanding, lost = (Money(financing.currency, amount) for amount in (loan.outstanding_minor, loan.lost_minor))
        message = f"{financing.lines[place].number} has {outstanding} outstanding and {lost} written off"
        raise Refused(error.code, message) from error


def _require_something(financing: Financing, loans: Sequence[LoanLine], uses: Sequence[Use]) -> None:
    """Raises `InputError` (`amount-too-small`) where no share would move."""
    if any(use.share for use in uses):
        return
    step = Money(financing.currency, min(-(-loan.registered_minor // 1000) for loan in loans))
    hint = f"{step} is the least, or all that there is"
    raise InputError("amount-too-small", "less than a thousandth of the declaration moves no share", hint=hint)
