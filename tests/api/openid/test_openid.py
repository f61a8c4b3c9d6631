"""Staff sign in at a real OpenID provider, over HTTP and in a browser, and sign what they sign with their own passphrase."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from ledger.clock import SystemClock
from nodes.founding import Addresses, MemberPlan, create_network
from nodes.home import Home, write_file
from nodes.home_config import OidcSection
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from tests.api.openid.provider import CLIENT_ID, CLIENT_SECRET, RunningProvider, running_provider
from tests.api.served import problem, serving, token
from tests.chromium import chromium_page
from tests.ports import free_ports

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
CALLBACK = "/v1/session/oidc/callback"
VIEWER_SECRET = "plums from Yingkou to Jakarta"


@dataclass(frozen=True)
class Place:
    """A node whose staff sign in at a provider: its maker as li-wei there, and a viewer as wang-fang; sun-li and gao-yu are nobody here."""

    node: Node
    url: str
    provider: RunningProvider
    secrets: dict[str, str]

    def browser(self) -> httpx.Client:
        return httpx.Client(timeout=60)

    def begun(self, browser: httpx.Client) -> str:
        """A sign-in begins: the address at the provider."""
        answer = browser.get(f"{self.url}/v1/session/oidc")
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    @contextmanager
    def signed_in(self, user: str) -> Iterator[httpx.Client]:
        with self.browser() as browser:
            yield self._signed_in(browser, user)

    def _signed_in(self, browser: httpx.Client, user: str) -> httpx.Client:
        answer = browser.get(self.provider.sign_in(browser, self.begun(browser), user))
        assert answer.status_code == 200, answer.text
        browser.headers["X-CSRF-Token"] = browser.get(f"{self.url}/v1/session").json()["session"]["csrf_token"]
        return browser


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory, port = tmp_path_factory.mktemp("openid"), free_ports(1)
    url = f"http://127.0.0.1:{port}"
    plans, clock = [MemberPlan("authority", "authority", "Forex Authority")], SystemClock()
    founded = create_network(
        directory / "net", "test", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=port)
    )
    with ExitStack() as stack:
        provider = stack.enter_context(
            running_provider(directory, [url + CALLBACK], ["li-wei", "wang-fang", "sun-li", "gao-yu", "zhou-yan"])
        )
        home = Home(founded.homes["authority"])
        write_file(home.path / "oidc.secret", CLIENT_SECRET + "\n")
        section = OidcSection(issuer=provider.issuer, client_id=CLIENT_ID, secret_file="oidc.secret", scopes=["profile"])
        home.write_config(home.read_config().model_copy(update={"oidc": section}))
        node = stack.enter_context(Node.open(home.path, clock, cost=CHEAP))
        stack.enter_context(serving(node))
        node.accounts.add_user("wang-fang", "Wang Fang", "viewer", VIEWER_SECRET)
        node.links.link("maker", "li-wei")
        node.links.link("wang-fang", "wang-fang")
        yield Place(node, url, provider, {each.user: each.secret for each in founded.sign_ins})


def last(place: Place) -> tuple[str | None, str, str]:
    """How the last attempt to sign in ended."""
    with place.node.private.reading() as connection:
        found = connection.exec_driver_sql("SELECT account, way, outcome FROM sign_ins ORDER BY number DESC LIMIT 1").one()
    return found[0], found[1], found[2]


def test_a_person_signs_in_there_and_has_a_session_here(place: Place) -> None:
    with place.signed_in("wang-fang") as browser:
        body = browser.get(f"{place.url}/v1/session").json()
        assert (body["id"], body["role"], body["key"], body["session"]["way"]) == ("wang-fang", "viewer", None, "oidc")
        assert browser.get(f"{place.url}/v1/network").status_code == 200
        assert last(place) == ("wang-fang", "oidc", "ok")
        assert not any(name.endswith("-oidc") for name in browser.cookies)


def test_the_provider_is_asked_by_code_with_a_challenge_and_one_exact_address(place: Place) -> None:
    with place.browser() as browser:
        url = urlsplit(place.begun(browser))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}" == place.provider.issuer
    assert (query["response_type"], query["scope"], query["code_challenge_method"]) == ("code", "openid profile", "S256")
    assert query["redirect_uri"] == place.url + CALLBACK
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3


@pytest.mark.produces("problem-code", "no-signing-key")
def test_a_maker_signs_nothing_until_the_passphrase_opens_the_key(place: Place) -> None:
    with place.signed_in("li-wei") as browser:
        assert browser.get(f"{place.url}/v1/session").json()["key"] == "locked"
        closed = browser.post(f"{place.url}/v1/session/unlock", json={"passphrase": place.secrets["checker"]})
        assert (closed.status_code, problem(closed)["code"]) == (403, "sign-in-failed")
        assert last(place) == ("maker", "unlock", "sign-in-failed")
        refused = browser.post(f"{place.url}/v1/members/authority/keys", json=key_of_nobody())
        assert problem(refused)["code"] == "no-signing-key"
        opened = browser.post(f"{place.url}/v1/session/unlock", json={"passphrase": place.secrets["maker"]})
        assert (opened.status_code, opened.json()["key"]) == (200, "open")
        assert last(place) == ("maker", "unlock", "ok")
        done = browser.post(f"{place.url}/v1/members/authority/keys", json=key_of_nobody())
        assert done.status_code in (201, 202), done.text


def key_of_nobody() -> dict[str, object]:
    """A key that a maker prepares for a member, which takes the maker's own."""
    return {"alg": "ed25519", "public": os.urandom(32).hex(), "purpose": "validate", "person": None}


