"""What the client does when answers do not come: sends the same again, so that it is done exactly once, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

import httpx
import pytest

from api.client import (
    AnswerLate,
    AsyncClient,
    Client,
    ClientSecret,
    DeclarationUsed,
    Money,
    NodeFault,
    NodeUnreachable,
    Problem,
    Retries,
    TooMany,
    UnreadableAnswer,
)
from ledger.limits import TOKEN_SECONDS
from tests.api.client.breaking import Line, breaking_line
from tests.api.client.conftest import SOON, At, secret_of
from tests.api.client.test_main_job import answered
from tests.api.served import Network

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture
def line(network: Network) -> Iterator[Line]:
    with breaking_line("bank-a", network.nodes["bank-a"].config.api.port) as line:
        yield line


def applications(network: Network, declaration: str) -> int:
    """How many applications for a declaration are on the ledger, by what the bank's book says."""
    client = network.sign_in("bank-a", "maker")
    return len(client.get("/v1/financings", params={"declaration_id": declaration}).json()["items"])


@pytest.mark.parametrize("at_once", [False, True])
def test_a_connection_that_breaks_in_the_middle_makes_one_financing(network: Network, at: At, line: Line, at_once: bool) -> None:
    declaration = answered(network, at)
    line.lose, line.at_once = [b"POST /v1/financings", b"POST /v1/financings"], at_once
    with Client(line.url, secret_of(network, "bank-a", "maker"), retries=SOON) as maker:
        loan = maker.financings.apply([DeclarationUsed(declaration, Money.of("USD", "100.00"))], "invoice", "L-1")
        assert loan.id is not None
        assert line.lost == [b"POST /v1/financings"] * 2
        assert applications(network, declaration) == 1
        line.lose = [f"POST /v1/financings/{loan.id}/intake".encode()]
        assert maker.financings.intake(loan.id).result["code"] == "ok"
        assert line.lose == []
    records = [each.type for each in at("bank-a", "maker").financings.get(loan.id).records]
    assert records == ["financing.apply", "financing.intake"]


def test_the_async_client_makes_one_too(network: Network, at: At, line: Line) -> None:
    declaration = answered(network, at)
    line.lose = [b"POST /oauth2/token", b"POST /v1/financings", b"GET /v1/financings"]

    async def apply() -> str | None:
        async with AsyncClient(line.url, secret_of(network, "bank-a", "maker"), retries=SOON) as maker:
            loan = await maker.financings.apply([DeclarationUsed(declaration, Money.of("USD", "100.00"))], "invoice", "L-1")
            assert loan.id is not None
            return (await maker.financings.get(loan.id)).id

    assert asyncio.run(apply()) is not None
    assert line.lose == []
    assert applications(network, declaration) == 1


def test_a_program_that_died_goes_on_with_its_own_key(network: Network, at: At) -> None:
    declaration, wanted = answered(network, at), Money.of("USD", "100.00")
    loans = set()
    for _ in range(2):
        loan = at("bank-a", "core").financings.apply([DeclarationUsed(declaration, wanted)], "invoice", "L-1", idempotency_key="core/L-1")
        loans.add(loan.id)
    assert len(loans) == 1
    assert applications(network, declaration) == 1


def test_a_token_is_renewed_before_and_after_it_ends(network: Network, at: At) -> None:
    now_s = [0.0]
    with Client(network.url("bank-a"), secret_of(network, "bank-a", "core"), retries=SOON) as core:
        core.session.clock = lambda: now_s[0]
        core.network.get()
        first = core.session._token
        now_s[0] = TOKEN_SECONDS - 61.0
        core.network.get()
        assert core.session._token == first
        now_s[0] += 2
        core.network.get()
        assert core.session._token != first
        core.session._token = f"{core.session._token}x"
        assert core.network.get().name == "test"


