"""Exporters in custody at a browser: a session like that of the staff, with what their program may do, and nothing of another exporter."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import httpx
from stdnum.cn.uscc import calc_check_digit

from api.permissions import PERMISSIONS, scopes_of
from ledger.clock import rfc3339
from tests.api.business import DAY_MS, WAIT, imported, row
from tests.api.served import CUSTODY_USCC, Network, problem, token
from tests.api.test_attachments import handed_in, scan
from tests.api.test_financing_requests import form
from tests.api.test_sessions import session

_serials = itertools.count(1)
CHOSEN = "eleven tonnes of plums"
DISPUTE = "this exporter never sold plums to anybody"
IDS = re.compile(r"\{[^}]+\}")
# About the session itself.
OWN_AFFAIR = frozenset({"DELETE /v1/session", "POST /v1/session/password", "POST /v1/session/unlock"})


@dataclass(frozen=True)
class Account:
    """A client that was added at the authority's node for an exporter in custody."""

    id: str
    secret: str


def account(network: Network, enterprise: str, scopes: frozenset[str] | None = None) -> Account:
    name = f"exporter-in-custody-{next(_serials)}"
    granted = scopes_of("enterprise") if scopes is None else scopes
    _, secret = network.nodes["authority"].accounts.add_client(name, name, "enterprise", granted, enterprise=enterprise)
    return Account(name, secret)


def opened(network: Network, who: Account) -> httpx.Client:
    return session(network, "authority", who.id, who.secret)


def bearer(network: Network, who: Account) -> httpx.Client:
    client = network.anyone("authority")
    answer = token(client, client_id=who.id, client_secret=who.secret)
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


def another_exporter(network: Network) -> tuple[str, str, str]:
    """Enrolled in custody: its id, credit code and name."""
    serial = next(_serials)
    body = f"91210800MA{serial:07d}"
    uscc, name = body + calc_check_digit(body), f"Orchard Number {serial} Limited"
    content = {"uscc": uscc, "name": name, "custody": True}
    enrolled = network.sign_in("authority", "maker").post("/v1/enterprises", json=content, headers=WAIT)
    assert enrolled.status_code == 201, enrolled.text
    return enrolled.json()["id"], uscc, name


def consented(network: Network, client: httpx.Client) -> str:
    times = {"not_before": rfc3339(network.clock.now_ms()), "not_after": rfc3339(network.clock.now_ms() + DAY_MS)}
    answer = client.post("/v1/consents", json={"bank": "bank-a", "scopes": ["finance"], "uses": 1, **times}, headers=WAIT)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_an_exporter_in_custody_signs_in_and_is_told_for_whom(network: Network) -> None:
    who = account(network, network.in_custody)
    client = opened(network, who)
    body = client.get("/v1/session").json()
    enterprise = {"id": network.in_custody, "uscc": CUSTODY_USCC, "name": "Custody Exporter"}
    assert (body["id"], body["kind"], body["role"], body["enterprise"]) == (who.id, "client", "enterprise", enterprise)
    assert (body["key"], body["session"]["way"], body["scopes"]) == (None, "password", sorted(scopes_of("enterprise")))
    (item,) = imported(network, row(CUSTODY_USCC))
    network.await_head("authority")
    assert item["number"] in client.get("/v1/declarations").text
    bare = {name: value for name, value in client.headers.items() if name != "x-csrf-token"}
    revoked = f"/v1/consents/{consented(network, client)}/revoke"
    refused = httpx.post(f"{network.url('authority')}{revoked}", headers=bare, cookies=client.cookies)
    assert (refused.status_code, problem(refused)["code"]) == (403, "csrf")
    seen = client.get(revoked.removesuffix("/revoke")).headers["etag"]
    assert problem(client.post(revoked, headers={"If-Match": '"other"'}))["code"] == "precondition-failed"
    assert client.post(revoked, headers={"If-Match": seen}).status_code == 200
    assert problem(client.post("/v1/session/unlock", json={"passphrase": who.secret}))["code"] == "no-staff-key"
    assert client.delete("/v1/session").status_code == 204
    assert problem(client.get("/v1/declarations"))["code"] == "unauthenticated"
    staff = session(network, "authority", "maker").get("/v1/session").json()
    assert (staff["kind"], staff["enterprise"]) == ("staff", None)
    log = network.sign_in("authority", "admin").get("/v1/sign-ins", params={"limit": 50}).json()["items"]
    assert [(each["way"], each["outcome"]) for each in log if each["account"] == who.id] == [("unlock", "no-staff-key"), ("password", "ok")]


