"""Governance at a node: what was proposed, who approved, what is in force and what comes into force when.

All of it is public: it is read from the ledger's state. A proposal is made and approved by a governor's people, one signature each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from contracts import entries, validator_entries
from contracts.governance import proposal_state, votes_on
from contracts.policy import STATE_KEY
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound
from ledger.rules import State
from nodes.acting import act
from nodes.caller import Caller
from nodes.rehearsal import time_now_ms

if TYPE_CHECKING:
    from nodes.node import Node

PROPOSE: Final = "governance.propose"
APPROVE: Final = "governance.approve"


@dataclass(frozen=True, slots=True)
class Proposal:
    """`change` as it was proposed; `differs` what it changes: a field to its value now and its value then. `weight` is what those governors
    of today weigh who approved, `needed` the least weight that passes. Times are milliseconds.
    """

    id: str
    change: Mapping[str, Any]
    differs: Mapping[str, tuple[Any, Any]]
    proposer: str
    state: str
    approvals: tuple[str, ...]
    missing: tuple[str, ...]
    weight: int
    needed: int
    proposed_ms: int
    until_ms: int
    effective_ms: int | None
    height: int
    time_ms: int


class Governance:
    """For any node to read; for a governor's to act."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def propose(self, caller: Caller, change: Mapping[str, Any], *, cause: str | None = None) -> Receipt:
        """Proposes a change. A change of the policy may name only the fields that change; the rest stay as they are.

        Raises `InputError` (`malformed`, `nothing-changes`), and as `act`.
        """
        node = self._node
        whole = dict(change)
        if whole.get("kind") == "policy" and isinstance(whole.get("policy"), dict):
            with node.store.reading() as reader:
                now = reader.state.get(STATE_KEY) or {}
            if all(now.get(name) == value for name, value in whole["policy"].items()):
                raise InputError("nothing-changes", "the policy is so already")
            whole["policy"] = {**now, **whole["policy"]}
        return act(node, caller, PROPOSE, {"change": whole}, cause=cause)

    def approve(self, caller: Caller, proposal_id: str, *, cause: str | None = None) -> Receipt:
        """Approves a proposal. Raises as `act`."""
        return act(self._node, caller, APPROVE, {"proposal": proposal_id}, cause=cause)

    def get(self, proposal_id: str) -> Proposal:
        """Raises `NotFound` (`unknown-proposal`)."""
        with self._node.store.reading() as reader:
            entry = entries.proposal(reader.state, proposal_id)
            if entry is None:
                raise NotFound("unknown-proposal", "no such proposal is on the ledger")
            return _proposal(reader.state, proposal_id, entry, reader.head.height, time_now_ms(self._node, reader))

    def list(self) -> Sequence[Proposal]:
        """Every proposal, the newest first."""
        with self._node.store.reading() as reader:
            state, time_ms = reader.state, time_now_ms(self._node, reader)
            found = [_proposal(state, key.partition("/")[2], value, reader.head.height, time_ms) for key, value in state.scan("proposal/")]
        return sorted(found, key=lambda each: (-each.proposed_ms, each.id))

    def scheduled(self) -> Sequence[Proposal]:
        """Those that come into force, the next one first."""
        coming = [each for each in self.list() if each.state == "SCHEDULED"]
        return sorted(coming, key=lambda each: (each.effective_ms or 0, each.id))


def _proposal(state: State, proposal_id: str, entry: entries.Proposal, height: int, time_ms: int) -> Proposal:
    votes = votes_on(state, entry)
    return Proposal(
        id=proposal_id,
        change=entry["change"],
        differs=_differs(state, entry["change"]),
        proposer=entry["proposer"],
        state=proposal_state(entry, time_ms),
        approvals=tuple(entry["approvals"]),
        missing=votes.missing,
        weight=votes.given,
        needed=2 * votes.total // 3 + 1,
        proposed_ms=entry["at"],
        until_ms=entry["until"],
        effective_ms=entry["effective_at"],
        height=height,
        time_ms=time_ms,
    )


def _powers(validators: Sequence[Any]) -> dict[str, int]:
    """Each by `member:key`: a member that takes another key is one that leaves and one that comes."""
    return {f"{each['member']}:{each['key']}": each["power"] for each in validators}


def _differs(state: State, change: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is in force against what is proposed, field by field."""
    if change["kind"] == "policy":
        now, then = state.get(STATE_KEY) or {}, change["policy"]
    elif change["kind"] == "governors":
        now, then = ({each["member"]: each["weight"] for each in given} for given in (state.get("governors") or [], change["governors"]))
    elif change["kind"] == "registrar":
        now, then = {"registrar": (state.get("registrar") or {}).get("member")}, {"registrar": change["member"]}
    elif change["kind"] == "validators":
        now, then = _powers(validator_entries.in_force(state) or []), _powers(change["validators"])
    else:
        newest = max((int(each["version"]) for each in state.get("rules") or []), default=0)
        now, then = {"rules": newest}, {"rules": change["version"]}
    names = sorted(now.keys() | then.keys())
    return {name: (now.get(name), then.get(name)) for name in names if now.get(name) != then.get(name)}