@pytest.mark.produces("problem-code", "no-staff-key")
def test_a_viewer_has_nothing_to_open(place: Place) -> None:
    with place.signed_in("wang-fang") as browser:
        answer = browser.post(f"{place.url}/v1/session/unlock", json={"passphrase": VIEWER_SECRET})
        assert (answer.status_code, problem(answer)["code"]) == (403, "no-staff-key")


@pytest.mark.produces("problem-code", "sign-in-elsewhere")
def test_who_is_linked_signs_in_there_only_until_unlinked(place: Place) -> None:
    with place.browser() as browser:
        credentials = {"user": "wang-fang", "password": VIEWER_SECRET}
        answer = browser.post(f"{place.url}/v1/session", json=credentials)
        assert (answer.status_code, problem(answer)["code"]) == (403, "sign-in-elsewhere")
        wrong = browser.post(f"{place.url}/v1/session", json={**credentials, "password": "no idea at all"})
        assert problem(wrong)["code"] == "sign-in-failed", "only who knows the secret is told"
    with httpx.Client(base_url=place.url, timeout=60) as program:
        assert token(program, client_id="maker", client_secret=place.secrets["maker"]).json()["code"] == "sign-in-elsewhere"
        place.node.links.unlink("wang-fang")
        assert program.post("/v1/session", json=credentials).status_code == 201
    place.node.links.link("wang-fang", "wang-fang")


@pytest.mark.produces("problem-code", "oidc-account")
def test_somebody_of_the_provider_without_an_account_gets_no_session(place: Place) -> None:
    with place.browser() as browser:
        answer = browser.get(place.provider.sign_in(browser, place.begun(browser), "sun-li"))
        assert (answer.status_code, problem(answer)["code"]) == (403, "oidc-account")
        assert problem(browser.get(f"{place.url}/v1/session"))["code"] == "unauthenticated"
    assert last(place) == (None, "oidc", "oidc-account")


def test_who_says_no_there_is_not_signed_in(place: Place) -> None:
    with place.browser() as browser:
        back = place.provider.sign_in(browser, place.begun(browser), "gao-yu", answer="deny")
        assert "error=access_denied" in back
        answer = browser.get(back)
    assert (answer.status_code, problem(answer)["code"]) == (403, "oidc-denied")


