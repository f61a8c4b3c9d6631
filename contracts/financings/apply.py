"""`financing.apply`: a bank opens grants and asks for holds, with a result for each line whether it gets one or not.

A line passes when, in this order, the first failing one giving its code: its declaration is known; its grant opens for the author;
the grant is live; its consent is live; the declaration is not frozen, void, too old; it has room for one more hold and none of the
same bank alive; it is not overused; something is available; the share fits it, and is in steps; the grant's maximum covers what it
holds and has drawn at once. Lines are judged one after the other, each after the holds of those before it.
"""

from __future__ import annotations

from typing import Any

from contracts import balances, consents, entries, policy, shares
from contracts.commitments import grant_commitment
from contracts.guards import BANK, RuleRefused, author_of, known, may_start, refuse, require, rule
from contracts.models import Allocation, FinancingApply, GrantOpening
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
    entry: entries.Financing = {
        "bank": author.member,
        "state": "APPLIED",
        "mode": body.mode,
        "hold_until": body.hold_until,
        "at": [context.height, context.position],
        "approved_at": None,
        "was_approved": False,
        "repaid": False,
        "frozen": [],
        "offer": None,
        "origin": None,
        "heir": None,
        "flags": [],
        "lines": lines,
    }
    entries.put_financing(state, context.record_id, entry)
    return Result("ok", {"lines": answers, "state": "APPLIED"})


def _commitment(opening: GrantOpening, bank: str) -> str:
    return grant_commitment(
        bank=bank,
        consent=opening.consent,
        declaration=opening.declaration,
        end=opening.end,
        maximum=opening.maximum,
        salt=opening.salt,
        uses=opening.uses,
    )


def _line(allocation: Allocation, bank: str, code: str) -> entries.Line:
    held = allocation.share if code == "ok" else 0
    return {
        "declaration": allocation.grant.declaration,
        "grant": _commitment(allocation.grant, bank),
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
        self._earlier: dict[str, entries.Financing | None] = {}

    def answer(self, allocation: Allocation, index: int) -> dict[str, Any]:
        try:
            self._hold(allocation, index)
        except RuleRefused as refusal:
            return refusal.result.to_json()
        return {"code": "ok"}

    def _hold(self, allocation: Allocation, index: int) -> None:
        opening, time_ms = allocation.grant, self._context.time_ms
        declaration = known(entries.declaration(self._state, opening.declaration), "unknown-declaration")
        commitment = _commitment(opening, self._bank)
        grant = known(entries.grant(self._state, commitment), "grant-unknown")
        consent = entries.consent(self._state, opening.consent)
        if consent is None or grant["consent"] != opening.consent:
            refuse("grant-unknown")
        require(not consent["revoked"], "consent-revoked")
        require(time_ms < opening.end, "grant-expired")
        require(grant["used"] < opening.uses, "grant-used-up")
        consents.in_force(consent, time_ms)
        self._check_declaration(declaration, allocation.share)
        require(self._outstanding(grant) + allocation.share <= opening.maximum, "exceeds-grant")
        self._put(allocation, index, commitment, grant, declaration, consent)

    def _check_declaration(self, declaration: entries.Declaration, share: int) -> None:
        time_ms = self._context.time_ms
        require(not declaration["frozen"], "frozen")
        require(declaration["replaced_by"] is None, "replaced")
        require(declaration["void"] is None, "void")
        require(time_ms < declaration["until"], "too-old")
        alive = balances.alive_holds(declaration, time_ms)
        require(len(alive) < self._holds_max and all(hold["bank"] != self._bank for hold in alive), "too-many-holds")
        require(not balances.overused(declaration, time_ms), "overused")
        left = balances.available(declaration, time_ms)
        require(left > 0, "exhausted")
        if share > left:
            refuse("exceeds-available", left=left)
        require(shares.in_steps(share, left), "not-in-steps")

    def _outstanding(self, grant: entries.Grant) -> int:
        """What earlier applications under the grant hold and have drawn now."""
        total = 0
        for financing_id, index in grant["lines"]:
            earlier = self._financing(str(financing_id))
            if earlier is None:
                continue
            line = earlier["lines"][int(index)]
            total += line["drawn"] + (line["held"] if balances.counts(earlier, self._context.time_ms) else 0)
        return total

    def _financing(self, financing_id: str) -> entries.Financing | None:
        """An earlier financing, read once: a hundred grants that were used together before would otherwise read it a hundred times."""
        if financing_id not in self._earlier:
            self._earlier[financing_id] = entries.financing(self._state, financing_id)
        return self._earlier[financing_id]

    def _put(
        self,
        allocation: Allocation,
        index: int,
        commitment: str,
        grant: entries.Grant,
        declaration: entries.Declaration,
        consent: entries.Consent,
    ) -> None:
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
        grant["maximum"], grant["uses"] = allocation.grant.maximum, allocation.grant.uses
        grant["used"] += 1
        grant["lines"].append([financing_id, index])
        entries.put_grant(self._state, commitment, grant)
        consents.add_open(consent, financing_id, self._until, time_ms)
        entries.put_consent(self._state, allocation.grant.consent, consent)
