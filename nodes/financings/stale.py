"""Approvals that have gone stale: nothing was paid out for longer than the policy lets, and the authority may let them go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.engine import Receipt
from nodes.acting import act
from nodes.author import Part
from nodes.caller import Caller
from nodes.financings.parts import REASON, ReasonPart, written
from nodes.financings.recipients import for_all
from nodes.financings.views import FinancingReader

if TYPE_CHECKING:
    from nodes.node import Node

CANCEL: Final = "financing.cancel"


class Stale:
    """At the authority's node."""

    def __init__(self, node: Node, views: FinancingReader) -> None:
        self._node, self._views = node, views

    def cancel(self, caller: Caller, financing_id: str, text: str = "", *, cause: str | None = None) -> Receipt:
        """Lets a stale approval go; `text` is sealed to its lender too. Raises `NotFound` (`unknown-financing`), `Refused` (`wrong-state`
        where it is not stale), `NotPermitted`, and as `act`.
        """
        financing = self._views.get(financing_id)
        parts: dict[str, Part] = {}
        if text:
            sealed = for_all(self._node, written(ReasonPart, text=text), financing.lines[0].consent)
            parts[REASON] = Part(sealed.content, [*sealed.recipients, self._node.directory.recipient(financing.lender)])
        return act(self._node, caller, CANCEL, {"financing": financing_id, "reason": "stale"}, parts, cause=cause)
