"""For whom an exporter's resources are: the enterprise of its own node, or one in custody whose program signed in at the authority.

The authority's staff look on behalf of exporters in custody too, and then say for which one.
"""

from __future__ import annotations

from api.principal import Principal
from ledger.errors import InputError, NotFound, NotPermitted
from nodes.enterprises import Enterprise
from nodes.node import Node


def enterprise_for(node: Node, caller: Principal, named: str | None, *, for_itself: bool = False) -> Enterprise:
    """The enterprise that the caller acts for; `named` is what the request says. `for_itself`: nobody else may, its custodian's staff
    neither, since a consent is the exporter's own.

    Raises `NotPermitted` (`not-your-enterprise`), `InputError` (`enterprise-missing`), `NotFound` (`unknown-enterprise`).
    """
    own = _own(node, caller)
    if own is not None:
        if named not in (None, own.id):
            raise NotPermitted("not-your-enterprise", "the caller acts for another enterprise")
        return own
    if for_itself:
        raise NotPermitted("not-permitted", "this is for the exporter itself", hint="it signs in here as a program of the role enterprise")
    if named is None:
        raise InputError("enterprise-missing", "say which enterprise it is about", hint="its id stands in GET /v1/enterprises")
    enterprise = node.enterprises.get(named)
    if not enterprise.custody:
        raise NotPermitted("not-in-custody", "this enterprise acts through its own node")
    return enterprise


def _own(node: Node, caller: Principal) -> Enterprise | None:
    if caller.enterprise is not None:
        return node.enterprises.get(caller.enterprise)
    if node.config.node.role != "enterprise":
        return None
    found = node.enterprises.list(limit=1)
    if not found:
        raise NotFound("unknown-enterprise", "this node's enterprise is not enrolled yet", hint="the authority enrols it by its keys")
    return found[0]
