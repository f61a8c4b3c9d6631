"""Access tokens: ES256 JWTs (RFC 9068) that this node signs and that only this node takes.

A token lives 15 minutes. What it says is checked again at each use: the account is not disabled and its secret still the same, the
member's or enterprise's key still in force. A maker's or checker's key is opened when the token is issued and kept in memory, by the
token's id, until the token ends; so a token from before a restart of the node signs nobody in as a signer.

A session's cookie (`api.sessions`) holds such a token too, of another `typ`, so that neither passes for the other.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from api.principal import SIGNING_ROLES, Principal
from api.problems import Unauthenticated
from ledger.errors import NotFound
from ledger.keys import P256
from ledger.limits import ASSERTION_BYTES_MAX, SESSION_SECONDS, TOKEN_SECONDS
from nodes.author import SigningKey
from nodes.keys.keystore import NODE_OWNER
from nodes.node import Node
from nodes.private_files import read_node_secret
from nodes.upstream import audience_of

TOKEN_PURPOSE: Final = "token"
ALGORITHM: Final = "ES256"
ACCESS: Final = "at+jwt"
SESSION: Final = "session+jwt"
_LIFETIME_S: Final = {ACCESS: TOKEN_SECONDS, SESSION: SESSION_SECONDS}
_CLAIMS: Final = ("sub", "kind", "role", "scope", "jti", "exp", "iat", "nbf", "iss", "aud", "client_id")


@dataclass(frozen=True, slots=True)
class Issued:
    """A token and how long it lives."""

    token: str
    lifetime_s: int
    scopes: frozenset[str]


class Tokens:
    """Issues and verifies the access tokens of one node. Safe to share between threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        config = node.config
        self.issuer = config.base_url
        self.audience = audience_of(node.network, config.node.id)
        self._key_id, private = _token_key(node)
        self._key = ECKey.import_key(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self._open_keys: dict[str, tuple[int, SigningKey]] = {}
        self._ended: dict[str, int] = {}
        self._lock = threading.Lock()

    def jwks(self) -> dict[str, Any]:
        """The public key that the tokens verify under (RFC 7517)."""
        public = self._key.as_dict(private=False)
        return {"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": ALGORITHM}]}

    def issue(
        self,
        kind: str,
        subject: str,
        role: str,
        scopes: frozenset[str],
        *,
        key: SigningKey | None = None,
        enterprise: str | None = None,
        proved_by: str | None = None,
        use: str = ACCESS,
    ) -> Issued:
        """`key` is the staff key that the sign-in opened; `proved_by` the id of the key that signed a node's assertion, or an account's
        `credential`. `use` is ACCESS or SESSION.
        """
        now_s = self._node.clock.now_ms() // 1000
        token_id = self._node.random(16).hex()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "client_id": subject,
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + _LIFETIME_S[use],
            "jti": token_id,
            "kind": kind,
            "role": role,
            "scope": " ".join(sorted(scopes)),
        }
        claims |= {name: value for name, value in (("enterprise", enterprise), ("key", proved_by)) if value is not None}
        token = jwt.encode({"alg": ALGORITHM, "typ": use, "kid": self._key_id}, claims, self._key, algorithms=[ALGORITHM])
        with self._lock:
            self._forget_ended(now_s * 1000)
            if key is not None:
                self._open_keys[token_id] = (claims["exp"] * 1000, key)
        return Issued(token, _LIFETIME_S[use], scopes)

    def verify(self, token: str, use: str = ACCESS) -> Principal:
        """Who calls with this token. Raises `Unauthenticated` (`token-invalid`, `token-expired`, `token-ended`)."""
        claims = self._claims(token, use)
        now_ms = self._node.clock.now_ms()
        if now_ms >= claims["exp"] * 1000:
            raise Unauthenticated("token-expired", "the access token has expired", hint="sign in again")
        principal = Principal(
            kind=claims["kind"],
            id=claims["sub"],
            role=claims["role"],
            member=claims["sub"] if claims["kind"] == "node" else self._node.config.node.member,
            enterprise=claims.get("enterprise"),
            scopes=frozenset(claims["scope"].split()),
            token_id=claims["jti"],
            expires_ms=claims["exp"] * 1000,
        )
        with self._lock:
            self._forget_ended(now_ms)
            ended = principal.token_id in self._ended
            # A session may wait for its key to be opened.
            ended = ended or (use == ACCESS and principal.role in SIGNING_ROLES and principal.token_id not in self._open_keys)
        if ended or not self._still_stands(principal, claims.get("key")):
            raise Unauthenticated("token-ended", "what the token was issued for is no longer in force", hint="sign in again")
        return principal

    def signing_key(self, principal: Principal) -> SigningKey | None:
        """The staff key that this sign-in opened; None for callers that sign with no key of their own."""
        with self._lock:
            held = self._open_keys.get(principal.token_id)
        return None if held is None else held[1]

    def open_key(self, principal: Principal, key: SigningKey) -> None:
        """Keeps a key open for the rest of a token's life."""
        with self._lock:
            self._open_keys[principal.token_id] = (principal.expires_ms, key)

    def end(self, principal: Principal) -> None:
        """Signs out: the token is no longer taken, and the key that it held open is forgotten."""
        with self._lock:
            self._open_keys.pop(principal.token_id, None)
            self._ended[principal.token_id] = principal.expires_ms

    def close(self) -> None:
        """Forgets every open key."""
        with self._lock:
            self._open_keys.clear()

    def _claims(self, token: str, use: str) -> dict[str, Any]:
        if len(token) > ASSERTION_BYTES_MAX:
            raise _invalid()
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError) as error:
            raise _invalid() from error
        claims = decoded.claims
        good = decoded.header.get("typ") == use and decoded.header.get("kid") == self._key_id and all(c in claims for c in _CLAIMS)
        if not good or claims["iss"] != self.issuer or claims["aud"] != self.audience or type(claims["exp"]) is not int:
            raise _invalid()
        return dict(claims)

    def _still_stands(self, principal: Principal, proved_by: str | None) -> bool:
        node = self._node
        try:
            if principal.kind in ("staff", "client"):
                account = node.accounts.account(principal.id)
                return not account.disabled and account.role == principal.role and account.credential == proved_by
            if principal.kind == "node":
                key = node.directory.key(proved_by or "")
                # A suspended member still follows the ledger, and hands in what is left to it: the rules judge its records.
                return key is not None and key.alive and key.member == principal.id
            return node.enterprises.by_sign_key(proved_by or "").id == principal.enterprise
        except NotFound:
            return False

    def _forget_ended(self, now_ms: int) -> None:
        for held in [token_id for token_id, (until_ms, _) in self._open_keys.items() if until_ms <= now_ms]:
            del self._open_keys[held]
        for ended in [token_id for token_id, until_ms in self._ended.items() if until_ms <= now_ms]:
            del self._ended[ended]


def _token_key(node: Node) -> tuple[str, EllipticCurvePrivateKey]:
    """The node's own key for signing tokens, which the ledger knows nothing of; made where there is none."""
    secret = read_node_secret(node.home.secret_file)
    found = [info for info in node.keystore.list() if info.purpose == TOKEN_PURPOSE and info.owner == NODE_OWNER]
    info = found[0] if found else node.keystore.create(P256, TOKEN_PURPOSE, NODE_OWNER, secret)
    private = node.keystore.open(info.id, secret)
    assert isinstance(private, EllipticCurvePrivateKey), "a token key is made as p256"
    return info.id, private


def _invalid() -> Unauthenticated:
    return Unauthenticated("token-invalid", "the access token is not one of this node's", hint="sign in at /oauth2/token")
