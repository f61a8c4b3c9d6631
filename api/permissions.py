"""Who may call what: one table. A route that is not in it cannot be added to the application.

A route serves at some seats (the role of the node's owner; `registrar` is whichever node's member the ledger names as that), to some
callers' roles, with one scope in their token. `OPEN` routes need no token. Roles are those of `api.principal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from api.principal import Kind
from nodes.keys.account import Account, Client

SEATS: Final = frozenset({"authority", "registrar", "bank", "enterprise", "auditor"})

OWN: Final = frozenset({"maker", "checker", "viewer", "admin", "service", "auditor"})
STAFF: Final = frozenset({"maker", "checker", "viewer"})
PEOPLE: Final = STAFF | frozenset({"service"})
EXPORTER: Final = frozenset({"enterprise"})
MAKERS: Final = frozenset({"maker", "service"})
SIGNERS: Final = frozenset({"maker", "checker"})
ADMIN: Final = frozenset({"admin"})
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
        "POST /v1/session",
        "GET /v1/session/ways",
        "GET /v1/session/oidc",
        "GET /v1/session/oidc/callback",
        "GET /.well-known/jwks.json",
        "GET /.well-known/oauth-authorization-server",
        "GET /.well-known/tallystick/checkpoint",
        "GET /.well-known/tallystick/header",
        "POST /.well-known/tallystick/witness/add-checkpoint",
    }
)


def _at(seats: str, roles: frozenset[str], scope: str) -> Permission:
    chosen = SEATS if seats == "all" else frozenset(seats.split())
    return Permission(chosen, roles, scope)


_LEDGER: Final = _at("all", OWN | EXPORTER | GUESTS, "ledger:read")
_SESSION: Final = _at("all", STAFF | ADMIN | EXPORTER, "session")

PERMISSIONS: Final[Mapping[str, Permission]] = {
    "GET /v1/session": _SESSION,
    "DELETE /v1/session": _SESSION,
    "POST /v1/session/password": _SESSION,
    "POST /v1/session/unlock": _SESSION,
    "GET /v1/sign-ins": _at("all", ADMIN, "sign-ins:read"),
    "GET /v1/network": _LEDGER,
    "GET /v1/policy": _LEDGER,
    "GET /v1/members": _LEDGER,
    "POST /v1/members": _at("authority", MAKERS, "members:write"),
    "POST /v1/members/{member}/suspend": _at("authority", SIGNERS, "members:write"),
    "POST /v1/members/{member}/reinstate": _at("authority", SIGNERS, "members:write"),
    "POST /v1/members/{member}/succeed": _at("authority", SIGNERS, "members:write"),
    "POST /v1/members/{member}/keys": _at("authority registrar bank", SIGNERS, "members:write"),
    "GET /v1/governance/proposals": _LEDGER,
    "GET /v1/governance/proposals/{proposal_id}": _LEDGER,
    "POST /v1/governance/proposals": _at("authority registrar bank auditor", SIGNERS | MAKERS, "governance:write"),
    "POST /v1/governance/proposals/{proposal_id}/approve": _at("authority registrar bank auditor", SIGNERS | MAKERS, "governance:write"),
    "POST /v1/orders": _at("authority", SIGNERS, "orders:write"),
    "GET /v1/orders": _at("authority", PEOPLE, "orders:read"),
    "GET /v1/orders/{order_id}": _at("authority", PEOPLE, "orders:read"),
    "POST /v1/orders/{order_id}/lift": _at("authority", SIGNERS, "orders:write"),
    "GET /v1/blocks": _LEDGER,
    "GET /v1/blocks/{height}": _LEDGER,
    "GET /v1/records/{record_id}": _LEDGER,
    "GET /v1/records/{record_id}/proof": _LEDGER,
    "GET /v1/checkpoint": _LEDGER,
    "POST /v1/checkpoint/cosignatures": _at("all", frozenset({"node"}), "ledger:write"),
    "GET /v1/witnesses": _LEDGER,
    "GET /v1/log/consistency": _LEDGER,
    "GET /v1/log/consistency/proof": _LEDGER,
    "GET /v1/state/proof": _LEDGER,
    "POST /v1/records": _at("all", frozenset({"service", "node"}), "ledger:write"),
    "GET /v1/tasks": _at("authority registrar bank", STAFF, "tasks:read"),
    "GET /v1/tasks/{task_id}": _at("authority registrar bank", STAFF, "tasks:read"),
    "POST /v1/tasks/{task_id}/sign": _at("authority registrar bank", SIGNERS, "tasks:sign"),
    "POST /v1/tasks/{task_id}/decline": _at("authority registrar bank", SIGNERS, "tasks:sign"),
    "POST /v1/audits": _at("authority auditor", OWN, "audits:write"),
    "GET /v1/audits/{audit_id}": _at("authority auditor", OWN, "audits:read"),
    "GET /v1/audits/{audit_id}/report": _at("authority auditor", OWN, "audits:read"),
    "GET /v1/accesses": _at("authority enterprise", PEOPLE | EXPORTER, "accesses:read"),
    "GET /v1/enterprises": _at("authority", PEOPLE, "enterprises:read"),
    "GET /v1/enterprises/{enterprise_id}": _at("authority", PEOPLE, "enterprises:read"),
    "POST /v1/enterprises": _at("authority", MAKERS, "enterprises:write"),
    "POST /v1/declaration-imports": _at("registrar", MAKERS, "declarations:write"),
    "GET /v1/declaration-imports/{import_id}": _at("registrar", PEOPLE, "declarations:read"),
    "GET /v1/declarations": _at("authority registrar bank enterprise", PEOPLE | EXPORTER, "declarations:read"),
    "GET /v1/declarations/{declaration_id}": _at("authority registrar bank enterprise", PEOPLE | EXPORTER, "declarations:read"),
    "GET /v1/declarations/{declaration_id}/proof": _at("authority registrar bank enterprise", PEOPLE | EXPORTER, "declarations:read"),
    "POST /v1/declarations/{declaration_id}/amend": _at("registrar", MAKERS, "declarations:write"),
    "POST /v1/declarations/{declaration_id}/void": _at("registrar", MAKERS, "declarations:write"),
    "POST /v1/declarations/{declaration_id}/collections": _at("bank", SIGNERS, "financings:write"),
    "GET /v1/declarations/{declaration_id}/collections": _at("bank", PEOPLE, "financings:read"),
    "POST /v1/consents": _at("authority enterprise", MAKERS | EXPORTER, "consents:write"),
    "GET /v1/consents": _at("authority bank enterprise", PEOPLE | EXPORTER, "consents:read"),
    "GET /v1/consents/{consent_id}": _at("authority bank enterprise", PEOPLE | EXPORTER, "consents:read"),
    "POST /v1/consents/{consent_id}/revoke": _at("authority enterprise", MAKERS | EXPORTER, "consents:write"),
    "POST /v1/attachments": _at("authority bank enterprise", MAKERS | SIGNERS | EXPORTER, "attachments:write"),
    "GET /v1/attachments/{sha256}": _at("authority bank enterprise", PEOPLE | EXPORTER, "attachments:read"),
    "POST /v1/consents/{consent_id}/confirm": _at("authority", EXPORTER, "consents:write"),
    "GET /v1/consents/{consent_id}/basis": _at("authority", frozenset({"node"}), "consents:read"),
    "POST /v1/disputes": _at("all", MAKERS | SIGNERS | EXPORTER | frozenset({"enterprise-node"}), "disputes:write"),
    "GET /v1/disputes": _at("all", PEOPLE | EXPORTER, "disputes:read"),
    "GET /v1/disputes/{dispute_id}": _at("all", PEOPLE | EXPORTER, "disputes:read"),
    "POST /v1/disputes/{dispute_id}/resolve": _at("authority", SIGNERS, "disputes:write"),
    "POST /v1/disputes/{dispute_id}/withdraw": _at("all", MAKERS | SIGNERS | EXPORTER | frozenset({"enterprise-node"}), "disputes:write"),
    "GET /v1/paper-settings": _at("authority", PEOPLE, "consents:read"),
    "PUT /v1/paper-settings": _at("authority", MAKERS, "consents:write"),
    "POST /v1/enquiries": _at("bank", MAKERS | SIGNERS, "enquiries:write"),
    "GET /v1/enquiries": _at("bank", PEOPLE, "enquiries:read"),
    "GET /v1/enquiries/{enquiry_id}": _at("bank", PEOPLE, "enquiries:read"),
    "POST /v1/credit-profiles": _at("authority", MAKERS, "credit:write"),
    "GET /v1/credit-profiles": _at("authority", PEOPLE, "credit:read"),
    "GET /v1/credit-profiles/{uscc}": _at("authority", PEOPLE, "credit:read"),
    "GET /v1/credit-profiles/{uscc}/revisions": _at("authority", PEOPLE, "credit:read"),
    "POST /v1/credit-parameters": _at("bank", frozenset({"admin", "service"}), "credit:write"),
    "GET /v1/credit-parameters": _at("bank", PEOPLE | frozenset({"admin"}), "credit:read"),
    "POST /v1/credit-assessments": _at("bank", MAKERS | SIGNERS, "credit:write"),
    "GET /v1/credit-assessments": _at("bank", PEOPLE, "credit:read"),
    "GET /v1/credit-assessments/{assessment_id}": _at("bank", PEOPLE, "credit:read"),
    "POST /v1/financings": _at("bank", MAKERS, "financings:write"),
    "GET /v1/financings": _at("authority bank", PEOPLE, "financings:read"),
    "GET /v1/financings/{financing_id}": _at("authority bank", PEOPLE, "financings:read"),
    "POST /v1/financings/{financing_id}/intake": _at("bank", MAKERS, "financings:write"),
    "POST /v1/financings/{financing_id}/approve": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/disburse": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/extend": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/repay": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/write-off": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/correct": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/transfer": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/{financing_id}/take-over": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/iso20022/messages": _at("bank", MAKERS, "financings:write"),
    "GET /v1/iso20022/messages/{message_id}": _at("bank", PEOPLE, "financings:read"),
    "GET /v1/transfer-offers": _at("bank", PEOPLE, "financings:read"),
    "POST /v1/financings/loads": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/financings/loads/files": _at("bank", SIGNERS, "financings:write"),
    "GET /v1/financings/loads/template": _at("bank", PEOPLE, "financings:read"),
    "POST /v1/conflict-reports": _at("bank", SIGNERS, "financings:write"),
    "POST /v1/conflict-reports/files": _at("bank", SIGNERS, "financings:write"),
    "GET /v1/conflict-reports/{report_id}": _at("bank", PEOPLE, "financings:read"),
    "POST /v1/financings/{financing_id}/cancel": _at("authority bank", MAKERS | SIGNERS, "financings:write"),
    "GET /v1/notices": _at("bank", PEOPLE, "notices:read"),
    "POST /v1/notices/{notice_id}/read": _at("bank", PEOPLE, "notices:write"),
    "GET /v1/statements/financings": _at("bank", PEOPLE, "financings:read"),
    "GET /v1/declarations/{declaration_id}/statement": _at("authority enterprise", PEOPLE | EXPORTER, "declarations:read"),
    "GET /v1/monitoring/summary": _at("authority", PEOPLE, "monitoring:read"),
    "GET /v1/monitoring/series": _at("authority", PEOPLE, "monitoring:read"),
    "GET /v1/monitoring/stages": _at("authority", PEOPLE, "monitoring:read"),
    "GET /v1/monitoring/exporters": _at("authority", PEOPLE, "monitoring:read"),
    "GET /v1/monitoring/banks": _at("authority", PEOPLE, "monitoring:read"),
    "GET /v1/monitoring/reconciliation": _at("authority", PEOPLE, "monitoring:read"),
    "GET /v1/monitoring/settings": _at("authority", PEOPLE | frozenset({"admin"}), "monitoring:read"),
    "PUT /v1/monitoring/settings": _at("authority", frozenset({"admin", "checker"}), "monitoring:write"),
    "GET /v1/alerts": _at("authority", PEOPLE, "alerts:read"),
    "GET /v1/alerts/{alert_id}": _at("authority", PEOPLE, "alerts:read"),
    "POST /v1/alerts/{alert_id}/take": _at("authority", SIGNERS, "alerts:write"),
    "POST /v1/alerts/{alert_id}/close": _at("authority", SIGNERS, "alerts:write"),
    "POST /v1/alerts/{alert_id}/reopen": _at("authority", SIGNERS, "alerts:write"),
    "GET /v1/exchange-rates": _at("authority", PEOPLE, "rates:read"),
    "POST /v1/exchange-rates": _at("authority", MAKERS, "rates:write"),
    "GET /v1/look-ups": _at("authority", STAFF | EXPORTER | frozenset({"admin", "auditor", "enterprise-node"}), "look-ups:read"),
    "POST /v1/financing-requests": _at("authority enterprise", MAKERS | EXPORTER, "requests:write"),
    "GET /v1/financing-requests": _at("authority bank enterprise", PEOPLE | EXPORTER, "requests:read"),
    "GET /v1/financing-requests/{request_id}": _at("authority bank enterprise", PEOPLE | EXPORTER, "requests:read"),
    "POST /v1/financing-requests/{request_id}/resend": _at("authority enterprise", MAKERS | EXPORTER, "requests:write"),
    "POST /v1/financing-requests/{request_id}/withdraw": _at("authority enterprise", MAKERS | EXPORTER, "requests:write"),
    "POST /v1/financing-requests/{request_id}/send-back": _at("bank", MAKERS | SIGNERS, "requests:write"),
    "POST /v1/financing-requests/{request_id}/refuse": _at("bank", MAKERS | SIGNERS, "requests:write"),
    "POST /v1/financing-requests/{request_id}/take-up": _at("bank", MAKERS | SIGNERS, "requests:write"),
    "POST /v1/messages": _at("authority", GUESTS, "messages:write"),
    "GET /v1/messages": _at("authority", GUESTS, "messages:read"),
    "POST /v1/countersignatures": _at("authority", frozenset({"node"}), "countersignatures:write"),
    "GET /v1/countersignatures/{record_id}": _at("authority", frozenset({"node"}), "countersignatures:read"),
    "GET /v1/events": _at("all", OWN | EXPORTER, "events:read"),
    "GET /v1/events/stream": _at("all", OWN | EXPORTER, "events:read"),
    "POST /v1/webhooks": _at("all", ADMIN, "webhooks:write"),
    "GET /v1/webhooks": _at("all", ADMIN, "webhooks:read"),
    "GET /v1/webhooks/{webhook_id}": _at("all", ADMIN, "webhooks:read"),
    "DELETE /v1/webhooks/{webhook_id}": _at("all", ADMIN, "webhooks:write"),
    "GET /v1/webhooks/{webhook_id}/secret": _at("all", ADMIN, "webhooks:write"),
    "POST /v1/webhooks/{webhook_id}/rotate-secret": _at("all", ADMIN, "webhooks:write"),
    "POST /v1/webhooks/{webhook_id}/test": _at("all", ADMIN, "webhooks:write"),
    "POST /v1/webhooks/{webhook_id}/replay": _at("all", ADMIN, "webhooks:write"),
    "GET /v1/webhooks/{webhook_id}/deliveries": _at("all", ADMIN, "webhooks:read"),
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


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account may do once its owner is verified: the same by a token and in a session. `enterprise` as of a principal."""

    kind: Kind
    scopes: frozenset[str]
    enterprise: str | None


def standing_of(account: Account) -> Standing:
    """A person of the staff has all that its role has; a program, or an exporter in custody, what it was given of that."""
    granted = scopes_of(account.role)
    if isinstance(account, Client):
        return Standing("client", granted & frozenset(account.scopes), account.enterprise)
    return Standing("staff", granted, None)


def all_scopes() -> list[str]:
    return sorted({permission.scope for permission in PERMISSIONS.values()})


def undeclared(routes: Iterable[str]) -> list[str]:
    """Routes without a declaration, and declarations without a route."""
    return sorted(set(routes) ^ (OPEN | set(PERMISSIONS)))
