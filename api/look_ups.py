"""Which routes read something about somebody at the authority, and the one place where that is written down (see `nodes.look_ups`).

Noted is what the authority's own people and programs read. An exporter in custody that reads what is its own, and guests, who are shown
nothing that is sealed, are not. `X-Purpose` says why, percent-encoded UTF-8. Whom an answer concerned is read from the request's path and
query and from the answer itself.
"""

from __future__ import annotations

import re
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
from ledger.errors import NotFound
from ledger.limits import PURPOSE_CHARS_MAX
from nodes.declarations.book import declarations
from nodes.enterprises import enterprises
from nodes.look_ups import LookUps
from nodes.node import Node

PURPOSE: Final = "x-purpose"
# Of what every seat may read of the ledger, only these show what is sealed.
OPENED: Final = frozenset({"GET /v1/records/{record_id}", "GET /v1/records/{record_id}/proof"})
# Read without a trace: they say nothing about an enterprise, a declaration or a bank that is not public. All else that is read is noted.
NOTHING_SEALED: Final = frozenset(
    {
        "GET /v1/exchange-rates",
        "GET /v1/look-ups",
        "GET /v1/monitoring/settings",
        "GET /v1/paper-settings",
    }
)
_PUBLIC: Final = "ledger:read"
_IDS: Final = frozenset({"enterprise_id", "enterprise"})
_USCCS: Final = frozenset({"uscc", "exporter_uscc"})
_PAGING: Final = frozenset({"after", "limit", "format"})
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_PRINTABLE: Final = re.compile(rf"[^\x00-\x1f\x7f]{{1,{PURPOSE_CHARS_MAX}}}\Z")


def shows_sealed(route: str, permission: Permission) -> bool:
    """Whether a route shows its reader anything that is not public. A new one does, unless it is declared here that it does not."""
    return route in OPENED or (route.startswith("GET ") and permission.scope != _PUBLIC and route not in NOTHING_SEALED)


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
    if response.status_code >= 400:
        return
    node = context.node
    asked = {**request.path_params, **{name: value for name, value in request.query_params.items() if name not in _PAGING}}
    concerned = set(_named_in(asked)) | set(getattr(request.state, "concerned", ()))
    if response.media_type == "application/json" and response.body:
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
    """What names an enterprise, at any depth: ids of enrolments, credit codes, and ids of declarations."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                kind = "id" if name in _IDS else "uscc" if name in _USCCS else "declaration" if name == "declaration_id" else None
                if kind is not None:
                    yield kind, item
            else:
                yield from _named_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named_in(item)


def _enterprises(node: Node, concerned: set[tuple[str, str]]) -> list[str]:
    """The enrolments behind what was named."""
    found = {value for kind, value in concerned if kind == "id" and _HASH.match(value)}
    by_code = sorted(value for kind, value in concerned if kind == "uscc")
    by_declaration = sorted(value for kind, value in concerned if kind == "declaration")
    with node.private.reading() as connection:
        for start in range(0, len(by_code), 500):
            query = sa.select(enterprises.c.id).where(enterprises.c.uscc.in_(by_code[start : start + 500]))
            found.update(connection.execute(query).scalars())
        for start in range(0, len(by_declaration), 500):
            query = sa.select(declarations.c.enterprise).where(declarations.c.id.in_(by_declaration[start : start + 500]))
            found.update(each for each in connection.execute(query).scalars() if each is not None)
    return sorted(found)
