"""Disputes: a member says of a record, for itself or for an enterprise, that it is wrong, and the authority says what came of it.

A dispute changes nothing by itself: it is a complaint that everyone sees, with what it says sealed. So a suspended or frozen member may
open one too.
"""

from __future__ import annotations

from contracts import entries
from contracts.financings.common import holder
from contracts.guards import AUTHORITY, author_of, known, require, rule
from contracts.models import DisputeOpen, DisputeResolve
from ledger.rules import OK, Context, Result, State


@rule
def open_dispute(state: State, context: Context, body: DisputeOpen) -> Result:
    """`dispute.open`, by any member that was not succeeded. The rules do not look for the record: it may be in doubt that there is one."""
    author = author_of(state, context)
    require(author.status != "succeeded", "not-permitted")
    at = [context.height, context.position]
    entries.put_dispute(state, context.record_id, {"record": body.record, "by": author.member, "state": "OPEN", "at": at})
    return OK


@rule
def resolve(state: State, context: Context, body: DisputeResolve) -> Result:
    """`dispute.resolve`, once, by the authority, or by the member that opened it, or its heir, who may withdraw it."""
    entry = known(entries.dispute(state, body.dispute), "unknown-dispute")
    author = author_of(state, context)
    withdraws = body.outcome == "withdrawn" and author.member == holder(state, entry["by"])
    require(author.role == AUTHORITY or withdraws, "not-permitted")
    require(entry["state"] == "OPEN", "already-resolved")
    entries.put_dispute(state, body.dispute, {**entry, "state": body.outcome.upper()})
    return OK
