"""`financing.load`: a loan that was paid before its bank joined, or while it was joining, is put on the ledger.

The money has left already, so neither what is available nor an order, a void or an age of a declaration stops it: it is flagged. But
the bank opens a grant for each declaration as for any other financing, and may do so only for a time after its admission.
"""

from __future__ import annotations

from typing import Any

from contracts import balances, entries, policy, shares
from contracts.financings.common import add_standing, new_financing, outcome, put_settled
from contracts.financings.models import Allocation, FinancingLoad
from contracts.grants import GrantDesk
from contracts.guards import BANK, RuleRefused, author_of, known, may_start, require, rule, two_people
from contracts.months import DAY_MS
from ledger.rules import Context, Result, State


@rule
def load(state: State, context: Context, body: FinancingLoad) -> Result:
    """A financing in state DISBURSED, flagged LOADED, where every line passed. Details: `lines`, a code for each."""
    author = author_of(state, context)
    require(author.role == BANK, "not-permitted")
    may_start(author)
    two_people(author)
    member = known(entries.member(state, author.member), "not-permitted")
    require(context.time_ms < member["admitted_ms"] + policy.value(state, "onboarding_days") * DAY_MS, "too-late")
    require(len(body.lines) <= policy.value(state, "allocations_max"), "malformed")
    declarations = [allocation.grant.declaration for allocation in body.lines]
    require(len(set(declarations)) == len(declarations), "malformed")

    desk = GrantDesk(state, author.member, context.record_id, context.time_ms)
    answers: list[dict[str, Any]] = []
    lines: list[entries.Line] = []
    for index, allocation in enumerate(body.lines):
        try:
            lines.append(_line(state, context, desk, allocation, index))
        except RuleRefused as refusal:
            answers.append(refusal.result.to_json())
        else:
            answers.append({"code": "ok"})
    failed = [answer["code"] for answer in answers if answer["code"] != "ok"]
    if failed:
        return Result(failed[0], {"lines": answers})

    entry = new_financing(context, author.member, state="DISBURSED", lines=lines, flags=["LOADED"])
    for line in lines:
        _draw(state, context, entry, line)
    entries.put_financing(state, context.record_id, entry)
    return Result("ok", {**outcome(entry).details, "lines": answers})


def _line(state: State, context: Context, desk: GrantDesk, allocation: Allocation, index: int) -> entries.Line:
    opening, share = allocation.grant, allocation.share
    declaration = known(entries.declaration(state, opening.declaration), "unknown-declaration")
    opened = desk.open(opening)
    require(declaration["replaced_by"] is None, "replaced")
    require(shares.in_steps(share, balances.available(declaration, context.time_ms)), "not-in-steps")
    desk.require_cover(opened, share)
    desk.spend(opened, index, share)
    return {
        "declaration": opening.declaration,
        "grant": opened.commitment,
        "consent": opening.consent,
        "code": "ok",
        "held": 0,
        "was": share,
        "drawn": share,
        "lost": 0,
    }


def _draw(state: State, context: Context, entry: entries.Financing, line: entries.Line) -> None:
    declaration = known(entries.declaration(state, line["declaration"]), "unknown-declaration")
    declaration["drawn"] += line["drawn"]
    put_settled(state, context.record_id, entry, line, declaration, context.time_ms)
    add_standing(entry, declaration, context.time_ms)
