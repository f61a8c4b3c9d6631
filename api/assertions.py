"""Client assertions (RFC 7523, `private_key_jwt`): how nodes sign in to a node.

A member's node is its member's slug and signs with a `service` key that is in force on the ledger; an enterprise's node is
`enterprise:<key id>` and signs with the key that it was enrolled with. ES256 only; the assertion names this one node as its audience,
lives five minutes at most, and works once: its id is kept until it has expired, in the private database, so that a restart of the
node does not forget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy.exc import IntegrityError

from api.problems import Unauthenticated
from ledger.errors import NotFound
from ledger.hashing import tagged_json
from ledger.limits import ASSERTION_BYTES_MAX, ASSERTION_SECONDS_MAX
from nodes.node import ENTERPRISE_CLIENT, Node
from nodes.private import used_assertions

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHM: Final = "ES256"
_LEEWAY_S: Final = 60
_JTI_CHARS_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class Asserted:
    """Who a good assertion comes from: a member, or an enterprise by its enrolment id; and the key that signed it."""

    kind: str
    subject: str
    enterprise: str | None
    key_id: str


class Assertions:
    """Verifies assertions made for one node, which answers to the audiences given. Safe to share between threads."""

    def __init__(self, node: Node, audiences: frozenset[str]) -> None:
        self._node, self._audiences = node, audiences

    def verify(self, client_id: str, assertion: str) -> Asserted:
        """Raises `Unauthenticated` (`assertion-invalid`, `assertion-replayed`), which does not say which check failed."""
        if len(assertion) > ASSERTION_BYTES_MAX:
            raise _invalid()
        for asserted, public in self._candidates(client_id):
            claims = _decode(assertion, public)
            if claims is not None:
                self._check_claims(claims, client_id)
                self._use_once(client_id, claims)
                return asserted
        raise _invalid()

    def _candidates(self, client_id: str) -> list[tuple[Asserted, bytes]]:
        """The keys that may speak for a client. Which algorithm to use follows from our records, never from the token."""
        if client_id.startswith(ENTERPRISE_CLIENT):
            key_id = client_id.removeprefix(ENTERPRISE_CLIENT)
            try:
                enterprise = self._node.enterprises.by_sign_key(key_id)
            except NotFound:
                return []
            public = enterprise.sign
            assert public is not None, "it was found by its key"
            return [(Asserted("enterprise-node", enterprise.id, enterprise.id, key_id), public.public)]
        return [(Asserted("node", client_id, None, key.id), key.public) for key in self._node.directory.keys(client_id, "service")]

    def _check_claims(self, claims: dict[str, Any], client_id: str) -> None:
        now_s = self._node.clock.now_ms() // 1000
        expires_s, issued_s, not_before_s = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
        audience, jti = claims.get("aud"), claims.get("jti")
        good = claims.get("iss") == client_id and claims.get("sub") == client_id
        # Of several audiences each could use the assertion at the others, so there is exactly one, and it is this node.
        good = good and isinstance(audience, str) and audience in self._audiences
        good = good and isinstance(jti, str) and 0 < len(jti) <= _JTI_CHARS_MAX
        good = good and type(expires_s) is int and now_s - _LEEWAY_S < expires_s <= now_s + ASSERTION_SECONDS_MAX + _LEEWAY_S
        good = good and type(issued_s) is int and issued_s <= now_s + _LEEWAY_S
        if not (good and type(not_before_s) is int and not_before_s <= now_s + _LEEWAY_S):
            raise _invalid()

    def _use_once(self, client_id: str, claims: dict[str, Any]) -> None:
        row = {"id": tagged_json("assertion", [client_id, claims["jti"]]), "expires_ms": (claims["exp"] + _LEEWAY_S) * 1000}
        try:
            with self._node.private.begin() as connection:
                connection.execute(sa.delete(used_assertions).where(used_assertions.c.expires_ms < self._node.clock.now_ms()))
                connection.execute(sa.insert(used_assertions), [row])
        except IntegrityError as error:
            raise Unauthenticated("assertion-replayed", "this assertion was used before", hint="make a new one for each sign-in") from error


def _decode(assertion: str, public: bytes) -> dict[str, Any] | None:
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    key = ECKey.import_key(point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    try:
        return dict(jwt.decode(assertion, key, algorithms=[ALGORITHM]).claims)
    except (JoseError, ValueError, TypeError):
        return None


def _invalid() -> Unauthenticated:
    hint = "ES256 by a key in force, iss = sub = client_id, aud = this node, exp within five minutes, a fresh jti"
    return Unauthenticated("assertion-invalid", "the client assertion does not hold", hint=hint)
