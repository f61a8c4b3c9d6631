"""`financing.apply`: a bank opens grants and asks for holds, with a result for each line whether it gets one or not.

A line passes when, in this order, the first failing one giving its code: its declaration is known; its grant opens for the author;
the grant is live; its consent is live; the declaration is not frozen, void, too old; it has room for one more hold and none of the
same bank alive, the banks that it succeeded counting as itself; it is not overused; something is available; the share fits it, and is
in steps; the grant's maximum covers what it holds and has drawn at once. Lines are judged one after the other, each after the holds of
those before it.
"""

from __future__ import annotations

from typing import Any

from contracts import balances, consents, entries, policy, shares
from contracts.financings.common import holder, new_financing
from contracts.financings.models import Allocation, FinancingApply
from contracts.grants import GrantDesk, Opened, commitment_of
from contracts.guards import BANK, RuleRefused, author_of, known, may_start, refuse, require, rule
from contracts.months import DAY_MS
from ledger.rules import Context, Result, State


@rule
def apply(state: State, context: Context, body: FinancingApply) -> Result:
    """A financing in state APPLIED, where at least one line (`all`: every line) got its hold. Details: `lines`, a code for each."""
    author = author_of(state, context)
    require(author.role == BANK, "not-permitted")
    may_start(author)
    require(len(body.lines) <= policy.value(state, "allocations_max"), "malformed")
    require(context.time_ms < body.hold_until, "hold-expired")
    require(body.hold_until <= context.time_ms + policy.value(state, "hold_days_max") * DAY_MS, "malformed")

    desk = _Desk(state, context, author.member, body.hold_until, policy.value(state, "holds_max"))
    answers: list[dict[str, Any]] = []
    lines: list[entries.Line] = []
    for index, allocation in enumerate(body.lines):
        answer = desk.answer(allocation, index)
        answers.append(answer)
        lines.append(_line(allocation, author.member, answer["code"]))
    failed = [answer["code"] for answer in answers if answer["code"] != "ok"]
    if len(failed) == len(answers) or (failed and body.mode == "all"):
        return Result(failed[0], {"lines": answers})
    entry = new_financing(context, author.member, state="APPLIED", lines=lines, flags=[], hold_until=body.hold_until, mode=body.mode)
    entries.put_financing(state, context.record_id, entry)
    return Result("ok", {"lines": answers, "state": "APPLIED"})


def _line(allocation: Allocation, bank: str, code: str) -> entries.Line:
    held = allocation.share if code == "ok" else 0
    return {
        "declaration": allocation.grant.declaration,
        "grant": commitment_of(allocation.grant, bank),
        "consent": allocation.grant.consent,
        "code": code,
        "held": held,
        "was": held,
        "drawn": 0,
        "lost": 0,
    }


class _Desk:
    """Judges the lines of one application and writes the holds of those that pass."""

    def __init__(self, state: State, context: Context, bank: str, until: int, holds_max: int) -> None:
        self._state, self._context, self._bank, self._until, self._holds_max = state, context, bank, until, holds_max
        self._holders: dict[str, str] = {}
        self._grants = GrantDesk(state, bank, context.record_id, context.time_ms)

    def answer(self, allocation: Allocation, index: int) -> dict[str, Any]:
        try:
            self._hold(allocation, index)
        except RuleRefused as refusal:
            return refusal.result.to_json()
        return {"code": "ok"}

    def _hold(self, allocation: Allocation, index: int) -> None:
        declaration = known(entries.declaration(self._state, allocation.grant.declaration), "unknown-declaration")
        opened = self._grants.open(allocation.grant)
        self._check_declaration(declaration, allocation.share)
        self._grants.require_cover(opened, allocation.share)
        self._put(allocation, index, opened, declaration)

    def _check_declaration(self, declaration: entries.Declaration, share: int) -> None:
        time_ms = self._context.time_ms
        require(not declaration["frozen"], "frozen")
        require(declaration["replaced_by"] is None, "replaced")
        require(declaration["void"] is None, "void")
        require(time_ms < declaration["until"], "too-old")
        alive = balances.alive_holds(declaration, time_ms)
        require(len(alive) < self._holds_max, "too-many-holds")
        require(all(self._holder(hold["bank"]) != self._bank for hold in alive), "too-many-holds")
        require(not balances.overused(declaration, time_ms), "overused")
        left = balances.available(declaration, time_ms)
        require(left > 0, "exhausted")
        if share > left:
            refuse("exceeds-available", left=left)
        require(shares.in_steps(share, left), "not-in-steps")

    def _holder(self, bank: str) -> str:
        """Who acts for a bank, looked up once: a thousand lines may meet the same banks on every declaration."""
        if bank not in self._holders:
            self._holders[bank] = holder(self._state, bank)
        return self._holders[bank]

    def _put(self, allocation: Allocation, index: int, opened: Opened, declaration: entries.Declaration) -> None:
        financing_id, time_ms = self._context.record_id, self._context.time_ms
        balances.settle(declaration, time_ms)
        declaration["holds"].append(
            {
                "financing": financing_id,
                "line": index,
                "bank": self._bank,
                "share": allocation.share,
                "until": self._until,
                "at": [self._context.height, self._context.position],
            }
        )
        entries.put_declaration(self._state, allocation.grant.declaration, declaration)
        self._grants.spend(opened, index, allocation.share)
        consents.add_open(opened.consent, financing_id, self._until, time_ms)
        entries.put_consent(self._state, allocation.grant.consent, opened.consent)