@pytest.mark.produces("problem-code", "oidc-state", "oidc-token")
def test_a_code_is_taken_from_the_browser_that_began_once_and_from_no_other(place: Place) -> None:
    with place.browser() as browser, place.browser() as victim:
        back = place.provider.sign_in(browser, place.begun(browser), "wang-fang")
        assert problem(victim.get(back))["code"] == "oidc-state"
        place.begun(victim)
        assert problem(victim.get(back))["code"] == "oidc-state", "another sign-in is under way there"
        kept = dict(browser.cookies)
        assert browser.get(back).status_code == 200
        assert problem(browser.get(back))["code"] == "oidc-state"
        browser.cookies.update(kept)
        again = browser.get(back)
    assert (again.status_code, problem(again)["code"]) == (403, "oidc-token"), "the provider takes a code once"


@pytest.mark.produces("problem-code", "oidc-issuer", "oidc-denied", "oidc-token", "oidc-state")
def test_an_answer_that_was_changed_is_refused(place: Place) -> None:
    changes: list[tuple[dict[str, str | None], str]] = [
        ({"iss": "http://127.0.0.1:1"}, "oidc-issuer"),
        ({"iss": None}, "oidc-issuer"),
        ({"code": None}, "oidc-denied"),
        ({"code": "x" * 4_096}, "oidc-denied"),
        ({"code": "made up"}, "oidc-token"),
        ({"state": None}, "oidc-state"),
        ({"state": "é"}, "oidc-state"),
        ({"error": "server_error"}, "oidc-denied"),
    ]
    for change, code in changes:
        with place.browser() as browser:
            back = urlsplit(place.provider.sign_in(browser, place.begun(browser), "wang-fang"))
            query = {name: values[0] for name, values in parse_qs(back.query).items()} | change
            changed = urlencode({name: value for name, value in query.items() if value is not None})
            answer = browser.get(f"{place.url}{CALLBACK}?{changed}")
            assert (answer.status_code, problem(answer)["code"]) == (403, code), change
            twice = browser.get(f"{place.url}{CALLBACK}?{back.query}&code=twice")
            assert problem(twice)["code"] == "oidc-state", change


def test_a_disabled_person_signs_in_no_more(place: Place) -> None:
    place.node.accounts.add_user("sun-li", "Sun Li", "viewer", VIEWER_SECRET)
    place.node.links.link("sun-li", "sun-li")
    with place.signed_in("sun-li") as browser:
        place.node.accounts.disable("sun-li")
        assert problem(browser.get(f"{place.url}/v1/session"))["code"] == "token-ended"
        with place.browser() as other:
            answer = other.get(place.provider.sign_in(other, place.begun(other), "sun-li"))
        assert problem(answer)["code"] == "oidc-account"
        place.node.links.unlink("sun-li")


def test_a_browser_is_led_through_all_of_it(place: Place) -> None:
    place.node.accounts.add_user("zhou-yan", "Zhou Yan", "viewer", VIEWER_SECRET)
    place.node.links.link("zhou-yan", "zhou-yan")
    with chromium_page(offline=False) as page:
        page.goto(f"{place.url}/portal/work")
        page.locator("main a[href='/v1/session/oidc']").click()
        page.locator("input[name=login]").fill("zhou-yan")
        page.locator("#loginform button[type=submit]").click()
        page.locator("input[name=password]").fill(place.provider.passwords["zhou-yan"])
        page.locator("#passwordform button[type=submit]").click()
        page.locator("#accept").click()
        page.wait_for_url(f"{place.url}/portal/work")
        expect(page.locator(".who strong")).to_have_text("zhou-yan")


@pytest.mark.produces("problem-code", "oidc-off")
def test_a_node_without_a_provider_says_so(place: Place, tmp_path: Path) -> None:
    port = free_ports(1)
    plans, clock = [MemberPlan("authority", "authority", "Forex Authority")], SystemClock()
    founded = create_network(
        tmp_path / "net", "test", plans, clock=clock, random=os.urandom, cost=CHEAP, addresses=Addresses(port_first=port)
    )
    with Node.open(founded.homes["authority"], clock, cost=CHEAP) as node, serving(node):
        for path in ("/v1/session/oidc", CALLBACK):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60)
            assert (answer.status_code, problem(answer)["code"]) == (404, "oidc-off")
