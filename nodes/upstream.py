"""A follower's way to its upstream node over HTTP: blocks in, the member's own records out.

The node signs in as its member with OAuth 2.0 client credentials and a JWT that its service key signs (RFC 7523, ES256); an
enterprise's node does with its enrolled signing key. The assertion names the one node that it is meant for, so that no node can
use it to sign in elsewhere. What arrives is not trusted: the `follow` engine executes and checks all of it.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from ledger import canonical
from ledger.clock import Clock
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted, Refused, TallystickError, Unreachable, VerificationFailed
from ledger.evidence import BlockBundle
from ledger.follow import Upstream
from ledger.limits import UPSTREAM_ANSWER_BYTES_MAX
from ledger.record import parse, record_id
from nodes.bounded_http import AnswerTooLong, BoundedHttp

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SUBMIT_WAIT_S: Final = 20
_ASSERTION_S: Final = 60
_TOKEN_MARGIN_MS: Final = 30_000
_TIMEOUT_S: Final = 10.0
# The longest answer, many full blocks, takes no longer over a line of some eight megabits a second.
_ANSWER_S: Final = 300.0


def audience_of(network: str, member: str) -> str:
    """What a client assertion for a member's node names as its audience."""
    return f"urn:tallystick:{network}:{member}"


class NodeUpstream(Upstream, Protocol):
    """What a follower's node asks of its upstream node: what its engine does, and to introduce what a one-time key signed."""

    def introduce(self, core: Mapping[str, Any], signature: bytes) -> Receipt:
        """Hands in an unsigned record and its one-time key's signature; the upstream node's member signs beside it and pays."""
        ...


