from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from api.app import create_app
from api.assertions import ASSERTION_TYPE
from nodes.node import Node
from nodes.upstream import audience_of
from tests.api.served import Network, problem, token


def test_a_maker_signs_in_and_gets_a_token_for_fifteen_minutes(network: Network) -> None:
    answer = token(network.anyone("bank-a"), client_id="maker", client_secret=network.secrets["bank-a", "maker"])
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert "ledger:read" in body["scope"].split()
    assert answer.headers["cache-control"] == "no-store"


def test_basic_authentication_works_like_the_form(network: Network) -> None:
    client = network.anyone("bank-a")
    secret = network.secrets["bank-a", "core"]
    answer = client.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=("core", secret))
    assert answer.status_code == 200


def test_a_wrong_secret_is_told_apart_from_an_unknown_user_by_nobody(network: Network) -> None:
    client = network.anyone("bank-b")
    answers = [token(client, client_id=name, client_secret="nothing like it") for name in ("viewer", "dashboard", "Nobody!")]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "client_id": "maker", "client_secret": "x"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "maker"}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "x"}, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": "m", "client_secret": "x", "more": "y"}, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": "m", "client_secret": "x", "client_assertion": "y"}, "invalid_client"),
    ],
)
def test_a_token_request_that_breaks_the_protocol_is_refused(network: Network, form: dict[str, str], error: str) -> None:
    answer = network.anyone("bank-a").post("/oauth2/token", data=form)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


def test_a_parameter_that_comes_twice_and_json_are_refused(network: Network) -> None:
    client = network.anyone("bank-a")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    twice = client.post("/oauth2/token", content=b"grant_type=client_credentials&client_id=a&client_id=b", headers=headers)
    assert twice.json()["error"] == "invalid_request"
    assert client.post("/oauth2/token", json={"grant_type": "client_credentials"}).json()["error"] == "invalid_request"


def test_a_scope_beyond_the_clients_own_is_refused(network: Network) -> None:
    answer = token(
        network.anyone("bank-a"), client_id="dashboard", client_secret=network.secrets["bank-a", "dashboard"], scope="ledger:write"
    )
    assert answer.json()["error"] == "invalid_scope"


def test_a_token_verifies_under_the_published_key_and_no_other_node_takes_it(network: Network) -> None:
    client = network.sign_in("bank-a", "core")
    text = client.headers["Authorization"].removeprefix("Bearer ")
    (key,) = client.get("/.well-known/jwks.json").json()["keys"]
    assert "d" not in key
    claims = jwt.decode(text, ECKey.import_key(key), algorithms=["ES256"]).claims
    assert claims["aud"] == audience_of(network.founded.network, "bank-a")
    metadata = client.get("/.well-known/oauth-authorization-server").json()
    assert claims["iss"] == metadata["issuer"] == network.url("bank-a")
    other = network.anyone("bank-b").get("/v1/network", headers={"Authorization": f"Bearer {text}"})
    assert problem(other)["code"] == "token-invalid"


@pytest.mark.produces("problem-code", "token-invalid")
def test_a_token_under_another_algorithm_or_key_is_refused(network: Network) -> None:
    client = network.sign_in("bank-a", "core")
    text = client.headers["Authorization"].removeprefix("Bearer ")
    head, body, signature = text.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    (public,) = client.get("/.well-known/jwks.json").json()["keys"]
    pem = ECKey.import_key(public).as_pem(private=False)
    header = {"typ": "at+jwt", "kid": kid}
    none = base64.urlsafe_b64encode(json.dumps({**header, "alg": "none"}).encode()).decode().rstrip("=")
    by_public_key = jwt.encode({**header, "alg": "HS256"}, claims, OctKey.import_key(base64.b64encode(pem).decode()), algorithms=["HS256"])
    by_stranger = jwt.encode({**header, "alg": "ES256"}, claims, _jwk(ec.generate_private_key(ec.SECP256R1())), algorithms=["ES256"])
    changed = f"{head}.{body}.{signature[:-4]}AAAA"
    for forged in (f"{none}.{body}.", by_public_key, by_stranger, changed, "x", "a.b.c", "é"):
        answer = client.get("/v1/network", headers=[(b"Authorization", f"Bearer {forged}".encode())])
        assert problem(answer)["code"] == "token-invalid"