def test_an_exporter_chooses_a_password_and_whoever_guesses_waits(network: Network) -> None:
    who = account(network, network.in_custody)
    client, program = opened(network, who), bearer(network, who)
    assert problem(client.post("/v1/session/password", json={"old": who.secret, "new": "plums"}))["code"] == "weak-secret"
    changed = client.post("/v1/session/password", json={"old": who.secret, "new": CHOSEN})
    assert changed.status_code == 201, changed.text
    assert client.get("/v1/session").json()["enterprise"]["id"] == network.in_custody
    assert problem(program.get("/v1/network"))["code"] == "token-ended"
    stranger = network.anyone("authority")
    guess = {"user": who.id, "password": who.secret}
    codes = [problem(stranger.post("/v1/session", json=guess))["code"] for _ in range(5)]
    assert codes == ["sign-in-failed"] * 5
    locked = stranger.post("/v1/session", json={"user": who.id, "password": CHOSEN})
    assert (locked.status_code, problem(locked)["code"], locked.headers["retry-after"]) == (403, "account-locked", "1")
    by_token = token(stranger, client_id=who.id, client_secret=CHOSEN)
    assert (by_token.status_code, by_token.json()["code"], by_token.headers["retry-after"]) == (401, "account-locked", "1")
    network.clock.advance(1_000)
    assert opened(network, Account(who.id, CHOSEN)).get("/v1/session").status_code == 200
    network.nodes["authority"].accounts.disable(who.id)
    assert problem(client.get("/v1/session"))["code"] == "token-ended"


def test_a_session_may_what_the_accounts_token_may_and_no_more(network: Network) -> None:
    for scopes in (scopes_of("enterprise"), frozenset({"ledger:read", "consents:read"})):
        who = account(network, network.in_custody, scopes)
        by_session, by_token = opened(network, who), bearer(network, who)
        assert set(by_session.get("/v1/session").json()["scopes"]) == scopes | {"session"}
        for route in sorted(PERMISSIONS.keys() - OWN_AFFAIR):
            if PERMISSIONS[route].scope == "session":
                continue
            answers = [_asked(client, route, "0" * 64) for client in (by_session, by_token)]
            assert answers[0] == answers[1], (route, answers)


def _asked(client: httpx.Client, route: str, named: str) -> tuple[int, str]:
    method, path = route.split()
    with client.stream(method, IDS.sub(named, path)) as response:
        if response.headers.get("content-type", "").partition(";")[0] == "text/event-stream":
            return response.status_code, ""
        response.read()
    return response.status_code, response.json().get("code", "") if response.is_error else ""


def test_a_session_shows_nothing_of_another_exporter(network: Network) -> None:
    other, uscc, name = another_exporter(network)
    theirs = opened(network, account(network, other))
    (declaration,) = imported(network, {**row(uscc), "exporter_name": name})
    consent, request = consented(network, theirs), theirs.post("/v1/financing-requests", json=form(purpose="an orchard's own purpose"))
    dispute = theirs.post("/v1/disputes", json={"record": consent, "statement": DISPUTE}, headers=WAIT)
    document = handed_in(theirs, scan())
    assert (request.status_code, dispute.status_code, document.status_code) == (201, 201, 201), (request.text, dispute.text, document.text)
    canaries = [uscc, name, declaration["number"], "an orchard's own purpose", DISPUTE]
    network.await_head("authority")
    told = "".join(theirs.get(path).text for path in ("/v1/declarations", "/v1/financing-requests", "/v1/disputes"))
    assert all(canary in told for canary in canaries), "the other one sees what is its own"
    client = opened(network, account(network, network.in_custody))
    named = {
        "declaration_id": declaration["declaration_id"],
        "consent_id": consent,
        "request_id": request.json()["id"],
        "dispute_id": dispute.json()["id"],
        "sha256": document.json()["sha256"],
        "record_id": other,
        "enterprise_id": other,
    }
    # Bodies that fit, so that it is the other exporter's resource that is refused.
    forms = {
        "POST /v1/financing-requests/{request_id}/resend": form(),
        "POST /v1/disputes/{dispute_id}/withdraw": {"statement": "it was a mistake"},
    }
    for route, permission in sorted(PERMISSIONS.items()):
        method, path = route.split()
        if "enterprise" not in permission.roles or "authority" not in permission.seats or path.endswith("/stream") or route in OWN_AFFAIR:
            continue
        places = re.findall(r"\{([a-z0-9_]+)\}", path)
        asked = IDS.sub(lambda found: named.get(found[0].strip("{}"), "1"), path)
        query = {"month": "2026-10"} if path.endswith("/statement") else {}
        answer = client.request(method, asked, params=query, json=None if method == "GET" else forms.get(route, {}))
        assert [canary for canary in canaries if canary in answer.text] == [], route
        if places and set(places) <= named.keys() - {"record_id"}:
            assert answer.status_code in (403, 404), (route, answer.text)
    for query in ({"enterprise_id": other}, {"uscc": uscc}):
        for path in ("/v1/declarations", "/v1/consents", "/v1/accesses", "/v1/disputes", "/v1/look-ups"):
            answer = client.get(path, params=query)
            assert answer.is_error, (path, query)
    assert theirs.get(f"/v1/consents/{consent}").json()["state"] != "revoked"
