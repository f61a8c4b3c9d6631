"""Sessions of people in a browser: a cookie that holds a token of `api.tokens`, and what is kept of it in memory.

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

from api.permissions import scopes_of
from api.principal import Principal
from api.problems import Unauthenticated
from api.tokens import SESSION, Tokens
from ledger.errors import NotPermitted
from ledger.limits import SESSION_IDLE_SECONDS, SESSION_SECONDS, SESSIONS_PER_ACCOUNT_MAX
from nodes.author import SigningKey
from nodes.keys.account import User
from nodes.node import Node

CSRF_HEADER: Final = "x-csrf-token"
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
        self._secure = tokens.issuer.startswith("https:")
        self.cookie = f"{'__Host-' if self._secure else ''}tallystick-{node.config.node.id}"
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def open(self, user: User, way: str, key: SigningKey | None) -> tuple[Held, str]:
        """A new session of a person, and what its cookie holds. The oldest of too many ends."""
        scopes = scopes_of(user.role)
        issued = self._tokens.issue("staff", user.id, user.role, scopes, key=key, proved_by=user.credential, use=SESSION)
        principal = self._tokens.verify(issued.token, SESSION)
        csrf = base64.urlsafe_b64encode(self._node.random(32)).rstrip(b"=").decode()
        held = Held(principal, way, csrf, self._idle_until_ms())
        with self._lock:
            self._forget_ended()
            own = [each for each in self._held.values() if each.principal.id == user.id]
            self._held[principal.token_id] = held
        too_many = max(0, len(own) + 1 - SESSIONS_PER_ACCOUNT_MAX)
        for each in sorted(own, key=lambda one: one.principal.expires_ms)[:too_many]:
            self.end(each.principal)
        return held, issued.token

    def verify(self, connection: HTTPConnection, *, uses: bool = True) -> Held:
        """Whose session a request belongs to; one that `uses` it lets it rest anew. Raises `Unauthenticated` (`session-ended`, and as
        `Tokens.verify`), `NotPermitted` (`csrf`).
        """
        principal = self._tokens.verify(connection.cookies.get(self.cookie, ""), SESSION)
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
        response.set_cookie(self.cookie, value, max_age=lasts, path="/", secure=self._secure, httponly=True, samesite="strict")

    def _idle_until_ms(self) -> int:
        return self._node.clock.now_ms() + SESSION_IDLE_SECONDS * 1000

    def _forget_ended(self) -> None:
        now_ms = self._node.clock.now_ms()
        for token_id in [each for each, held in self._held.items() if now_ms >= min(held.idle_until_ms, held.principal.expires_ms)]:
            del self._held[token_id]


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """A page of another site must not make a browser sign in or act here. Raises `NotPermitted` (`cross-site`)."""
    if headers.get("sec-fetch-site", "none") not in _OWN_SITE:
        raise NotPermitted("cross-site", "the request was made by another site's page")


def _check_meant(headers: Mapping[str, str], held: Held) -> None:
    refuse_other_sites(headers)
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode("utf-8"), held.csrf.encode("ascii")):
        raise NotPermitted("csrf", "X-CSRF-Token is missing, or not the session's", hint="GET /v1/session gives it")
