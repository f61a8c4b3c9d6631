"""Sessions of people in a browser, staff and exporters in custody: a cookie with a token of `api.tokens`, and what memory keeps of it.

A session ends after half an hour in which nothing was asked, after twelve hours at the latest (NIST SP 800-63B, 4.2.3), when its person
signs out, gets another secret or is disabled, and when the node stops. The cookie is `HttpOnly` and `SameSite=Strict`, and where the node
is called by https it is `Secure` and named with `__Host-` (RFC 6265bis). What changes anything needs the session's own `X-CSRF-Token`
too. Nodes on one host have cookies of different names, since browsers do not tell ports apart.
"""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.permissions import standing_of
from api.principal import Principal
from api.problems import Unauthenticated
from api.tls import thumbprint_of
from api.tokens import SESSION, Tokens
from ledger.errors import NotPermitted
from ledger.limits import SESSION_IDLE_SECONDS, SESSION_SECONDS, SESSIONS_PER_ACCOUNT_MAX
from nodes.author import SigningKey
from nodes.keys.account import Account
from nodes.node import Node

CSRF_HEADER: Final = "x-csrf-token"
_SCOPE: Final = "session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of a session: how its person signed in, what proves that a request is meant, and until when it may rest."""

    principal: Principal
    way: str
    csrf: str
    idle_until_ms: int


class Sessions:
    """The sessions of one node. Safe to share between threads."""

    def __init__(self, node: Node, tokens: Tokens) -> None:
        self._node, self._tokens = node, tokens
        self.secure = tokens.issuer.startswith("https:")
        self.cookie = f"{'__Host-' if self.secure else ''}tallystick-{node.config.node.id}"
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def open(self, account: Account, way: str, key: SigningKey | None, certificate: str | None) -> tuple[Held, str]:
        """A new session of a person, bound to the certificate that was shown, and what its cookie holds. The oldest of too many ends."""
        standing = standing_of(account)
        proof = {"enterprise": standing.enterprise, "proved_by": account.credential, "certificate": certificate}
        # Whoever has a session may see it and end it, whatever scopes its account was given.
        scopes = standing.scopes | {_SCOPE}
        issued = self._tokens.issue(standing.kind, account.id, account.role, scopes, key=key, use=SESSION, **proof)
        principal = self._tokens.verify(issued.token, SESSION, certificate)
        csrf = base64.urlsafe_b64encode(self._node.random(32)).rstrip(b"=").decode()
        held = Held(principal, way, csrf, self._idle_until_ms())
        with self._lock:
            over = self._over(account.id)
            self._held[principal.token_id] = held
        for each in over:
            self.end(each)
        return held, issued.token

    def verify(self, connection: HTTPConnection, *, uses: bool = True) -> Held:
        """Whose session a request belongs to; one that `uses` it lets it rest anew. Raises `Unauthenticated` (`session-ended`, and as
        `Tokens.verify`), `NotPermitted` (`csrf`).
        """
        principal = self._tokens.verify(connection.cookies.get(self.cookie, ""), SESSION, thumbprint_of(connection))
        now_ms = self._node.clock.now_ms()
        with self._lock:
            held = self._held.get(principal.token_id)
            is_over = held is None or now_ms >= held.idle_until_ms
        if held is None or is_over:
            self.end(principal)
            raise Unauthenticated("session-ended", "the session has ended", hint="sign in again at POST /v1/session")
        if connection.scope.get("method") not in _SAFE:
            _check_meant(connection.headers, held)
        if uses:
            held = replace(held, principal=principal, idle_until_ms=self._idle_until_ms())
            with self._lock:
                if principal.token_id in self._held:
                    self._held[principal.token_id] = held
        return held

    def of(self, principal: Principal) -> Held | None:
        """The session that a caller came with; None for a bearer's token."""
        with self._lock:
            return self._held.get(principal.token_id)

    def end(self, principal: Principal) -> None:
        """Signs out."""
        with self._lock:
            self._held.pop(principal.token_id, None)
        self._tokens.end(principal)

    def set_cookie(self, response: Response, value: str) -> None:
        """Hands a session to the browser, or takes it back where there is no value."""
        lasts = SESSION_SECONDS if value else 0
        response.set_cookie(self.cookie, value, max_age=lasts, path="/", secure=self.secure, httponly=True, samesite="strict")

    def _idle_until_ms(self) -> int:
        return self._node.clock.now_ms() + SESSION_IDLE_SECONDS * 1000

    def _over(self, user: str) -> list[Principal]:
        """Sessions that have ended by themselves, and the oldest of one person's that are too many beside a new one."""
        now_ms = self._node.clock.now_ms()
        over = [each.principal for each in self._held.values() if now_ms >= min(each.idle_until_ms, each.principal.expires_ms)]
        own = [each.principal for each in self._held.values() if each.principal.id == user and each.principal not in over]
        too_many = max(0, len(own) + 1 - SESSIONS_PER_ACCOUNT_MAX)
        return over + sorted(own, key=lambda one: one.expires_ms)[:too_many]


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """A page of another site must not make a browser sign in or act here. Raises `NotPermitted` (`cross-site`)."""
    if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        raise NotPermitted("cross-site", "the request was made by another site's page")


def _check_meant(headers: Mapping[str, str], held: Held) -> None:
    refuse_other_sites(headers)
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode("utf-8"), held.csrf.encode("ascii")):
        raise NotPermitted("csrf", "X-CSRF-Token is missing, or not the session's", hint="GET /v1/session gives it")
