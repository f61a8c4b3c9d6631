"""`financing.repay`: a loan is paid back, from money collected abroad or from the borrower's own funds.

From own funds the share is free again, within what is uncollected. From collections the cited collections' unused parts fall by as
much, and what is collected does not rise a second time: it rose when the collection was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts import entries, shares
from contracts.financings.common import by_lender, declaration_of, fits_lines, found, outcome, put_settled
from contracts.financings.models import FinancingRepay, UsedCollection
from contracts.guards import author_of, known, require, rule, two_people
from ledger.rules import Context, Result, State

_REPAYABLE = ("APPROVED", "DISBURSED", "REPAYING", "WRITTEN_OFF")


@rule
def repay(state: State, context: Context, body: FinancingRepay) -> Result:
    """DISBURSED becomes REPAYING, and PAID_OFF with the last share; what is repaid between tranches leaves it APPROVED."""
    entry = found(state, body.financing)
    author = author_of(state, context)
    by_lender(state, entry, author)
    two_people(author)
    collections = body.source == "collections"
    require(entry["state"] in _REPAYABLE and (collections or entry["state"] != "WRITTEN_OFF"), "wrong-state")

    fits_lines(entry, body.shares)
    require(any(body.shares), "malformed")
    for line, share in zip(entry["lines"], body.shares, strict=True):
        owed = line["drawn"] + (line["lost"] if collections else 0)
        require(share <= owed, "exceeds-drawn")
        require(shares.in_steps(share, owed) or share == line["drawn"], "not-in-steps")
    if collections:
        _use_up(state, entry, body.shares, body.collections)
    for line, share in zip(entry["lines"], body.shares, strict=True):
        if share > 0:
            _lower(state, context, body.financing, entry, line, share)
    entry["repaid"] = True
    entry["state"] = _state_after(entry)
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)


def _use_up(state: State, entry: entries.Financing, repaid: Sequence[int], cited: Sequence[UsedCollection]) -> None:
    """Takes from each cited collection; what is taken on a declaration is exactly what is repaid on it."""
    to_cover: dict[str, int] = {}
    for line, share in zip(entry["lines"], repaid, strict=True):
        if share > 0:
            to_cover[line["declaration"]] = to_cover.get(line["declaration"], 0) + share
    for use in cited:
        collection = known(entries.collection(state, use.collection), "unknown-collection")
        require(collection["declaration"] in to_cover, "malformed")
        require(use.share <= collection["unused"], "exceeds-collected")
        collection["unused"] -= use.share
        to_cover[collection["declaration"]] -= use.share
        entries.put_collection(state, use.collection, collection)
    require(all(left == 0 for left in to_cover.values()), "malformed")


def _lower(state: State, context: Context, financing_id: str, entry: entries.Financing, line: entries.Line, share: int) -> None:
    declaration = declaration_of(state, line)
    from_drawn = min(share, line["drawn"])
    line["drawn"] -= from_drawn
    declaration["drawn"] -= from_drawn
    line["lost"] -= share - from_drawn
    declaration["lost"] -= share - from_drawn
    put_settled(state, financing_id, entry, line, declaration, context.time_ms)


def _state_after(entry: entries.Financing) -> str:
    if entry["state"] == "APPROVED":
        return "APPROVED"
    if any(line["drawn"] for line in entry["lines"]):
        return "REPAYING"
    return "WRITTEN_OFF" if any(line["lost"] for line in entry["lines"]) else "PAID_OFF"