class HttpUpstream:
    """A `NodeUpstream`. Safe to share between threads. `tls` is as for `BoundedHttp`; `transport` stands in for the network in tests;
    `answer_s` is how long a whole answer may take, besides what the upstream node was asked to wait.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        audience: str,
        private_key: EllipticCurvePrivateKey,
        clock: Clock,
        random: Callable[[int], bytes],
        *,
        tls: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self._client_id, self._audience, self._clock, self._random = client_id, audience, clock, random
        self._key = signing_jwk(private_key)
        self._http = BoundedHttp(
            base_url, timeout_s=_TIMEOUT_S, answer_s=answer_s, bytes_max=UPSTREAM_ANSWER_BYTES_MAX, tls=tls, transport=transport
        )
        self._lock = threading.Lock()
        self._token: tuple[str, int] | None = None

    def close(self) -> None:
        self._http.close()

    def blocks(self, after_height: int, limit: int, wait_s: float) -> list[BlockBundle]:
        """Blocks above a height, in order; the upstream node waits up to `wait_s` for the first. Raises `Unreachable`."""
        value = self._call(
            "GET",
            "/v1/blocks",
            params={"after": str(after_height), "limit": str(limit)},
            headers={"Prefer": f"wait={int(wait_s)}"},
            wait_s=wait_s,
        )
        items = value.get("items")
        if not isinstance(items, list):
            raise _malformed("the answer has no list of blocks")
        return [BlockBundle.from_json(item) for item in items]

    def checkpoint(self) -> str:
        """The upstream node's newest signed note."""
        note = self._call("GET", "/v1/checkpoint").get("checkpoint")
        if not isinstance(note, str):
            raise _malformed("the answer has no checkpoint")
        return note

    def submit(self, raw: bytes) -> Receipt:
        """Hands a transaction in. The record's id is the idempotency key: the same bytes may be sent again at any time."""
        return self._post("/v1/records", parse(raw).id, raw)

    def introduce(self, core: Mapping[str, Any], signature: bytes) -> Receipt:
        """As `NodeUpstream.introduce`. The same core may be handed in again at any time."""
        body = canonical.encode({"record": dict(core), "signature": signature.hex()})
        return self._post("/v1/introductions", record_id(canonical.encode(core)), body)

    def hand_in(self, path: str, idempotency_key: str, body: bytes) -> dict[str, Any]:
        """Hands JSON in at another resource of the upstream node, and gives its answer. Raises the error that it refused with."""
        headers = {"Idempotency-Key": idempotency_key, "Content-Type": "application/json"}
        return self._call("POST", path, content=body, headers=headers)

    def fetch(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Another resource of the upstream node. Raises as `hand_in`."""
        return self._call("GET", path, params=params)

    def _post(self, path: str, idempotency_key: str, body: bytes) -> Receipt:
        headers = {"Idempotency-Key": idempotency_key, "Prefer": f"wait={SUBMIT_WAIT_S}", "Content-Type": "application/json"}
        return _receipt(self._call("POST", path, content=body, headers=headers, wait_s=SUBMIT_WAIT_S))

    def _call(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
        def attempt(*, fresh: bool) -> tuple[int, dict[str, Any]]:
            bearer = {"Authorization": f"Bearer {self._bearer(fresh=fresh)}"}
            return self._request(method, path, headers={**(headers or {}), **bearer}, **options)

        status, value = attempt(fresh=False)
        if status == httpx.codes.UNAUTHORIZED:
            # The token may have ended early, for instance because the upstream node was started again.
            status, value = attempt(fresh=True)
        if status in (httpx.codes.OK, httpx.codes.CREATED):
            return value
        if status == httpx.codes.ACCEPTED:
            raise Unreachable(
                "answer-late", "the upstream node took the record and has not answered yet", hint="send the same record again"
            )
        raise _error_of(status, value)

    def _bearer(self, *, fresh: bool) -> str:
        with self._lock:
            if fresh or self._token is None or self._token[1] <= self._clock.now_ms():
                self._token = self._sign_in()
            return self._token[0]

    def _sign_in(self) -> tuple[str, int]:
        """A token, and the time until which it is used."""
        now_ms = self._clock.now_ms()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(now_ms // 1000),
        }
        status, value = self._request("POST", "/oauth2/token", data=form)
        token, lifetime_s = value.get("access_token"), value.get("expires_in")
        if status != httpx.codes.OK or not isinstance(token, str) or type(lifetime_s) is not int:
            raise Unreachable("upstream-sign-in", "the upstream node does not let this node sign in", hint="is its key in force there?")
        return token, now_ms + lifetime_s * 1000 - _TOKEN_MARGIN_MS

    def _assertion(self, now_s: int) -> str:
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._audience,
            "jti": self._random(16).hex(),
            "iat": now_s,
            "exp": now_s + _ASSERTION_S,
        }
        return jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._key)

    def _request(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer. Raises `Unreachable` (`upstream-unreachable`), `VerificationFailed`."""
        try:
            status, body = self._http.ask(method, path, **options)
        except AnswerTooLong as error:
            raise _malformed("an answer is longer than any that is agreed") from error
        except httpx.HTTPError as error:
            raise Unreachable(
                "upstream-unreachable", "the upstream node does not answer", hint=f"is it running? {self._http.base_url}"
            ) from error
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise Unreachable("upstream-unreachable", "the upstream node answers with an error", hint="see its log") from error
            raise _malformed("an answer is not JSON") from error
        if not isinstance(value, dict):
            raise _malformed("an answer is not a JSON object")
        return status, value


def signing_jwk(private_key: EllipticCurvePrivateKey) -> ECKey:
    """A key to sign JWTs with, of which only the public half is told: a key in a hardware module has no other to tell."""
    public = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return ECKey(private_key, ECKey.import_key(public).as_dict(private=False))


def authority_of(genesis: dict[str, Any]) -> str:
    """The slug of the member that every network has."""
    return next(str(member["member"]) for member in genesis["application"]["members"] if member["role"] == "authority")


def _receipt(value: Mapping[str, Any]) -> Receipt:
    fields = ("height", "time_ms", "log_index", "position")
    numbers = [value.get(name) for name in fields]
    record_id, result = value.get("record_id"), value.get("result")
    if not isinstance(record_id, str) or not isinstance(result, dict) or not all(type(number) is int for number in numbers):
        raise _malformed("a receipt is not of the agreed shape")
    height, time_ms, log_index, position = (int(number or 0) for number in numbers)
    return Receipt(record_id, height, time_ms, log_index, position, result)


def _error_of(status: int, problem: Mapping[str, Any]) -> TallystickError:
    """The error behind an RFC 9457 problem, so that the code that reaches our caller is the one that the upstream node gave."""
    code, message = (
        str(problem.get("code", "upstream-refused")),
        str(problem.get("detail", problem.get("title", "the upstream node refused"))),
    )
    kinds: dict[int, type[TallystickError]] = {403: NotPermitted, 404: NotFound, 409: Refused, 422: InputError}
    if status in kinds:
        return kinds[status](code, message)
    if code == "oversize":
        return InputError(code, message)
    return Unreachable("upstream-unreachable", f"the upstream node answers {status} ({code})", hint="try again later")


def _malformed(what: str) -> VerificationFailed:
    return VerificationFailed("upstream-malformed", f"the upstream node's answer cannot be used: {what}")
