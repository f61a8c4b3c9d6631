"""`financing.write-off`: a lender gives up what it will not get back, or takes that back again.

What is written off stays used: the money left, whoever bears the loss. So nothing becomes available by it.
"""

from __future__ import annotations

from contracts import entries, shares
from contracts.financings.common import by_lender, declaration_of, fits_lines, found, outcome, put_settled
from contracts.financings.models import FinancingWriteOff
from contracts.guards import author_of, require, rule, two_people
from ledger.rules import Context, Result, State

_STATES = ("DISBURSED", "REPAYING", "WRITTEN_OFF")


@rule
def write_off(state: State, context: Context, body: FinancingWriteOff) -> Result:
    """Moves shares from drawn to lost, negative ones back. With nothing drawn any more the financing is WRITTEN_OFF."""
    entry = found(state, body.financing)
    author = author_of(state, context)
    by_lender(state, entry, author)
    two_people(author)
    require(entry["state"] in _STATES, "wrong-state")

    fits_lines(entry, body.shares)
    require(any(body.shares), "malformed")
    for line, share in zip(entry["lines"], body.shares, strict=True):
        taken_from = line["drawn"] if share > 0 else line["lost"]
        require(abs(share) <= taken_from, "exceeds-drawn")
        require(shares.in_steps(abs(share), taken_from), "not-in-steps")
    for line, share in zip(entry["lines"], body.shares, strict=True):
        if share:
            _move(state, context, body.financing, entry, line, share)
    entry["state"] = _state_after(entry)
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)


def _move(state: State, context: Context, financing_id: str, entry: entries.Financing, line: entries.Line, share: int) -> None:
    declaration = declaration_of(state, line)
    line["drawn"] -= share
    line["lost"] += share
    declaration["drawn"] -= share
    declaration["lost"] += share
    put_settled(state, financing_id, entry, line, declaration, context.time_ms)


def _state_after(entry: entries.Financing) -> str:
    if not any(line["drawn"] for line in entry["lines"]):
        return "WRITTEN_OFF"
    if entry["state"] == "WRITTEN_OFF":
        return "REPAYING" if entry["repaid"] else "DISBURSED"
    return entry["state"]