class Scripted(httpx.BaseTransport):
    """Answers that no node gives on demand, in their order; the last one for ever."""

    def __init__(self, *answers: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers, self.requests = deque(answers), list[httpx.Request]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return (self.answers.popleft() if len(self.answers) > 1 else self.answers[0])(request)


def says(status: int, code: str = "", **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    body = {"code": code, "detail": "no"} if code else {"ok": True}
    return lambda _: httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody listens", request=request)


def told(*answers: Callable[[httpx.Request], httpx.Response], retries: Retries = SOON) -> tuple[Client, Scripted]:
    transport = Scripted(*answers)
    return Client("http://node.test", retries=retries, http=httpx.Client(transport=transport)), transport


def test_what_is_sent_again_has_the_same_key_and_bytes() -> None:
    client, node = told(broken, says(503, "no-quorum", retry_after="0"), says(409, "idempotency-in-flight"), says(200))
    assert client.http.post("/v1/orders", {"target": "x"}) == {"ok": True}
    assert len({(each.headers["idempotency-key"], each.content) for each in node.requests}) == 1
    assert len(node.requests) == 4
    client.http.post("/v1/orders", {"target": "x"})
    assert node.requests[4].headers["idempotency-key"] != node.requests[0].headers["idempotency-key"]


def test_a_refusal_that_time_does_not_undo_is_not_sent_again() -> None:
    client, node = told(says(409, "exhausted"))
    with pytest.raises(Problem):
        client.http.post("/v1/financings", {})
    assert len(node.requests) == 1


def test_it_is_tried_only_so_often() -> None:
    client, node = told(broken, retries=Retries(attempts=3, first_s=0.001))
    with pytest.raises(NodeUnreachable) as unreachable:
        client.network.get()
    assert (unreachable.value.code, len(node.requests)) == ("node-unreachable", 3)
    client, node = told(says(500, "internal"), retries=Retries(attempts=2, first_s=0.001))
    with pytest.raises(NodeFault) as fault:
        client.network.get()
    assert (fault.value.code, len(node.requests)) == ("internal", 2)


@pytest.mark.parametrize("after", ["3600", "Thu, 31 Dec 2099 23:59:59 GMT"])
def test_nobody_waits_longer_than_was_agreed(after: str) -> None:
    client, node = told(says(429, "too-many-requests", retry_after=after))
    with pytest.raises(TooMany):
        client.network.get()
    assert len(node.requests) == 1


def test_a_date_that_is_over_or_nonsense_does_not_stop_anybody() -> None:
    over = says(429, "too-many-requests", retry_after="Thu, 01 Jan 2015 00:00:00 GMT")
    client, node = told(over, says(503, "engine-busy", retry_after="soon"), says(200))
    assert client.http.get("/v1/policy") == {"ok": True}
    assert len(node.requests) == 3


def test_pauses_grow_to_their_bound_and_differ() -> None:
    retries = Retries(first_s=1.0, longest_s=4.0)
    for attempt, most in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)):
        assert all(most / 2 <= retries.pause_s(attempt) <= most for _ in range(20))
    assert len({retries.pause_s(3) for _ in range(20)}) > 1


def test_an_answer_of_somebody_else_is_said_to_be_one() -> None:
    client, _ = told(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(UnreadableAnswer):
        client.network.get()
    with pytest.raises(UnreadableAnswer, match="no Network"):
        told(says(200))[0].network.get()
    client, _ = told(lambda _: httpx.Response(502, text="<html>"), retries=Retries(attempts=1))
    with pytest.raises(NodeFault) as fault:
        client.network.get()
    assert (fault.value.code, fault.value.status) == ("http-error", 502)
    nobody = Client("http://node.test", ClientSecret("a", "b"), http=httpx.Client(transport=Scripted(says(200))))
    with pytest.raises(UnreadableAnswer, match="no access token"):
        nobody.network.get()


def running(state: str, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    body = {"id": "1", "state": state, "code": None, "total": 1, "registered": 1, "refused": 0}
    return lambda _: httpx.Response(202 if state == "running" else 200, json=body, headers=headers)


def test_what_takes_longer_is_followed_to_its_location_until_it_is_there() -> None:
    client, node = told(running("running", Location="/v1/declaration-imports/1"), running("running"), running("done"))
    assert client.declarations.import_rows([{"currency": "USD"}]).state == "done"
    assert [(each.method, each.url.path) for each in node.requests] == [
        ("POST", "/v1/declaration-imports"),
        ("GET", "/v1/declaration-imports/1"),
        ("GET", "/v1/declaration-imports/1"),
    ]
    assert all(each.headers["prefer"].startswith("wait=") for each in node.requests)


def test_who_waited_long_enough_is_told_where_the_answer_will_be() -> None:
    client, node = told(running("running", Location="/v1/declaration-imports/1"))
    with pytest.raises(AnswerLate) as late:
        client.declarations.import_rows([{"currency": "USD"}], wait_s=0.05)
    assert (late.value.code, late.value.location) == ("answer-late", "/v1/declaration-imports/1")
    assert "prefer" not in node.requests[0].headers
    assert client.declarations.import_rows([{"currency": "USD"}], wait_s=0).state == "running"


def test_anything_else_of_the_interface_is_plain_json() -> None:
    client, node = told(lambda request: httpx.Response(204) if request.method == "DELETE" else httpx.Response(200, json={"ok": True}))
    assert client.http.send("PUT", "/v1/paper-settings", {"per_day": 3}) == {"ok": True}
    assert client.http.send("DELETE", "/v1/webhooks/1") is None
    assert client.http.get("/v1/events", {"after": "1-1", "limit": 3, "dry_run": True, "left_out": None}) == {"ok": True}
    assert [each.method for each in node.requests] == ["PUT", "DELETE", "GET"]
    assert node.requests[0].content == b'{"per_day": 3}'
    assert dict(node.requests[2].url.params) == {"after": "1-1", "limit": "3", "dry_run": "true"}


def test_the_token_goes_to_no_other_place() -> None:
    pending = {"id": "1", "state": "running", "code": None, "total": 0, "registered": 0, "refused": 0}
    client, node = told(lambda _: httpx.Response(202, json=pending, headers={"Location": "//elsewhere.test/v1"}))
    with pytest.raises(UnreadableAnswer):
        client.declarations.import_rows([{}])
    assert len(node.requests) == 1
