"""What an id token has to say, and what a provider may not say of itself: against a small provider that says what the test tells it to."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from ledger.clock import SettableClock
from ledger.errors import NotPermitted, TallystickError, Unreachable
from nodes.home_config import OidcSection
from nodes.openid.provider import Provider
from nodes.openid.signing_in import Begun, OpenIdSignIn
from nodes.private_files import write_private_file

CLIENT = "tallystick"
NOW_MS = 1_795_000_000_000
NOW_S = NOW_MS // 1000
REDIRECT = "https://bank-a.example/v1/session/oidc/callback"


class SmallProvider(ThreadingHTTPServer):
    """Answers each path with what was put there, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.key: Any = ECKey.generate_key("P-256", {"kid": "one"})
        self.asked: list[str] = []
        self.forms: list[str] = []
        self.answers: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        }
        self.show(self.key)

    def show(self, *keys: Any) -> None:
        self.answers["/jwks"] = {"keys": [key.as_dict(private=False) for key in keys]}

    def metadata(self, **changes: Any) -> None:
        self.answers["/.well-known/openid-configuration"] |= changes

    def gives(self, claims: dict[str, Any], key: Any = None, alg: str = "ES256", **header: Any) -> None:
        key = key or self.key
        token = jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])
        self.answers["/token"] = {"access_token": "x", "token_type": "Bearer", "id_token": token}


class _Handler(BaseHTTPRequestHandler):
    server: SmallProvider

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answer = self.server.answers.get(self.path)
        status, body = (404, b"{}") if answer is None else (200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.forms.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def small() -> Iterator[SmallProvider]:
    server = SmallProvider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW_MS)


def sign_in_of(small: SmallProvider, clock: SettableClock, home: Path, **section: Any) -> OpenIdSignIn:
    write_private_file(home / "oidc.secret", b"the client's secret\n")
    config = OidcSection(issuer=small.issuer, client_id=CLIENT, secret_file="oidc.secret", **section)
    return OpenIdSignIn(config, Provider(config, home, clock), REDIRECT, clock, os.urandom)


@pytest.fixture
def sign_in(small: SmallProvider, clock: SettableClock, tmp_path: Path) -> OpenIdSignIn:
    return sign_in_of(small, clock, tmp_path)


def claims(small: SmallProvider, begun: Begun, **changes: Any) -> dict[str, Any]:
    good = {"iss": small.issuer, "aud": CLIENT, "sub": "li-wei", "nonce": begun.nonce, "iat": NOW_S, "exp": NOW_S + 300}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def code_of(sign_in: OpenIdSignIn, begun: Begun) -> str:
    try:
        return f"signed in: {sign_in.finish(begun, {'state': begun.state, 'code': 'c'})}"
    except TallystickError as error:
        return error.code


def test_who_the_id_token_names_is_signed_in(small: SmallProvider, sign_in: OpenIdSignIn) -> None:
    begun, url = sign_in.begin()
    assert url.startswith(f"{small.issuer}/authorize?tenant=1&response_type=code&")
    small.gives(claims(small, begun))
    assert code_of(sign_in, begun) == "signed in: li-wei"
    (form,) = small.forms
    assert f"code_verifier={begun.verifier}" in form and "client_secret=the+client%27s+secret" in form
    assert begun.verifier not in url and Begun.from_text(begun.to_text()) == begun


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": NOW_S - 60},
        {"exp": None},
        {"exp": "soon"},
        {"iat": NOW_S - 600},
        {"iat": NOW_S + 61},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(small: SmallProvider, sign_in: OpenIdSignIn, wrong: dict[str, Any]) -> None:
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun, **wrong))
    assert code_of(sign_in, begun) == "oidc-token"


@pytest.mark.parametrize("more", [{"exp": NOW_S - 59}, {"iat": NOW_S - 599}, {"iat": NOW_S + 60}, {"aud": [CLIENT]}], ids=str)
def test_clocks_may_differ_by_a_minute(small: SmallProvider, sign_in: OpenIdSignIn, more: dict[str, Any]) -> None:
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun, **more))
    assert code_of(sign_in, begun) == "signed in: li-wei"


def test_several_audiences_are_fine_where_the_party_is_this_one(small: SmallProvider, sign_in: OpenIdSignIn) -> None:
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun, aud=[CLIENT, "another"], azp=CLIENT))
    assert code_of(sign_in, begun) == "signed in: li-wei"


def test_another_key_a_shared_secret_and_no_signature_do_not_count(small: SmallProvider, sign_in: OpenIdSignIn) -> None:
    begun, _ = sign_in.begin()
    good = claims(small, begun)
    small.gives(good, ECKey.generate_key("P-256", {"kid": "one"}))
    assert code_of(sign_in, begun) == "oidc-token"
    small.gives(good, OctKey.import_key("the client's secret, long enough to be a key", {"kid": "one"}), "HS256")
    assert code_of(sign_in, begun) == "oidc-token"
    small.gives(good)
    head, body, _ = small.answers["/token"]["id_token"].split(".")
    none = "eyJhbGciOiJub25lIn0"
    for forged in (f"{none}.{body}.", f"{head}.{body}.", "x", "a.b.c", ""):
        small.answers["/token"]["id_token"] = forged
        assert code_of(sign_in, begun) == "oidc-token"


