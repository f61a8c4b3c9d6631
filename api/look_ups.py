"""Which routes read something about somebody at the authority, and the one place where that is written down (see `nodes.look_ups`).

Noted is what the authority's own people and programs read, also in the answer to something that they did. An exporter in custody that reads
what is its own, and guests, who are shown nothing that is sealed, are not. `X-Purpose` says why, percent-encoded UTF-8. Whom an answer
concerned is read from the request's path and query and from the answer itself; of a record, from what this node knows of it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import orjson
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from api.context import ApiContext
from api.permissions import Permission
from api.principal import GUEST_ROLES, Principal
from api.problems import BadRequest
from api.responses import JSON
from ledger.errors import NotFound
from ledger.limits import PURPOSE_CHARS_MAX
from nodes.accesses import accesses
from nodes.consents.book import consents
from nodes.declarations.book import declarations
from nodes.dispute_book import disputes
from nodes.enterprises import enterprises
from nodes.financings.book import financing_records, financings
from nodes.look_ups import LookUps
from nodes.node import Node

PURPOSE: Final = "x-purpose"
# Of what every seat may read of the ledger, only these show what is sealed.
OPENED: Final = frozenset({"GET /v1/records/{record_id}", "GET /v1/records/{record_id}/proof"})
# What is done by these is answered with a thing as it stands then: sealed words, and whom they are about.
ANSWERED_OPENED: Final = frozenset(
    {
        "POST /v1/alerts/{alert_id}/take",
        "POST /v1/alerts/{alert_id}/close",
        "POST /v1/alerts/{alert_id}/reopen",
        "POST /v1/disputes",
        "POST /v1/disputes/{dispute_id}/resolve",
        "POST /v1/disputes/{dispute_id}/withdraw",
        "POST /v1/tasks/{task_id}/decline",
    }
)
# Read without a trace: they say nothing about an enterprise, a declaration or a bank that is not public. All else that is read is noted.
NOTHING_SEALED: Final = frozenset(
    {
        "GET /v1/exchange-rates",
        "GET /v1/look-ups",
        "GET /v1/monitoring/settings",
        "GET /v1/paper-settings",
        "GET /v1/session",
        "GET /v1/sign-ins",
    }
)
_PUBLIC: Final = "ledger:read"
_KINDS: Final = {
    "enterprise_id": "id",
    "enterprise": "id",
    "uscc": "uscc",
    "exporter_uscc": "uscc",
    "declaration_id": "declaration",
    "declaration": "declaration",
    "financing_id": "financing",
    "financing": "financing",
}
_IDS_AT_ONCE: Final = 500
_PAGING: Final = frozenset({"after", "limit", "format"})
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_PRINTABLE: Final = re.compile(rf"[^\x00-\x1f\x7f]{{1,{PURPOSE_CHARS_MAX}}}\Z")


# Where it is written down whose a thing is: a record may be an enrolment, a registration, a dispute, or about a financing or a consent.
_BEHIND: Final[tuple[tuple[str, tuple[sa.Column[Any], sa.Column[Any]]], ...]] = (
    ("uscc", (enterprises.c.uscc, enterprises.c.id)),
    ("declaration", (declarations.c.id, declarations.c.enterprise)),
    ("financing", (financings.c.id, financings.c.enterprise)),
    ("record", (enterprises.c.id, enterprises.c.id)),
    ("record", (declarations.c.record_id, declarations.c.enterprise)),
    ("record", (disputes.c.id, disputes.c.enterprise)),
    ("record", (accesses.c.record_id, accesses.c.enterprise)),
    ("record", (consents.c.id, consents.c.enterprise)),
)


def shows_sealed(route: str, permission: Permission) -> bool:
    """Whether a route shows its reader anything that is not public. A new one does, unless it is declared here that it does not."""
    return route in OPENED | ANSWERED_OPENED or (route.startswith("GET ") and permission.scope != _PUBLIC and route not in NOTHING_SEALED)


def is_noted(context: ApiContext, principal: Principal, route: str, permission: Permission) -> bool:
    """Whether this caller's reading of this route is written down."""
    is_own = principal.role not in GUEST_ROLES and principal.enterprise is None
    return is_own and context.node.config.node.role == "authority" and shows_sealed(route, permission)


def purpose_of(request: Request) -> str:
    """Why the caller looks, as it says. Raises `BadRequest` (`bad-purpose`)."""
    text = unquote(request.headers.get(PURPOSE, ""), errors="replace")
    if text and (_PRINTABLE.match(text) is None or "\N{REPLACEMENT CHARACTER}" in text):
        raise BadRequest("bad-purpose", f"X-Purpose is up to {PURPOSE_CHARS_MAX} printable characters, percent-encoded UTF-8")
    return text


def note(context: ApiContext, request: Request, principal: Principal, route: str, response: Response, purpose: str) -> None:
    """Writes down that this caller is about to be shown this answer; a refusal shows nothing. Raises as `LookUps.add`."""
    if response.status_code >= 400 or getattr(request.state, "shows_nothing", False):
        return
    node = context.node
    asked = {**request.path_params, **{name: value for name, value in request.query_params.items() if name not in _PAGING}}
    concerned = set(_named_in(asked)) | set(getattr(request.state, "concerned", ()))
    if route in OPENED:
        concerned |= {("record", value) for value in request.path_params.values()}
    # An answer that was kept, and is given again, says its media type in its headers alone.
    if response.headers.get("content-type") == JSON and response.body:
        concerned |= set(_named_in(orjson.loads(response.body)))
    LookUps(node.private, node.clock).add(
        who=pseudonym(node, principal),
        role=principal.role,
        resource=route,
        subject="&".join(f"{name}={value}" for name, value in sorted(asked.items())),
        purpose=purpose,
        enterprises=_enterprises(node, concerned),
    )


def pseudonym(node: Node, principal: Principal) -> str:
    """A person's pseudonym, as the ledger shows it; a program's id."""
    if principal.kind != "staff":
        return principal.id
    try:
        account = node.accounts.account(principal.id)
    except NotFound:
        return principal.id
    return str(getattr(account, "person", principal.id))


def _named_in(value: Any) -> Iterator[tuple[str, str]]:
    """What names an enterprise, at any depth: ids of enrolments, credit codes, and ids of declarations and financings."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                if name in _KINDS:
                    yield _KINDS[name], item
            else:
                yield from _named_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named_in(item)


def _enterprises(node: Node, concerned: set[tuple[str, str]]) -> list[str]:
    """The enrolments behind what was named."""
    named: dict[str, list[str]] = defaultdict(list)
    for kind, value in sorted(concerned):
        named[kind].append(value)
    found = {value for value in named["id"] if _HASH.match(value)}
    with node.private.reading() as connection:
        about = sa.select(financing_records.c.financing).where(financing_records.c.record_id.in_(named["record"]))
        named["financing"] += connection.execute(about).scalars()
        for kind, (key, enterprise) in _BEHIND:
            for start in range(0, len(named[kind]), _IDS_AT_ONCE):
                query = sa.select(enterprise).where(key.in_(named[kind][start : start + _IDS_AT_ONCE]))
                found.update(each for each in connection.execute(query).scalars() if each)
    return sorted(found)
