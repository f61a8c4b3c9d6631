"""`financing.correct`: what was recorded as drawn was wrong.

A correction that frees a share, or that uses more than is available, could lend money twice, so the authority signs it too: by its
sign, whatever it comes out at. Upwards, a lender alone may record what was drawn within what was committed for the line. More than
that is a loan that no grant, no application and no approval stood before, so the authority signs it, and anything upwards where the
lender may start nothing, an order freezes the financing, or another bank has taken over what was committed. A line that was never
allocated cannot be corrected into a loan.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts import balances, entries, shares
from contracts.financings.common import add_flag, by_lender, declaration_of, fits_lines, follow, found, outcome, put_settled
from contracts.financings.models import FinancingCorrect
from contracts.guards import author_of, require, rule, two_people
from ledger.rules import Context, Result, State

_STATES = ("DISBURSED", "REPAYING", "WRITTEN_OFF", "PAID_OFF")


@rule
def correct(state: State, context: Context, body: FinancingCorrect) -> Result:
    """Adds a delta to what is drawn on each line; the state follows from what is then drawn and lost."""
    entry = found(state, body.financing)
    author = author_of(state, context, authority_may_join=True)
    by_lender(state, entry, author)
    two_people(author)
    stopped = author.status != "active" or author.frozen or entry["frozen"] or entry["heir"] is not None
    alone = not stopped and all(delta >= 0 for delta in body.shares)
    require(author.authority_joined or alone, "second-signature-missing")
    require(entry["state"] in _STATES, "wrong-state")

    fits_lines(entry, body.shares)
    require(any(body.shares), "malformed")
    beyond = _check_lines(state, context, entry, body)
    require(author.authority_joined or not beyond, "second-signature-missing")
    for line, delta in _changed(entry, body):
        _add(state, context, body.financing, entry, line, delta)
    add_flag(entry, "CORRECTED")
    entry["state"] = _state_after(entry)
    if entry["state"] == "CANCELLED":
        # Nothing was let go, so nothing can be drawn late: the loan never was.
        for line in entry["lines"]:
            line["was"] = 0
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)


def _changed(entry: entries.Financing, body: FinancingCorrect) -> Iterator[tuple[entries.Line, int]]:
    return ((line, delta) for line, delta in zip(entry["lines"], body.shares, strict=True) if delta)


def _check_lines(state: State, context: Context, entry: entries.Financing, body: FinancingCorrect) -> bool:
    """Each delta fits its line, in steps of what it is taken from. Whether one brings its line above what was ever committed for it, or
    those added on one declaration exceed what it has left.
    """
    added: dict[str, int] = {}
    beyond = False
    for line, delta in _changed(entry, body):
        require(line["code"] == "ok", "malformed")
        follow(state, entry, line)
        require(-delta <= line["drawn"], "exceeds-drawn")
        left = balances.available(declaration_of(state, line), context.time_ms)
        require(shares.in_steps(abs(delta), left if delta > 0 else line["drawn"]), "not-in-steps")
        if delta > 0:
            added[line["declaration"]] = added.get(line["declaration"], 0) + delta
            over = line["drawn"] + line["lost"] + delta > line["was"] or added[line["declaration"]] > left
            beyond = beyond or over
    return beyond


def _add(state: State, context: Context, financing_id: str, entry: entries.Financing, line: entries.Line, delta: int) -> None:
    declaration = declaration_of(state, line)
    line["drawn"] += delta
    line["was"] = max(line["was"], line["drawn"] + line["lost"])
    declaration["drawn"] += delta
    put_settled(state, financing_id, entry, line, declaration, context.time_ms)


def _state_after(entry: entries.Financing) -> str:
    if any(line["drawn"] for line in entry["lines"]):
        return entry["state"] if entry["state"] in ("DISBURSED", "REPAYING") else "REPAYING"
    if any(line["lost"] for line in entry["lines"]):
        return "WRITTEN_OFF"
    return "PAID_OFF" if entry["repaid"] else "CANCELLED"
