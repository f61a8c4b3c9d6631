"""Who may call what: one table. A route that is not in it cannot be added to the application.

A route serves at some seats (the role of the node's owner; `registrar` is whichever node's member the ledger names as that), to some
callers' roles, with one scope in their token. `OPEN` routes need no token. Roles are those of `api.principal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SEATS: Final = frozenset({"authority", "registrar", "bank", "enterprise", "auditor"})

OWN: Final = frozenset({"maker", "checker", "viewer", "admin", "service", "auditor"})
READERS: Final = frozenset({"maker", "checker", "viewer", "service", "auditor"})
EXPORTER: Final = frozenset({"enterprise"})
MAKERS: Final = frozenset({"maker", "service"})
SIGNERS: Final = frozenset({"maker", "checker"})
GUESTS: Final = frozenset({"node", "enterprise-node"})


@dataclass(frozen=True, slots=True)
class Permission:
    """At which seats, for which roles, with which scope."""

    seats: frozenset[str]
    roles: frozenset[str]
    scope: str


OPEN: Final = frozenset(
    {
        "GET /healthz",
        "GET /readyz",
        "GET /openapi.json",
        "POST /oauth2/token",
        "GET /.well-known/jwks.json",
        "GET /.well-known/oauth-authorization-server",
    }
)


def _at(seats: str, roles: frozenset[str], scope: str) -> Permission:
    chosen = SEATS if seats == "all" else frozenset(seats.split())
    return Permission(chosen, roles, scope)


_LEDGER: Final = _at("all", OWN | EXPORTER | GUESTS, "ledger:read")

PERMISSIONS: Final[Mapping[str, Permission]] = {
    "GET /v1/network": _LEDGER,
    "GET /v1/policy": _LEDGER,
    "GET /v1/members": _LEDGER,
    "GET /v1/blocks": _LEDGER,
    "GET /v1/blocks/{height}": _LEDGER,
    "GET /v1/records/{record_id}": _LEDGER,
    "GET /v1/checkpoint": _LEDGER,
    "GET /v1/log/consistency": _LEDGER,
    "GET /v1/state/proof": _LEDGER,
    "POST /v1/records": _at("all", frozenset({"service", "node"}), "ledger:write"),
    "POST /v1/introductions": _at("authority bank", frozenset({"enterprise-node"}), "introductions:write"),
}


def permission_of(route: str) -> Permission | None:
    """The permission of `METHOD /path`, None for an open route. Raises `LookupError` for a route that declares nothing."""
    if route in OPEN:
        return None
    return PERMISSIONS[route]


def scopes_of(role: str) -> frozenset[str]:
    """Every scope that is of use to a role."""
    return frozenset(permission.scope for permission in PERMISSIONS.values() if role in permission.roles)


def all_scopes() -> list[str]:
    return sorted({permission.scope for permission in PERMISSIONS.values()})


def undeclared(routes: Iterable[str]) -> list[str]:
    """Routes without a declaration, and declarations without a route."""
    return sorted(set(routes) ^ (OPEN | set(PERMISSIONS)))
