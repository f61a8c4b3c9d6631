"""What every step of a lender's people begins with: whose financing it is, whether they may prepare it, and what the rules would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import NotPermitted, Refused
from nodes.caller import Caller, registered_key
from nodes.financings.views import Financing, FinancingReader
from nodes.rehearsal import Foreseen

if TYPE_CHECKING:
    from nodes.node import Node


def own(node: Node, views: FinancingReader, financing_id: str) -> Financing:
    """A financing that this node's member acts for. Raises `NotFound` (`unknown-financing`), `NotPermitted` (`not-permitted`)."""
    financing = views.get(financing_id)
    if financing.lender != node.member:
        raise NotPermitted("not-permitted", "the financing is another bank's")
    return financing


def may_prepare(node: Node, caller: Caller, *purposes: str) -> None:
    """Raises `NotPermitted` as `registered_key`; a maker, where no purposes are named."""
    registered_key(caller, node.directory, node.member, *(purposes or ("make",)))


def require_foreseen(seen: Foreseen, financing: Financing) -> None:
    """Raises `Refused` with the rules' code, and with what can be done instead where the state is the reason."""
    if seen.code == "wrong-state":
        allowed = ", ".join(financing.actions) or "nothing any more"
        raise Refused(seen.code, f"the financing is {financing.state}", hint=f"what can be done with it now: {allowed}")
    seen.require_ok()
