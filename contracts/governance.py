"""Governance: governors propose changes of policy, governors, registrar, rules or validators, and approve them by weight.

A proposal passes with strictly more than two thirds of the weight of the governors that there are then, and takes effect after the
policy's delay: at the first block from that time on that leaves anything, before its records are judged. It is looked at again then,
and fails where it no longer fits. A new policy binds what is registered and held from then on.

The heir of a governor that was succeeded votes with its weight: a weight that nobody can ever cast would end all governance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from contracts import entries, policy, validators
from contracts.financings.common import holder
from contracts.guards import Author, RuleRefused, author_of, known, may_start, require, rule
from contracts.months import DAY_MS
from contracts.proposals import (
    Change,
    GovernanceApprove,
    GovernancePropose,
    GovernorsChange,
    PolicyChange,
    RegistrarChange,
    RulesChange,
    check,
    newest_rules,
    policy_of,
)
from contracts.validators import Coming, ValidatorsChange
from ledger.limits import RULES_AHEAD_DAYS_MAX, SCHEDULED_MAX
from ledger.rules import Context, Result, State

HOUR_MS: Final = 3_600_000
PROPOSAL_MS: Final = 30 * DAY_MS
SCHEDULED: Final = "scheduled"


@rule
def propose(state: State, context: Context, body: GovernancePropose) -> Result:
    """`governance.propose`, by a governor, whose approval it is too: with one governor it passes at once."""
    author = _governor(state, context)
    check(state, body.change)
    if isinstance(body.change, RulesChange):
        # No later version can start before this one: a time that is wrong by centuries would be the last change of rules there is.
        require(body.change.at <= context.time_ms + RULES_AHEAD_DAYS_MAX * DAY_MS, "malformed")
    if isinstance(body.change, ValidatorsChange):
        validators.check_power(state, [*_validators_scheduled(state), Coming(_after_delay(state, context), body.change.powers)])
    entry: entries.Proposal = {
        "change": body.change.model_dump(mode="json"),
        "proposer": author.member,
        "at": context.time_ms,
        "until": context.time_ms + PROPOSAL_MS,
        "approvals": [author.member],
        "state": "OPEN",
        "effective_at": None,
    }
    return _weigh(state, context, context.record_id, entry, body.change)


@rule
def approve(state: State, context: Context, body: GovernanceApprove) -> Result:
    """`governance.approve`, by a governor, once, while the proposal is open."""
    entry = known(entries.proposal(state, body.proposal), "unknown-proposal")
    author = _governor(state, context)
    now = proposal_state(entry, context.time_ms)
    require(now != "LAPSED", "proposal-lapsed")
    require(now == "OPEN", "wrong-state")
    require(author.member not in {holder(state, slug) for slug in entry["approvals"]}, "already-approved")
    entry["approvals"] = sorted([*entry["approvals"], author.member])
    return _weigh(state, context, body.proposal, entry, _change_of(entry))


def proposal_state(entry: entries.Proposal, time_ms: int) -> str:
    """OPEN, SCHEDULED, DONE, FAILED or LAPSED at a time: that nobody approved in time is written nowhere, it is simply so."""
    return "LAPSED" if entry["state"] == "OPEN" and time_ms >= entry["until"] else entry["state"]


def begin_block(state: State, time_ms: int) -> None:
    """Lets what is due take effect, in the order of its times. The hook that the ledger runs before the records of a block."""
    scheduled = state.get(SCHEDULED) or []
    due = sorted((item for item in scheduled if item["at"] <= time_ms), key=lambda item: int(item["at"]))
    for item in due:
        entry = entries.proposal(state, item["proposal"])
        assert entry is not None, "only proposals are scheduled"
        entry["state"] = "DONE" if _take_effect(state, _change_of(entry), time_ms) else "FAILED"
        entries.put_proposal(state, item["proposal"], entry)
    if due:
        state.put(SCHEDULED, [item for item in scheduled if item["at"] > time_ms])


def _validators_scheduled(state: State) -> list[Coming]:
    coming = []
    for item in state.get(SCHEDULED) or []:
        entry = entries.proposal(state, item["proposal"])
        assert entry is not None, "only proposals are scheduled"
        change = _change_of(entry)
        if isinstance(change, ValidatorsChange):
            coming.append(Coming(item["at"], change.powers))
    return coming


def _after_delay(state: State, context: Context) -> int:
    """When what passes now takes effect."""
    return context.time_ms + policy.value(state, "governance_delay_hours") * HOUR_MS


def _governor(state: State, context: Context) -> Author:
    author = author_of(state, context)
    require(author.member in {holder(state, governor["member"]) for governor in state.get("governors") or []}, "not-permitted")
    may_start(author)
    return author


@dataclass(frozen=True, slots=True)
class Votes:
    """The weight of today's governors, what those of it weigh that approved, and who has not, each as who votes for it now."""

    given: int
    total: int
    missing: tuple[str, ...]


