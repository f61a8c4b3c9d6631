"""`financing.transfer`: a lender offers what is drawn to one other bank, until a time, or withdraws the offer.

The offer is a commitment, so that only the bank that it is made to can take it up, and nobody else learns which bank that is.
A withdrawal starts nothing, so neither a suspension nor an order stops it.
"""

from __future__ import annotations

from contracts import entries
from contracts.financings.common import by_lender, found, not_frozen, outcome
from contracts.financings.models import FinancingTransfer
from contracts.guards import author_of, may_start, require, rule, two_people
from contracts.months import DAY_MS
from ledger.limits import OFFER_DAYS_MAX
from ledger.rules import Context, Result, State

OFFERED = ("DISBURSED", "REPAYING")


@rule
def transfer(state: State, context: Context, body: FinancingTransfer) -> Result:
    """Sets the offer, in place of an earlier one. The state stays."""
    entry = found(state, body.financing)
    author = author_of(state, context)
    by_lender(state, entry, author)
    if body.offer is not None:
        may_start(author)
    two_people(author)
    require(entry["state"] in OFFERED, "wrong-state")
    if body.offer is None or body.until is None:
        entry["offer"] = None
    else:
        not_frozen(state, entry)
        require(context.time_ms < body.until <= context.time_ms + OFFER_DAYS_MAX * DAY_MS, "malformed")
        entry["offer"] = {"commitment": body.offer, "until": body.until}
    entries.put_financing(state, body.financing, entry)
    return outcome(entry)
