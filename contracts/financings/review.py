"""`financing.intake` and `financing.approve`: the lender takes an application in, and approves it just before money moves.

Both check everything again, line by line: nothing frozen, void or too old, no consent revoked (its end and the grant's uses do not
matter any more: this application spent its use), and room for what is kept, where younger holds do not count. A line may be kept in
part or let go; the rest is free at once. After the approval the shares stay committed until they are disbursed or cancelled.
"""

from __future__ import annotations

from contracts import balances, consents, entries, shares
from contracts.financings.common import by_lender, declaration_of, fits_lines, found, outcome, put_settled
from contracts.financings.models import FinancingReview
from contracts.guards import author_of, may_start, refuse, require, rule, two_people
from ledger.rules import Context, Result, State


@rule
def intake(state: State, context: Context, body: FinancingReview) -> Result:
    """APPLIED becomes IN_REVIEW."""
    return _review(state, context, body, begins="APPLIED", approves=False)


@rule
def approve(state: State, context: Context, body: FinancingReview) -> Result:
    """IN_REVIEW becomes APPROVED, by two people."""
    return _review(state, context, body, begins="IN_REVIEW", approves=True)


def _review(state: State, context: Context, body: FinancingReview, *, begins: str, approves: bool) -> Result:
    entry = found(state, body.financing)
    author = author_of(state, context)
    by_lender(state, entry, author)
    may_start(author)
    if approves:
        two_people(author)
    now = balances.financing_state(entry, context.time_ms)
    require(now != "EXPIRED", "hold-expired")
    require(now == begins, "wrong-state")
    require(not entry["frozen"], "frozen")

    kept = [line["held"] for line in entry["lines"]] if body.shares is None else body.shares
    fits_lines(entry, kept)
    require(any(kept), "malformed")
    held_before = {line["consent"] for line in entry["lines"] if line["held"] > 0}
    for index, share in enumerate(kept):
        _check_line(state, context, entry, index, share)
        if entry["lines"][index]["held"] > 0:
            _keep(state, context, body.financing, entry, index, share, approves=approves)
        else:
            entry["lines"][index]["was"] = 0
    if approves:
        entry["state"], entry["hold_until"] = "APPROVED", None
        entry["approved_at"], entry["was_approved"] = context.time_ms, True
    else:
        entry["state"] = "IN_REVIEW"
    still_open = set() if approves else {line["consent"] for line in entry["lines"] if line["held"] > 0}
    consents.forget_open(state, sorted(held_before - still_open), body.financing)
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)


def _check_line(state: State, context: Context, entry: entries.Financing, index: int, share: int) -> None:
    line = entry["lines"][index]
    require(share <= line["held"], "exceeds-hold")
    if share == 0:
        return
    require(shares.in_steps(line["held"] - share, line["held"]), "not-in-steps")
    declaration = declaration_of(state, line)
    require(not declaration["frozen"], "frozen")
    require(declaration["replaced_by"] is None, "replaced")
    require(declaration["void"] is None, "void")
    require(context.time_ms < declaration["until"], "too-old")
    consent = entries.consent(state, line["consent"])
    require(consent is not None and not consent["revoked"], "consent-revoked")
    left = balances.room(declaration, entry["at"], index, context.time_ms)
    if share > left:
        refuse("exceeds-available", left=left)


def _keep(
    state: State,
    context: Context,
    financing_id: str,
    entry: entries.Financing,
    index: int,
    share: int,
    *,
    approves: bool,
) -> None:
    line = entry["lines"][index]
    declaration = declaration_of(state, line)
    line["held"] = line["was"] = share
    if approves or share == 0:
        balances.drop_hold(declaration, financing_id, index)
    for hold in declaration["holds"]:
        if (hold["financing"], hold["line"]) == (financing_id, index):
            hold["share"] = share
    if approves and share > 0:
        item: entries.Committed = {"financing": financing_id, "line": index, "bank": entry["bank"], "share": share, "at": entry["at"]}
        declaration["committed"].append(item)
        declaration["lenders"] = sorted({*declaration["lenders"], entry["bank"]})
    put_settled(state, financing_id, entry, line, declaration, context.time_ms)
