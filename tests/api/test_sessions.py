"""Sessions of people in a browser: the cookie, what a request that changes anything needs beside it, and when it ends."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from api.app import context, create_app
from api.resources import events as resource
from ledger.limits import SESSION_IDLE_SECONDS, SESSION_SECONDS, SESSIONS_PER_ACCOUNT_MAX
from nodes.author import SigningKey
from nodes.keys.account import User
from tests.api.served import Network, problem

NEW = "eleven tonnes of plums"


def session(network: Network, node: str, user: str, secret: str | None = None) -> httpx.Client:
    """A client that signed in like a browser."""
    client = network.anyone(node)
    answer = client.post("/v1/session", json={"user": user, "password": secret or network.secrets[node, user]})
    assert answer.status_code == 201, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["session"]["csrf_token"]
    return client


def cookie(answer: httpx.Response) -> Any:
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


def person(network: Network, node: str, name: str, role: str = "viewer") -> str:
    secret = f"plum harvest of {name}"
    network.nodes[node].accounts.add_user(name, name, role, secret)
    return secret


def test_a_person_signs_in_and_every_route_takes_the_cookie(network: Network) -> None:
    client = network.anyone("bank-a")
    answer = client.post("/v1/session", json={"user": "maker", "password": network.secrets["bank-a", "maker"]})
    body = answer.json()
    assert (answer.status_code, body["id"], body["role"], body["key"], body["session"]["way"]) == (
        201,
        "maker",
        "maker",
        "open",
        "password",
    )
    assert client.get("/v1/session").json() == body
    assert client.get("/v1/network").status_code == 200
    assert network.secrets["bank-a", "maker"] not in answer.text
    client.headers["X-CSRF-Token"] = body["session"]["csrf_token"]
    refused = client.post("/v1/financings", json={})
    assert problem(refused)["code"] == "invalid-request", "it got past the door"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(network: Network) -> None:
    client = network.anyone("bank-a")
    answer = client.post("/v1/session", json={"user": "checker", "password": network.secrets["bank-a", "checker"]})
    found = cookie(answer)
    assert found.key == "tallystick-bank-a"
    assert (found["httponly"], found["samesite"], found["path"], found["domain"]) == (True, "strict", "/", "")
    assert int(found["max-age"]) == SESSION_SECONDS and answer.headers["cache-control"] == "no-store"


def test_where_the_node_is_called_by_https_the_cookie_is_secure_and_of_this_host(network: Network) -> None:
    node = network.nodes["bank-b"]
    config = node.config
    try:
        node.config = config.model_copy(update={"api": config.api.model_copy(update={"url": "https://bank-b.example"})})
        app = create_app(node)
    finally:
        node.config = config
    credentials = {"user": "maker", "password": network.secrets["bank-b", "maker"]}

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://bank-b.example") as client:
            return [await client.post("/v1/session", json=credentials), await client.get("/v1/session")]

    signed_in, seen = asyncio.run(ask())
    context(app).close()
    found = cookie(signed_in)
    assert (found.key, found["secure"], found["path"], found["domain"]) == ("__Host-tallystick-bank-b", True, "/", "")
    assert seen.json()["id"] == "maker"


@pytest.mark.produces("problem-code", "csrf")
def test_what_changes_anything_needs_the_sessions_own_token(network: Network) -> None:
    client, other = session(network, "bank-a", "maker"), session(network, "bank-a", "checker")
    for wrong in (None, "", "x", "é".encode(), other.headers["X-CSRF-Token"]):
        headers = [] if wrong is None else [(b"X-CSRF-Token", wrong if isinstance(wrong, bytes) else wrong.encode())]
        bare = {name: value for name, value in client.headers.items() if name != "x-csrf-token"}
        answer = httpx.delete(f"{network.url('bank-a')}/v1/session", headers=[*bare.items(), *headers], cookies=client.cookies)  # type: ignore[arg-type]
        assert (answer.status_code, problem(answer)["code"]) == (403, "csrf"), wrong
    assert client.get("/v1/session").status_code == 200
    assert client.delete("/v1/session").status_code == 204


@pytest.mark.produces("problem-code", "cross-site")
def test_another_sites_page_neither_signs_in_nor_acts(network: Network) -> None:
    client = network.anyone("bank-a")
    credentials = {"user": "maker", "password": network.secrets["bank-a", "maker"]}
    for site in ("cross-site", "same-site"):
        answer = client.post("/v1/session", json=credentials, headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, problem(answer)["code"]) == (403, "cross-site")
    client = session(network, "bank-a", "maker")
    assert problem(client.delete("/v1/session", headers={"Sec-Fetch-Site": "cross-site"}))["code"] == "cross-site"
    assert client.delete("/v1/session", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204


def test_a_wrong_password_an_unknown_user_and_a_program_are_told_apart_by_nobody(network: Network) -> None:
    client = network.anyone("bank-b")
    pairs = [("viewer", "nothing like it"), ("Nobody!", "nothing like it"), ("core", network.secrets["bank-b", "core"])]
    answers = [client.post("/v1/session", json={"user": user, "password": password}) for user, password in pairs]
    assert [(each.status_code, problem(each)["code"]) for each in answers] == [(401, "sign-in-failed")] * 3
    assert len({problem(each)["detail"] for each in answers}) == 1
    assert all("set-cookie" not in each.headers for each in answers)


def test_signing_out_ends_the_session_and_forgets_the_key(network: Network) -> None:
    client = session(network, "bank-a", "maker")
    kept = dict(client.cookies)
    answer = client.delete("/v1/session")
    assert answer.status_code == 204 and cookie(answer)["max-age"] == "0" and not client.cookies
    client.cookies.update(kept)
    assert problem(client.get("/v1/session"))["code"] == "token-ended"


def test_signing_in_again_ends_the_session_before(network: Network) -> None:
    client = session(network, "bank-a", "maker")
    former = dict(client.cookies)
    assert client.post("/v1/session", json={"user": "maker", "password": network.secrets["bank-a", "maker"]}).status_code == 201
    assert dict(client.cookies) != former
    assert client.get("/v1/session").status_code == 200
    assert problem(httpx.get(f"{network.url('bank-a')}/v1/session", cookies=former))["code"] == "token-ended"


@pytest.mark.produces("problem-code", "session-ended")
def test_a_session_rests_for_half_an_hour(network: Network) -> None:
    used, resting = session(network, "bank-a", "maker"), session(network, "bank-a", "maker")
    network.clock.advance(SESSION_IDLE_SECONDS * 1000 - 1)
    assert used.get("/v1/session").status_code == 200
    network.clock.advance(1)
    assert problem(resting.get("/v1/session"))["code"] == "session-ended"
    assert problem(resting.get("/v1/session"))["code"] == "token-ended"
    assert used.get("/v1/session").status_code == 200


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(network: Network) -> None:
    client = session(network, "bank-a", "maker")
    for _ in range(SESSION_SECONDS // 1200 - 1):
        network.clock.advance(1_200_000)
        assert client.get("/v1/session").status_code == 200
    network.clock.advance(1_200_000)
    assert problem(client.get("/v1/session"))["code"] == "token-expired"


def test_a_sessions_cookie_is_no_bearers_token_and_the_other_way_round(network: Network) -> None:
    client = session(network, "bank-a", "maker")
    value = client.cookies["tallystick-bank-a"]
    anyone = network.anyone("bank-a")
    assert problem(anyone.get("/v1/network", headers={"Authorization": f"Bearer {value}"}))["code"] == "token-invalid"
    bearer = network.sign_in("bank-a", "maker").headers["Authorization"].removeprefix("Bearer ")
    anyone.cookies["tallystick-bank-a"] = bearer
    assert problem(anyone.get("/v1/network"))["code"] == "token-invalid"
    elsewhere = network.anyone("bank-b")
    elsewhere.cookies["tallystick-bank-b"] = value
    assert problem(elsewhere.get("/v1/network"))["code"] == "token-invalid"


def test_a_session_does_not_outlive_the_process(network: Network) -> None:
    client = session(network, "bank-a", "checker")
    app = create_app(network.nodes["bank-a"])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://restarted", cookies=dict(client.cookies)) as again:
            return await again.get("/v1/network")

    assert problem(asyncio.run(ask()))["code"] == "session-ended"
    context(app).close()


@pytest.mark.produces("problem-code", "no-session")
def test_a_bearer_is_told_who_it_is_and_has_no_session_to_end(network: Network) -> None:
    client = network.sign_in("bank-a", "maker")
    body = client.get("/v1/session").json()
    assert (body["id"], body["kind"], body["key"], body["session"]) == ("maker", "staff", "open", None)
    for answer in (
        client.delete("/v1/session"),
        client.post("/v1/session/unlock", json={"passphrase": "x"}),
        client.post("/v1/session/password", json={"old": "x", "new": "y"}),
    ):
        assert (answer.status_code, problem(answer)["code"]) == (409, "no-session")
    assert client.get("/v1/session").status_code == 200


def test_another_password_ends_everything_else_and_this_session_goes_on(network: Network) -> None:
    secret = person(network, "bank-b", "zhao-min")
    here, there = session(network, "bank-b", "zhao-min", secret), session(network, "bank-b", "zhao-min", secret)
    form = {"grant_type": "client_credentials", "client_id": "zhao-min", "client_secret": secret}
    bearer = {"Authorization": f"Bearer {here.post('/oauth2/token', data=form).json()['access_token']}"}
    former = dict(here.cookies)
    answer = here.post("/v1/session/password", json={"old": secret, "new": NEW})
    assert answer.status_code == 201 and secret not in answer.text and NEW not in answer.text
    assert here.get("/v1/session").json() == answer.json()
    for ended in (
        there.get("/v1/session"),
        httpx.get(f"{network.url('bank-b')}/v1/session", cookies=former),
        httpx.get(f"{network.url('bank-b')}/v1/session", headers=bearer),
    ):
        assert problem(ended)["code"] == "token-ended"
    wrong = network.anyone("bank-b").post("/v1/session", json={"user": "zhao-min", "password": secret})
    assert problem(wrong)["code"] == "sign-in-failed"
    assert session(network, "bank-b", "zhao-min", NEW).get("/v1/network").status_code == 200


def test_a_maker_goes_on_signing_after_another_password(network: Network) -> None:
    secret = person(network, "bank-b", "sun-li", "maker")
    client = session(network, "bank-b", "sun-li", secret)
    client.headers["X-CSRF-Token"] = client.post("/v1/session/password", json={"old": secret, "new": NEW}).json()["session"]["csrf_token"]
    assert client.get("/v1/session").json()["key"] == "open"
    node = network.nodes["bank-b"]
    account = node.accounts.verify("sun-li", NEW)
    assert node.accounts.open_key(account, NEW).curve.name == "secp256r1"


@pytest.mark.produces("problem-code", "weak-secret")
def test_a_password_is_changed_by_who_knows_it_and_to_a_strong_one(network: Network) -> None:
    client, own = session(network, "bank-b", "checker"), network.secrets["bank-b", "checker"]
    for old, new, status, code in (
        ("wrong", NEW, 403, "sign-in-failed"),
        (own, "short", 422, "weak-secret"),
        (own, "password1234", 422, "weak-secret"),
    ):
        answer = client.post("/v1/session/password", json={"old": old, "new": new})
        assert (answer.status_code, problem(answer)["code"]) == (status, code)
        assert client.get("/v1/session").status_code == 200


def test_no_password_is_kept_with_an_idempotency_key(network: Network) -> None:
    secret = person(network, "bank-b", "qian-wei")
    client = session(network, "bank-b", "qian-wei", secret)
    assert client.post("/v1/session/password", json={"old": secret, "new": NEW}, headers={"Idempotency-Key": "a"}).status_code == 201
    with network.nodes["bank-b"].private.reading() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM idempotency WHERE client = 'staff/qian-wei'").scalar()
    assert kept == 0


def test_of_many_sessions_of_one_person_the_oldest_ends(network: Network) -> None:
    secret = person(network, "bank-b", "wu-jing")
    opened = []
    for _ in range(SESSIONS_PER_ACCOUNT_MAX + 1):
        opened.append(session(network, "bank-b", "wu-jing", secret))
        network.clock.advance(1_000)
    codes = [each.get("/v1/session").status_code for each in opened]
    assert codes == [401] + [200] * SESSIONS_PER_ACCOUNT_MAX


def test_the_key_of_a_session_that_rests_too_long_does_not_stay_open(network: Network) -> None:
    node = network.nodes["bank-b"]
    app = create_app(node)
    held, user = context(app), node.accounts.verify("maker", network.secrets["bank-b", "maker"])
    assert isinstance(user, User)
    key = SigningKey(user.key_id or "", node.accounts.open_key(user, network.secrets["bank-b", "maker"]))
    resting, _ = held.sessions.open(user, "password", key, None)
    assert held.tokens.signing_key(resting.principal) is key
    network.clock.advance(SESSION_IDLE_SECONDS * 1000)
    held.sessions.open(user, "password", None, None)
    assert held.tokens.signing_key(resting.principal) is None and held.sessions.of(resting.principal) is None
    held.close()


def test_a_disabled_person_is_out_at_once(network: Network) -> None:
    client = session(network, "bank-b", "he-tao", person(network, "bank-b", "he-tao"))
    network.nodes["bank-b"].accounts.disable("he-tao")
    assert problem(client.get("/v1/session"))["code"] == "token-ended"


def test_guesses_make_the_guesser_wait(network: Network) -> None:
    secret = person(network, "bank-b", "luo-han")
    client = network.anyone("bank-b")
    codes = [problem(client.post("/v1/session", json={"user": "luo-han", "password": "no idea"}))["code"] for _ in range(5)]
    assert codes == ["sign-in-failed"] * 5
    answer = client.post("/v1/session", json={"user": "luo-han", "password": secret})
    assert (answer.status_code, problem(answer)["code"], problem(answer)["hint"]) == (403, "account-locked", "try again after 1 seconds")
    network.clock.advance(1_000)
    assert session(network, "bank-b", "luo-han", secret).get("/v1/session").status_code == 200


def test_an_administrator_reads_who_tried_to_sign_in_and_nobody_else_does(network: Network) -> None:
    admin = session(network, "bank-b", "chief", person(network, "bank-b", "chief", "admin"))
    anyone = network.anyone("bank-b")
    anyone.post("/v1/session", json={"user": "maker", "password": "nothing like it"})
    anyone.post("/v1/session", json={"user": "nothing like an id", "password": "nothing like it"})
    network.sign_in("bank-b", "core")
    first = admin.get("/v1/sign-ins", params={"limit": 2}).json()
    assert [(each["account"], each["way"], each["outcome"]) for each in first["items"]] == [
        ("core", "client-secret", "ok"),
        (None, "password", "sign-in-failed"),
    ]
    (second,) = admin.get("/v1/sign-ins", params={"limit": 1, "after": first["next"]}).json()["items"]
    assert (second["account"], second["outcome"], second["address"]) == ("maker", "sign-in-failed", "127.0.0.1")
    everything = admin.get("/v1/sign-ins", params={"limit": 500}).text
    assert "nothing like" not in everything and all(secret not in everything for secret in network.secrets.values())
    for user in ("maker", "checker"):
        assert problem(session(network, "bank-b", user).get("/v1/sign-ins"))["code"] == "not-permitted"


def test_nodes_that_sign_in_are_written_down_too_and_outcomes_are_counted(network: Network) -> None:
    node = network.nodes["authority"]
    app = create_app(node)
    held = context(app)
    held.sign_in_log.add("assertion", "ok", "127.0.0.1", "bank-a", verified=True)
    assert held.sign_in_counts == {"ok": 1}
    held.close()
    with node.private.reading() as connection:
        ways = connection.exec_driver_sql("SELECT DISTINCT way, account FROM sign_ins").all()
    assert ("assertion", "bank-a") in {tuple(row) for row in ways}


def test_a_stream_takes_the_cookie_and_ends_with_the_session(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "EVENT_HEARTBEAT_S", 0.1)
    client = session(network, "bank-a", "maker")
    with client.stream("GET", "/v1/events/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("id: ")
        assert httpx.delete(f"{network.url('bank-a')}/v1/session", headers=client.headers, cookies=client.cookies).status_code == 204
        assert not any(line.startswith("data:") for line in lines)


def test_a_stream_does_not_keep_a_session_from_its_end(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "EVENT_HEARTBEAT_S", 0.1)
    client = session(network, "bank-a", "maker")
    with client.stream("GET", "/v1/events/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("id: ")
        network.clock.advance(SESSION_IDLE_SECONDS * 1000)
        assert not any(line.startswith("data:") for line in lines)


@pytest.mark.parametrize(
    "body", [{"user": "maker"}, {"user": "", "password": "x"}, {"user": "m", "password": ""}, {"user": "m", "password": 7}, []]
)
def test_a_sign_in_of_another_shape_is_refused_without_saying_what_it_held(network: Network, body: Any) -> None:
    answer = network.anyone("bank-a").post("/v1/session", json=body)
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid-request")


def test_a_stranger_cannot_make_a_node_hold_a_large_body(network: Network) -> None:
    answer = network.anyone("bank-a").post("/v1/session", json={"user": "maker", "password": "x" * 65_536})
    assert problem(answer)["code"] == "body-too-large"
