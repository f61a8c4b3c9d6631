"""Staff sign in at an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636; RFC 9700).

What one sign-in needs to be checked by (`Begun`) stays with the browser that began it, in a cookie of its own, so that nobody can finish a
sign-in that another browser began, and strangers fill no memory here.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError

from ledger.clock import Clock
from ledger.errors import NotPermitted
from ledger.limits import OPENID_PARAMETER_CHARS_MAX, OPENID_SUBJECT_CHARS_MAX
from nodes.home_config import OidcSection
from nodes.openid.provider import Provider

# Signatures only: a shared secret would make this node a maker of id tokens.
ALGORITHMS: Final = ("ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
_LEEWAY_S: Final = 60
_FRESH_S: Final = 600
_KEPT: Final = re.compile(r"([\w-]{43})\.([\w-]{43})\.([\w-]{43})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Begun:
    """What a sign-in was begun with: 256 random bits each, base64url."""

    state: str
    nonce: str
    verifier: str

    def to_text(self) -> str:
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @staticmethod
    def from_text(text: str) -> Begun | None:
        found = _KEPT.match(text)
        return None if found is None else Begun(*found.groups())


class OpenIdSignIn:
    """Of one node. `redirect_uri` is where the provider sends browsers back to, exactly as it is registered there."""

    def __init__(self, section: OidcSection, provider: Provider, redirect_uri: str, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._section, self._provider, self._redirect_uri = section, provider, redirect_uri
        self._clock, self._random = clock, random

    def begin(self) -> tuple[Begun, str]:
        """A sign-in, and the address at the provider that it begins at. Raises as `Provider.metadata`."""
        begun = Begun(*(_base64url(self._random(32)) for _ in range(3)))
        query = {
            "response_type": "code",
            "client_id": self._section.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(["openid", *(scope for scope in self._section.scopes if scope != "openid")]),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": _base64url(sha256(begun.verifier.encode("ascii")).digest()),
            "code_challenge_method": "S256",
        }
        endpoint = self._provider.metadata().authorization_endpoint
        return begun, f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def finish(self, begun: Begun | None, answer: Mapping[str, str]) -> str:
        """The subject that signed in, by what the provider sent the browser back with.

        Raises `NotPermitted`: `oidc-state` (this browser began no such sign-in), `oidc-issuer`, `oidc-denied`, `oidc-token` (the code
        is not good, or the id token does not hold); and as `Provider.metadata`.
        """
        state = answer.get("state", "")
        if begun is None or not hmac.compare_digest(begun.state.encode("ascii"), state.encode("utf-8", "replace")):
            raise NotPermitted("oidc-state", "this browser began no such sign-in", hint="begin again at GET /v1/session/oidc")
        issuer = answer.get("iss")
        if issuer != self._section.issuer and (issuer is not None or self._provider.metadata().names_itself):
            raise NotPermitted("oidc-issuer", "the answer is from another provider than the configured one")
        code = answer.get("code", "")
        if "error" in answer or not 0 < len(code) <= OPENID_PARAMETER_CHARS_MAX:
            raise NotPermitted("oidc-denied", "the provider did not sign this person in", hint="begin again at GET /v1/session/oidc")
        given = self._provider.exchange(code, begun.verifier, self._redirect_uri)
        token = None if given is None else given.get("id_token")
        if not isinstance(token, str):
            raise _no_token("the provider gives no id token for this code")
        return self._subject(self._claims(token), begun.nonce)

    def _claims(self, token: str) -> dict[str, Any]:
        """What the token says, once its signature is the provider's."""
        for anew in (False, True):
            try:
                return dict(jwt.decode(token, self._provider.keys(anew=anew), algorithms=list(ALGORITHMS)).claims)
            except (JoseError, ValueError, TypeError):
                continue
        raise _no_token("the id token's signature does not hold")

    def _subject(self, claims: Mapping[str, Any], nonce: str) -> str:
        """Core, 3.1.3.7."""
        now_s = self._clock.now_ms() // 1000
        audience, client = claims.get("aud"), self._section.client_id
        audiences = audience if isinstance(audience, list) else [audience]
        good = claims.get("iss") == self._section.issuer and client in audiences
        good = good and claims.get("azp", client) == client and (len(audiences) == 1 or "azp" in claims)
        good = good and isinstance(claims.get("sub"), str)
        good = good and hmac.compare_digest(str(claims.get("nonce")).encode("utf-8", "replace"), nonce.encode("ascii"))
        expires_s, issued_s = claims.get("exp"), claims.get("iat")
        good = good and type(expires_s) is int and now_s < expires_s + _LEEWAY_S
        if not (good and type(issued_s) is int and now_s - _FRESH_S < issued_s <= now_s + _LEEWAY_S):
            raise _no_token("the id token is not for this sign-in")
        subject = claims.get(self._section.claim)
        if not (isinstance(subject, str) and 0 < len(subject) <= OPENID_SUBJECT_CHARS_MAX):
            raise _no_token("the id token lacks the claim that names the account")
        if self._section.claim == "email" and claims.get("email_verified") is not True:
            raise _no_token("the provider has not verified the address")
        return subject


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _no_token(what: str) -> NotPermitted:
    return NotPermitted("oidc-token", what, hint="begin again at GET /v1/session/oidc")
