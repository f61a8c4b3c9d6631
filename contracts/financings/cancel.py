"""`financing.cancel`: the lender lets a financing go, or the authority does where an approval has gone stale.

Once approved it takes two people of the lender, who state that no money left; with a part drawn it cannot be cancelled. What was
committed is kept in the entry, because a disbursement that happened all the same is recorded late.
"""

from __future__ import annotations

from contracts import balances, consents, entries, policy
from contracts.financings.common import declaration_of, found, is_lender, outcome, put_settled
from contracts.financings.models import FinancingCancel
from contracts.guards import AUTHORITY, author_of, require, rule, two_people
from contracts.months import DAY_MS
from ledger.rules import Context, Result, State


@rule
def cancel(state: State, context: Context, body: FinancingCancel) -> Result:
    """APPLIED, IN_REVIEW or APPROVED becomes CANCELLED."""
    entry = found(state, body.financing)
    author = author_of(state, context)
    by_lender = is_lender(state, entry, author) and body.reason != "stale"
    by_authority = author.role == AUTHORITY and body.reason == "stale"
    require(by_lender or by_authority, "not-permitted")
    now = balances.financing_state(entry, context.time_ms)
    if by_lender and now == "APPROVED":
        two_people(author)
    if by_authority:
        require(now == "APPROVED" and is_stale(state, entry, context.time_ms), "wrong-state")
    require(now in (*balances.UNAPPROVED, "APPROVED"), "wrong-state")
    require(not any(line["drawn"] for line in entry["lines"]), "wrong-state")

    for index, line in enumerate(entry["lines"]):
        if line["held"] > 0:
            declaration = declaration_of(state, line)
            balances.drop_hold(declaration, body.financing, index)
            balances.drop_committed(declaration, body.financing, index)
            put_settled(state, body.financing, entry, line, declaration, context.time_ms)
    if now != "APPROVED":
        consents.forget_open(state, sorted({line["consent"] for line in entry["lines"] if line["held"] > 0}), body.financing)
    for line in entry["lines"]:
        # What a late disbursement may still record: not what was let go before the approval, nor what was drawn and repaid.
        line["was"], line["held"] = line["held"], 0
    entry["state"], entry["hold_until"] = "CANCELLED", None
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)


def is_stale(state: State, entry: entries.Financing, time_ms: int) -> bool:
    approved_at = entry["approved_at"]
    return approved_at is not None and time_ms >= approved_at + policy.value(state, "approved_days_stale") * DAY_MS
