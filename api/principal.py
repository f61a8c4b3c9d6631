"""Who calls: a person, a program, a member's node, or an enterprise's node, as a verified token says.

Roles of callers: `maker`, `checker`, `viewer`, `admin` (this node's staff); `service`, `viewer`, `enterprise`, `auditor` (programs that
act for this node's owner, or for an exporter in its custody); `node` (another member's node); `enterprise-node` (an enterprise's own
node, signed in with its enrolled key). The last two are guests: they replicate and hand in, and are never shown what this node opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["staff", "client", "node", "enterprise-node"]

STAFF_ROLES: Final = frozenset({"maker", "checker", "viewer", "admin"})
CLIENT_ROLES: Final = frozenset({"service", "viewer", "enterprise", "auditor"})
GUEST_ROLES: Final = frozenset({"node", "enterprise-node"})
ROLES: Final = STAFF_ROLES | CLIENT_ROLES | GUEST_ROLES
SIGNING_ROLES: Final = frozenset({"maker", "checker"})


@dataclass(frozen=True, slots=True)
class Principal:
    """`id` is a user's or client's id, a member's slug, or an enterprise's enrolment id. `member` is whose node or staff calls; None
    for an enterprise. `enterprise` is the enrolment id that a caller of role `enterprise` or `enterprise-node` acts for.
    """

    kind: Kind
    id: str
    role: str
    member: str | None
    enterprise: str | None
    scopes: frozenset[str]
    token_id: str
    expires_ms: int

    @property
    def name(self) -> str:
        """One name for each caller, for idempotency and for the log."""
        return f"{self.kind}/{self.id}"