def votes_on(state: State, entry: entries.Proposal) -> Votes:
    """How a proposal stands with the governors that there are now."""
    approved = {holder(state, slug) for slug in entry["approvals"]}
    weights: dict[str, int] = {}
    for governor in state.get("governors") or []:
        voter = holder(state, governor["member"])
        weights[voter] = weights.get(voter, 0) + int(governor["weight"])
    given = sum(weight for voter, weight in weights.items() if voter in approved)
    return Votes(given, sum(weights.values()), tuple(sorted(weights.keys() - approved)))


def _change_of(entry: entries.Proposal) -> Change:
    return GovernancePropose.model_validate({"change": entry["change"]}, strict=True).change


def _weigh(state: State, context: Context, proposal_id: str, entry: entries.Proposal, change: Change) -> Result:
    """Writes a proposal that got one more approval, and schedules it where those of today's governors suffice."""
    votes = votes_on(state, entry)
    if 3 * votes.given > 2 * votes.total:
        _schedule(state, context, proposal_id, entry, change)
    entries.put_proposal(state, proposal_id, entry)
    details: dict[str, Any] = {"state": entry["state"]}
    if entry["effective_at"] is not None:
        details["effective_at"] = entry["effective_at"]
    return Result("ok", details)


def _schedule(state: State, context: Context, proposal_id: str, entry: entries.Proposal, change: Change) -> None:
    scheduled = state.get(SCHEDULED) or []
    require(len(scheduled) < SCHEDULED_MAX, "too-many-scheduled")
    at = _after_delay(state, context)
    if isinstance(change, RulesChange):
        newest = newest_rules(state)
        if change.version <= newest["version"]:
            # Another version was approved meanwhile.
            entry["state"] = "FAILED"
            return
        # Never before an older version: the latest to start is the one in force, and it must be the newest.
        at = max(at, change.at, newest["at"])
        state.put("rules", [*(state.get("rules") or []), {"at": at, "version": change.version}])
    entry["state"], entry["effective_at"] = "SCHEDULED", at
    state.put(SCHEDULED, [*scheduled, {"proposal": proposal_id, "at": at}])


def _take_effect(state: State, change: Change, time_ms: int) -> bool:
    """Whether a change still fits, and if so, does what it says. New rules need nothing more than their time: `rules` lists them."""
    if isinstance(change, RulesChange):
        return True
    try:
        if isinstance(change, ValidatorsChange):
            validators.put_changed(state, change, time_ms)
        else:
            check(state, change)
    except RuleRefused:
        return False
    if isinstance(change, PolicyChange):
        state.put(policy.STATE_KEY, policy_of(change).model_dump())
    elif isinstance(change, GovernorsChange):
        state.put("governors", [governor.model_dump() for governor in change.governors])
    elif isinstance(change, RegistrarChange):
        state.put("registrar", {"member": change.member})
    return True