@pytest.mark.produces("problem-code", "token-expired")
def test_a_token_ends_after_fifteen_minutes(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    network.clock.advance(899_000)
    assert client.get("/v1/network").status_code == 200
    network.clock.advance(1_000)
    answer = client.get("/v1/network")
    assert (answer.status_code, problem(answer)["code"]) == (401, "token-expired")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.produces("problem-code", "token-ended")
def test_a_token_ends_when_its_account_is_disabled(network: Network) -> None:
    node = network.nodes["bank-b"]
    _, secret = node.accounts.add_client("leaver", "leaver", "service", ["ledger:read"])
    client = network.anyone("bank-b")
    bearer = token(client, client_id="leaver", client_secret=secret).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {bearer}"
    assert client.get("/v1/network").status_code == 200
    node.accounts.disable("leaver")
    assert problem(client.get("/v1/network"))["code"] == "token-ended"


def test_a_signers_token_does_not_outlive_the_process_that_holds_the_key_open(network: Network) -> None:
    node = network.nodes["bank-a"]
    text = network.sign_in("bank-a", "maker").headers["Authorization"]
    transport = httpx.ASGITransport(create_app(node))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://restarted") as client:
            return await client.get("/v1/network", headers={"Authorization": text})

    assert problem(asyncio.run(ask()))["code"] == "token-ended"


@pytest.mark.produces("problem-code", "assertion-replayed")
def test_a_members_node_signs_in_with_its_service_key_once_per_assertion(network: Network) -> None:
    node = network.nodes["bank-a"]
    made = _assertion(node, _claims(network, "bank-a"))
    client = network.anyone("authority")
    answer = _exchange(client, "bank-a", made)
    assert answer.status_code == 200
    own = {"ledger:read", "ledger:write"}
    handed_on = {"consents:read", "messages:read", "messages:write", "countersignatures:read", "countersignatures:write"}
    assert set(answer.json()["scope"].split()) == own | handed_on
    again = _exchange(client, "bank-a", made)
    assert (again.status_code, again.json()["code"]) == (401, "assertion-replayed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "urn:tallystick:elsewhere"},
        {"aud": ["urn:tallystick:elsewhere"]},
        {"iss": "bank-b"},
        {"sub": "bank-b"},
        {"exp": 1},
        {"exp": 10**12},
        {"exp": "soon"},
        {"iat": 10**12},
        {"nbf": 10**12},
        {"jti": ""},
        {"jti": None},
    ],
    ids=str,
)
def test_an_assertion_with_a_wrong_claim_is_refused(network: Network, wrong: dict[str, Any]) -> None:
    made = _assertion(network.nodes["bank-a"], {**_claims(network, "bank-a"), **wrong})
    answer = _exchange(network.anyone("authority"), "bank-a", made)
    assert (answer.status_code, answer.json()["code"]) == (401, "assertion-invalid")


def test_an_assertion_by_the_wrong_key_or_algorithm_is_refused(network: Network) -> None:
    claims = _claims(network, "bank-a")
    public = network.nodes["bank-a"].identity_key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = [
        _assertion(network.nodes["bank-b"], claims),
        jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(base64.b64encode(pem).decode()), algorithms=["HS256"]),
        jwt.encode({"alg": "ES256"}, claims, _jwk(ec.generate_private_key(ec.SECP256R1())), algorithms=["ES256"]),
        "not.a.token",
    ]
    for made in forged:
        answer = _exchange(network.anyone("authority"), "bank-a", made)
        assert (answer.status_code, answer.json()["code"]) == (401, "assertion-invalid")


def test_a_staff_key_is_no_key_to_sign_a_node_in(network: Network) -> None:
    node = network.nodes["bank-a"]
    maker = node.accounts.account("maker")
    private = node.accounts.open_key(maker, network.secrets["bank-a", "maker"])
    made = jwt.encode({"alg": "ES256"}, _claims(network, "bank-a"), _jwk(private), algorithms=["ES256"])
    assert _exchange(network.anyone("authority"), "bank-a", made).status_code == 401


def test_an_enterprise_signs_in_by_its_enrolled_key(network: Network) -> None:
    node = network.nodes["exporter-a"]
    answer = _exchange(network.anyone("authority"), node.client_id, _assertion(node, _claims(network, node.client_id)))
    handed_on = {"introductions:write", "disputes:write", "messages:read", "messages:write"}
    assert set(answer.json()["scope"].split()) == {"ledger:read", "look-ups:read"} | handed_on


def test_an_unknown_enterprise_is_refused(network: Network) -> None:
    unknown = "enterprise:" + "0" * 64
    answer = _exchange(network.anyone("authority"), unknown, _assertion(network.nodes["exporter-a"], _claims(network, unknown)))
    assert answer.status_code == 401


def _claims(network: Network, client_id: str) -> dict[str, Any]:
    now_s = network.clock.now_ms() // 1000
    audience = audience_of(network.founded.network, "authority")
    jti = network.nodes["authority"].random(8).hex()
    return {"iss": client_id, "sub": client_id, "aud": audience, "jti": jti, "iat": now_s, "exp": now_s + 60}


def _assertion(node: Node, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256"}, claims, _jwk(node.identity_key.private), algorithms=["ES256"])


def _jwk(private: ec.EllipticCurvePrivateKey) -> ECKey:
    return ECKey.import_key(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _exchange(client: httpx.Client, client_id: str, assertion: str) -> httpx.Response:
    return token(client, client_id=client_id, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion)


def test_a_flood_of_sign_ins_keeps_nobody_waiting_who_is_signed_in(network: Network) -> None:
    client, node = network.sign_in("bank-b", "core"), network.nodes["bank-b"]
    url = f"{network.url('bank-b')}/oauth2/token"
    form = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "nothing like it"}
    with ExitStack() as held:
        for lock in node.accounts._guessing:
            held.enter_context(lock)
        strangers = [threading.Thread(target=httpx.post, args=(url,), kwargs={"data": form, "timeout": 180}) for _ in range(60)]
        for stranger in strangers:
            stranger.start()
        # All forty threads of the server's pool would wait by now.
        time.sleep(1)
        assert client.get("/v1/network", timeout=60).status_code == 200
    for stranger in strangers:
        stranger.join()


def test_a_stranger_cannot_make_a_node_hold_a_large_form(network: Network) -> None:
    client = network.anyone("bank-a")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/oauth2/token", content=(b"x" * 65_536 for _ in range(16)), headers=headers)
    assert problem(answer)["code"] == "body-too-large"
