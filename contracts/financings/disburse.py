"""`financing.disburse`: the money has left, so what was once approved is always recorded.

Not a suspension, a freeze, a void or an over-use stops it: it is flagged instead. After a cancellation it needs the authority's
signature too, and is flagged LATE. Less than what was committed may be drawn: the rest stays for further tranches, until `final`.
"""

from __future__ import annotations

from contracts import balances, entries, shares
from contracts.financings.common import (
    add_flag,
    add_standing,
    by_lender,
    declaration_of,
    fits_lines,
    follow,
    found,
    outcome,
    put_settled,
)
from contracts.financings.models import FinancingDisburse
from contracts.guards import author_of, require, rule, two_people
from ledger.rules import Context, Result, State


@rule
def disburse(state: State, context: Context, body: FinancingDisburse) -> Result:
    """APPROVED becomes DISBURSED, or stays APPROVED while a part of it is still to be drawn; late: CANCELLED becomes DISBURSED."""
    entry = found(state, body.financing)
    author = author_of(state, context, authority_may_join=True)
    by_lender(state, entry, author)
    two_people(author)
    late = entry["state"] == "CANCELLED" and entry["was_approved"]
    require(not late or author.authority_joined, "second-signature-missing")
    require(late or entry["state"] == "APPROVED", "wrong-state")

    _check_shares(state, entry, body, late=late)
    if late:
        add_flag(entry, "LATE")
    if author.status != "active":
        add_flag(entry, author.status.upper())
    if entry["frozen"] or author.frozen:
        add_flag(entry, "FROZEN")
    for index, share in enumerate(body.shares):
        if entry["lines"][index]["was"] > 0:
            _draw(state, context, body, entry, index, share)
    entry["state"] = _state_after(entry)
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)


def _check_shares(state: State, entry: entries.Financing, body: FinancingDisburse, *, late: bool) -> None:
    fits_lines(entry, body.shares)
    for line, share in zip(entry["lines"], body.shares, strict=True):
        if late and share > 0 and line["was"] > 0:
            follow(state, entry, line)
        limit = line["was"] if late else line["held"]
        require(share <= limit, "exceeds-hold")
        require(shares.in_steps(share, limit), "not-in-steps")
    ends_a_drawn_one = body.final and not late and (entry["repaid"] or any(line["drawn"] for line in entry["lines"]))
    require(any(body.shares) or ends_a_drawn_one, "malformed")


def _draw(
    state: State,
    context: Context,
    body: FinancingDisburse,
    entry: entries.Financing,
    index: int,
    share: int,
) -> None:
    """Moves a share from committed to drawn. What a cancelled line draws was let go before, so nothing is committed for it."""
    line = entry["lines"][index]
    held_after = 0 if body.final or line["held"] == 0 else line["held"] - share
    if share == 0 and held_after == line["held"]:
        return
    declaration = declaration_of(state, line)
    line["drawn"] += share
    declaration["drawn"] += share
    line["held"] = held_after
    if held_after == 0:
        balances.drop_committed(declaration, body.financing, index)
    for item in declaration["committed"]:
        if (item["financing"], item["line"]) == (body.financing, index):
            item["share"] = held_after
    put_settled(state, body.financing, entry, line, declaration, context.time_ms)
    if share > 0:
        add_standing(entry, declaration, context.time_ms)


def _state_after(entry: entries.Financing) -> str:
    if any(line["held"] for line in entry["lines"]):
        return "APPROVED"
    if any(line["drawn"] or line["lost"] for line in entry["lines"]):
        return "DISBURSED"
    return "PAID_OFF"
