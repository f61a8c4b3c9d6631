"""Members at the authority's node: admitted, suspended, reinstated, and a bank succeeded by another.

What the authority does here is public, and so is why, in one of a few words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ledger.engine import Receipt
from nodes.acting import act
from nodes.caller import Caller
from nodes.estates import Estates
from nodes.keys.staff import KEY_ADD
from nodes.rehearsal import TWO_PEOPLE, rehearse
from nodes.tasks import Task, Tasks

if TYPE_CHECKING:
    from nodes.node import Node

Why = Literal["investigation", "breach", "request"]


class Memberships:
    """For the authority's node; `add_key` for any member's."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def admit(self, caller: Caller, what: Mapping[str, Any], *, cause: str | None = None) -> Receipt:
        """Admits a member with its first keys: `{member, role, region, name, keys}` as `member.admit` has them. Raises as `act`."""
        return act(self._node, caller, "member.admit", what, cause=cause)

    def suspend(self, caller: Caller, member: str, reason: Why, *, cause: str | None = None) -> Receipt:
        """From now on the member starts nothing; what it began goes on. Raises as `act`."""
        return act(self._node, caller, "member.suspend", {"member": member, "reason": reason}, cause=cause)

    def reinstate(self, caller: Caller, member: str, *, cause: str | None = None) -> Receipt:
        """Ends a suspension. Raises as `act`."""
        return act(self._node, caller, "member.reinstate", {"member": member}, cause=cause)

    def succeed(self, caller: Caller, member: str, heir: str, *, cause: str | None = None) -> Receipt:
        """The heir acts on every financing of the member, for good, and is handed what it needs to read them. Raises as `act`, and as
        `Estates.run_once` once the member is succeeded: asked again with the same cause, or by itself, the authority's node goes on.
        """
        receipt = act(self._node, caller, "member.succeed", {"member": member, "heir": heir}, cause=cause)
        Estates(self._node).run_once()
        return receipt

    def add_key(self, caller: Caller, member: str, key: Mapping[str, Any], *, cause: str | None = None) -> Task:
        """A key of this node's member, or, at the authority, of one whose own people cannot sign for it: two people of this node do. Raises
        as `Tasks.open`, and `Refused` with the rules' code where they would refuse it.
        """
        body = {"member": member, "key": dict(key)}
        tasks = Tasks(self._node)
        known = tasks.by_cause(cause)
        if known is None:
            rehearse(self._node, KEY_ADD, body, TWO_PEOPLE).require_ok()
        return known or tasks.open(caller, KEY_ADD, body, None, cause)
