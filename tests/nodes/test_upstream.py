from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from ledger import canonical
from ledger.clock import SettableClock
from ledger.errors import InputError, NotPermitted, Refused, TallystickError, Unreachable, VerificationFailed
from ledger.evidence import BlockBundle
from ledger.keys import public_of
from ledger.record import parse, record_id, sign_record
from nodes.upstream import ASSERTION_TYPE, HttpUpstream, audience_of
from tests.nodes.dripping import BEGINNINGS, dripping

START_MS = 1_793_000_000_000
AUDIENCE = audience_of("a" * 64, "authority")
KEY = ec.generate_private_key(ec.SECP256R1())
RECEIPT = {"height": 3, "time_ms": START_MS, "log_index": 9, "position": 0, "record_id": "e" * 64, "result": {"code": "ok"}}


def core() -> dict[str, Any]:
    return {
        "v": 1,
        "network": "a" * 64,
        "type": "enterprise.enrol",
        "signers": [public_of(KEY).id],
        "nonce": "00" * 16,
        "not_after": START_MS,
        "seen": {"height": 0, "hash": "b" * 64},
        "body": {},
        "sealed": {},
    }


class Operator:
    """The upstream node's side of the wire: checks assertions as RFC 7523 says, hands out tokens, plays back answers."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.assertions: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.key = ECKey.import_key(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            return self._token(request)
        self.requests.append(request)
        if request.headers["Authorization"] != f"Bearer {self.tokens[-1]}":
            return httpx.Response(401, json={"code": "token-ended"})
        status, value = self.answers.pop(0)
        return httpx.Response(status, content=value if isinstance(value, bytes) else orjson.dumps(value))

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        assert (form["grant_type"], form["client_assertion_type"]) == ("client_credentials", ASSERTION_TYPE)
        token = jwt.decode(form["client_assertion"], self.key, algorithms=["ES256"])
        assert token.claims["iss"] == token.claims["sub"] == form["client_id"] == "bank-a"
        self.assertions.append(token.claims)
        self.tokens.append(f"token-{len(self.tokens)}")
        return httpx.Response(200, json={"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 900})


def upstream_of(operator: Any, clock: SettableClock | None = None) -> HttpUpstream:
    transport = httpx.MockTransport(operator)
    return HttpUpstream("http://upstream", "bank-a", AUDIENCE, KEY, clock or SettableClock(START_MS), os.urandom, transport=transport)


def test_a_node_signs_in_with_an_assertion_for_that_one_upstream_and_for_a_minute() -> None:
    operator = Operator((200, {"checkpoint": "note"}))
    assert upstream_of(operator).checkpoint() == "note"
    (claims,) = operator.assertions
    assert claims["aud"] == AUDIENCE
    assert (claims["iat"], claims["exp"]) == (START_MS // 1000, START_MS // 1000 + 60)


def test_a_token_is_used_until_shortly_before_its_end_and_no_assertion_is_used_twice() -> None:
    clock = SettableClock(START_MS)
    operator = Operator(*[(200, {"checkpoint": "note"})] * 3)
    upstream = upstream_of(operator, clock)
    upstream.checkpoint()
    clock.advance(869_000)
    upstream.checkpoint()
    assert len(operator.tokens) == 1
    clock.advance(1_000)
    upstream.checkpoint()
    assert len(operator.tokens) == 2
    assert len({claims["jti"] for claims in operator.assertions}) == 2


def test_a_token_that_ended_early_is_replaced_once() -> None:
    operator = Operator((200, {"checkpoint": "first"}), (200, {"checkpoint": "second"}))
    upstream = upstream_of(operator)
    upstream.checkpoint()
    operator.tokens.append("another")
    assert upstream.checkpoint() == "second"
    assert len(operator.assertions) == 2


def test_blocks_come_as_they_were_made() -> None:
    raw = sign_record(core(), [KEY])
    bundle = BlockBundle({"height": 1}, (raw,), ({"code": "ok"},), "note")
    operator = Operator((200, {"items": [bundle.to_json()], "next": None}))
    assert upstream_of(operator).blocks(0, 50, 20) == [bundle]
    assert operator.requests[0].url.params == httpx.QueryParams({"after": "0", "limit": "50"})
    assert operator.requests[0].headers["Prefer"] == "wait=20"


def test_a_record_is_handed_in_under_its_own_id() -> None:
    raw = sign_record(core(), [KEY])
    operator = Operator((200, RECEIPT))
    assert upstream_of(operator).submit(raw).to_json() == RECEIPT
    assert operator.requests[0].content == raw
    assert operator.requests[0].headers["Idempotency-Key"] == parse(raw).id


def test_what_a_one_time_key_signed_is_handed_in_to_be_introduced() -> None:
    operator = Operator((201, RECEIPT))
    upstream_of(operator).introduce(core(), b"\x01" * 64)
    (request,) = operator.requests
    assert (request.method, request.url.path) == ("POST", "/v1/introductions")
    assert orjson.loads(request.content) == {"record": core(), "signature": "01" * 64}
    assert request.headers["Idempotency-Key"] == record_id(canonical.encode(core()))


@pytest.mark.parametrize(
    ("status", "problem", "kind", "code"),
    [
        (409, {"code": "expired", "detail": "too late"}, Refused, "expired"),
        (422, {"code": "malformed", "detail": "odd"}, InputError, "malformed"),
        (413, {"code": "oversize", "detail": "long"}, InputError, "oversize"),
        (403, {"code": "not-your-record", "detail": "no"}, NotPermitted, "not-your-record"),
        (202, {"record_id": "e" * 64}, Unreachable, "answer-late"),
        (503, {"code": "engine-busy", "detail": "busy"}, Unreachable, "upstream-unreachable"),
        (502, b"<html>", Unreachable, "upstream-unreachable"),
        (200, b"<html>", VerificationFailed, "upstream-malformed"),
        (200, [], VerificationFailed, "upstream-malformed"),
        (200, {**RECEIPT, "height": "3"}, VerificationFailed, "upstream-malformed"),
        (200, {**RECEIPT, "height": True}, VerificationFailed, "upstream-malformed"),
    ],
)
def test_an_answer_that_is_no_receipt_is_an_error_with_its_code(status: int, problem: Any, kind: type[TallystickError], code: str) -> None:
    with pytest.raises(kind) as caught:
        upstream_of(Operator((status, problem))).submit(sign_record(core(), [KEY]))
    assert caught.value.code == code


@pytest.mark.parametrize(
    "item", [{}, [], {"header": {}, "records": [{}], "checkpoint": ""}, {"header": {}, "records": 1, "checkpoint": ""}]
)
def test_a_block_of_another_shape_is_refused(item: Any) -> None:
    with pytest.raises(TallystickError, match="malformed-block"):
        upstream_of(Operator((200, {"items": [item], "next": None}))).blocks(0, 1, 0)


def test_an_upstream_that_is_not_there_is_unreachable() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unreachable, match="upstream-unreachable"):
        upstream_of(nobody).checkpoint()


def test_an_upstream_that_does_not_know_our_key_is_said_so() -> None:
    def stranger(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": "invalid_client"})

    with pytest.raises(Unreachable, match="upstream-sign-in"):
        upstream_of(stranger).checkpoint()


@pytest.mark.parametrize(("beginning", "drop"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_an_answer_that_never_ends_is_given_up_each_time(beginning: bytes, drop: bytes) -> None:
    with dripping(beginning, drop) as url:
        upstream = HttpUpstream(url, "bank-a", AUDIENCE, KEY, SettableClock(START_MS), os.urandom, answer_s=0.1)
        for _ in range(2):
            with pytest.raises(Unreachable, match="upstream-unreachable"):
                upstream.checkpoint()
        upstream.close()