def test_a_key_that_is_new_there_is_fetched_once_a_minute(small: SmallProvider, sign_in: OpenIdSignIn, clock: SettableClock) -> None:
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun))
    assert code_of(sign_in, begun) == "signed in: li-wei"
    newer = RSAKey.generate_key(2048, {"kid": "two"})
    small.show(small.key, newer)
    small.gives(claims(small, begun), newer, "RS256")
    assert code_of(sign_in, begun) == "oidc-token", "it was asked less than a minute ago"
    assert small.asked.count("/jwks") == 1
    clock.advance(60_000)
    small.gives(claims(small, begun), newer, "RS256")
    assert code_of(sign_in, begun) == "signed in: li-wei"
    assert (small.asked.count("/jwks"), small.asked.count("/.well-known/openid-configuration")) == (2, 1)


@pytest.mark.parametrize("given", [{}, {"id_token": 7}, {"id_token": None}])
def test_a_provider_that_gives_no_id_token_signs_nobody_in(small: SmallProvider, sign_in: OpenIdSignIn, given: dict[str, Any]) -> None:
    begun, _ = sign_in.begin()
    small.answers["/token"] = given
    assert code_of(sign_in, begun) == "oidc-token"


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
    ],
    ids=str,
)
def test_a_provider_that_says_odd_things_of_itself_is_not_used(
    small: SmallProvider, sign_in: OpenIdSignIn, changes: dict[str, Any]
) -> None:
    small.metadata(**changes)
    with pytest.raises(Unreachable, match="oidc-provider"):
        sign_in.begin()


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b"x" * 300_000, None, {"keys": 7}, {"keys": [{"kty": "EC", "crv": "P-999"}]}], ids=repr
)
def test_keys_that_cannot_be_read_are_the_providers_fault(small: SmallProvider, sign_in: OpenIdSignIn, answer: Any) -> None:
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun))
    small.answers["/jwks"] = answer
    assert code_of(sign_in, begun) == "oidc-provider"


def test_a_provider_that_is_not_there_is_unreachable(small: SmallProvider, clock: SettableClock, tmp_path: Path) -> None:
    sign_in = sign_in_of(small, clock, tmp_path)
    small.server_close()
    with pytest.raises(Unreachable, match="oidc-provider"):
        sign_in.begin()


def test_a_client_secret_that_is_gone_or_no_text_is_said_without_what_it_holds(
    small: SmallProvider, clock: SettableClock, tmp_path: Path
) -> None:
    sign_in = sign_in_of(small, clock, tmp_path)
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun))
    write_private_file(tmp_path / "oidc.secret", b"\xff")
    assert code_of(sign_in, begun) == "oidc-provider"
    (tmp_path / "oidc.secret").unlink()
    with pytest.raises(Unreachable, match=r"oidc-provider: .*secret cannot be read") as refused:
        sign_in.finish(begun, {"state": begun.state, "code": "c"})
    assert "secret_file" in refused.value.hint and str(tmp_path) not in str(refused.value)


def test_an_answer_that_does_not_say_who_it_is_from_counts_where_none_is_promised(small: SmallProvider, sign_in: OpenIdSignIn) -> None:
    begun, _ = sign_in.begin()
    small.gives(claims(small, begun))
    assert sign_in.finish(begun, {"state": begun.state, "code": "c", "iss": small.issuer}) == "li-wei"
    with pytest.raises(NotPermitted, match="oidc-issuer"):
        sign_in.finish(begun, {"state": begun.state, "code": "c", "iss": "https://elsewhere.example"})


def test_an_address_names_an_account_only_once_it_is_verified(small: SmallProvider, clock: SettableClock, tmp_path: Path) -> None:
    sign_in = sign_in_of(small, clock, tmp_path, claim="email")
    begun, _ = sign_in.begin()
    for verified, expected in ((None, "oidc-token"), (False, "oidc-token"), ("true", "oidc-token"), (True, "signed in: lw@example.com")):
        small.gives(claims(small, begun, email="lw@example.com", email_verified=verified))
        assert code_of(sign_in, begun) == expected


@pytest.mark.parametrize("kept", ["", "a.b.c", "x" * 131, ".".join(["é" * 43] * 3)])
def test_what_is_in_no_cookie_of_ours_begins_nothing(kept: str) -> None:
    assert Begun.from_text(kept) is None


@pytest.mark.parametrize("issuer", ["http://idp.example", "ftp://idp.example", "https://idp.example?x=1", "idp.example"])
def test_a_provider_elsewhere_is_called_by_https(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        OidcSection(issuer=issuer, client_id=CLIENT, secret_file="oidc.secret")
