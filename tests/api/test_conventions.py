"""What holds for every resource: problems, request ids, bounds, strictness, idempotency."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from api import problems
from api.app import create_app
from api.idempotency import Idempotency, reference_of
from api.models import ApiModel, MoneyIn, TimeMs, parse_time
from api.preferences import wait_seconds
from api.problems import BadRequest, problem_of
from api.requests import RequestBounds
from api.responses import json_response
from ledger.clock import SettableClock
from ledger.errors import Refused
from ledger.limits import HTTP_BODY_BYTES_MAX, IDEMPOTENCY_DAYS
from nodes.money import Money
from nodes.private import PrivateStore
from tests.api.served import START_MS, Network, problem


def test_an_unknown_path_and_a_wrong_method_are_problems(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    assert problem(client.get("/v1/nothing"))["code"] == "not-found"
    wrong = client.delete("/v1/network")
    assert (problem(wrong)["code"], wrong.headers["allow"]) == ("method-not-allowed", "GET")


def test_a_field_that_does_not_fit_is_named_and_not_repeated(network: Network) -> None:
    body = problem(network.sign_in("authority", "maker").get("/v1/blocks", params={"limit": "sealed-word"}))
    assert (body["code"], body["status"]) == ("invalid-request", 422)
    assert body["errors"][0]["field"] == "limit"
    assert "sealed-word" not in str(body)


def test_an_unknown_or_repeated_parameter_is_refused(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    assert problem(client.get("/v1/network", params={"colour": "red"}))["errors"][0]["field"] == "colour"
    assert problem(client.get("/v1/blocks", params=[("limit", "1"), ("limit", "2")]))["code"] == "invalid-request"


def test_half_of_a_character_is_no_text(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    json = {"Content-Type": "application/json"}
    for half in (rb"\ud800", rb"\udc00", rb"\udc00\ud800"):
        refused = client.post("/v1/credit-profiles", content=b'[{"kind": "basic", "uscc": "' + half + b'"}]', headers=json)
        assert (problem(refused)["code"], refused.status_code) == ("invalid-request", 422)
    whole = client.post("/v1/credit-profiles", content=rb'[{"kind": "basic", "uscc": "\ud83d\ude00"}]', headers=json)
    assert whole.status_code == 200


def test_a_nul_is_no_text_whatever_the_database_could_hold(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    headers = {"Content-Type": "application/json"}
    refused = client.post("/v1/credit-profiles", content=rb'[{"kind": "basic", "uscc": "\u0000"}]', headers=headers)
    assert (problem(refused)["code"], refused.status_code) == ("invalid-request", 422)
    assert client.post("/v1/credit-profiles", content=rb'[{"kind": "basic", "uscc": "\\u0000"}]', headers=headers).status_code == 200
    asked = client.get("/v1/monitoring/summary", params={"product": "a\0"})
    assert problem(asked)["errors"] == [{"in": "query", "field": "product", "message": "holds a NUL"}]


def test_the_callers_request_id_comes_back_where_it_is_a_plain_word(network: Network) -> None:
    client = network.anyone("authority")
    assert client.get("/healthz", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"] == "abc-123"
    assert client.get("/healthz", headers={"X-Request-Id": "<b>"}).headers["x-request-id"] != "<b>"


def test_a_body_beyond_the_limit_is_refused_declared_or_not(network: Network) -> None:
    client = network.sign_in("authority", "core")
    declared = client.post("/v1/records", content=b"x" * (HTTP_BODY_BYTES_MAX + 1))
    assert problem(declared)["code"] == "body-too-large"
    chunks = (b"x" * 65_536 for _ in range(HTTP_BODY_BYTES_MAX // 65_536 + 1))
    assert problem(client.post("/v1/records", content=chunks))["code"] == "body-too-large"


@pytest.mark.parametrize(("media_type", "status"), [("application/json", 413), ("Application/JSON; charset=utf-8", 413), ("text/csv", 200)])
def test_json_is_read_into_memory_only_as_far_as_any_other_where_files_may_be_large(media_type: str, status: int) -> None:
    app = FastAPI()

    async def count(request: Request) -> Response:
        return json_response({"bytes": len(await request.body())})

    app.add_api_route("/v1/declaration-imports", count, methods=["POST"])
    problems.install(app)
    app.add_middleware(RequestBounds, random=bytes, pages="/portal")
    content = b" " * (HTTP_BODY_BYTES_MAX + 1)
    assert _ask(app, "POST", "/v1/declaration-imports", content=content, headers={"Content-Type": media_type}).status_code == status


def test_health_and_readiness_are_open(network: Network) -> None:
    client = network.anyone("bank-a")
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ready"


def test_a_node_that_must_not_go_on_is_not_ready(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    node = network.nodes["bank-a"]
    monkeypatch.setattr(node.store, "halted", lambda: {"code": "fork-seen", "ours": "", "theirs": ""})
    answer = network.anyone("bank-a").get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not-ready", "faults": ["fork-seen"]})


def test_a_node_whose_database_does_not_answer_is_not_ready(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> None:
        raise OperationalError("select", {}, OSError("disk"))

    monkeypatch.setattr(network.nodes["bank-a"].store, "halted", unreachable)
    answer = network.anyone("bank-a").get("/readyz")
    assert (answer.status_code, answer.json()["faults"]) == (503, ["database-busy"])


def test_the_interface_describes_itself(network: Network) -> None:
    schema = network.anyone("bank-a").get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert "/v1/blocks" in schema["paths"]


def test_a_fault_is_a_problem_without_its_text_and_the_log_holds_neither(network: Network) -> None:
    app = create_app(network.nodes["authority"])

    async def fail() -> None:
        raise RuntimeError("the secret number")

    app.router.routes.clear()
    app.router.route_class = APIRoute
    app.add_api_route("/fails", fail, methods=["GET"])
    with structlog.testing.capture_logs() as logs:
        body = problem(_ask(app, "GET", "/fails"))
    assert (body["status"], body["code"]) == (500, "internal")
    assert "secret" not in str(body)
    (entry,) = [each for each in logs if each["event"] == "request-failed"]
    assert entry["request_id"] == body["request_id"]
    assert entry["error"] == "RuntimeError"
    assert "secret" not in str(entry)


class _Order(ApiModel):
    count: int
    amount: MoneyIn | None = None
    at: TimeMs | None = None


@pytest.fixture
def till(tmp_path: Path) -> Iterator[FastAPI]:
    """A small application with one POST that counts how often it was really done."""
    private = PrivateStore(f"sqlite:///{tmp_path / 'private.db'}")
    kept = Idempotency(private, SettableClock(START_MS))
    app = FastAPI()
    app.state.done, app.state.kept = 0, kept
    app.state.gate, app.state.begun = asyncio.Event(), asyncio.Event()
    app.state.gate.set()

    @app.post("/orders")
    async def order(request: Request) -> Response:
        async def handle() -> Response:
            app.state.done += 1
            app.state.begun.set()
            await app.state.gate.wait()
            return json_response({"order": app.state.done}, status=201, headers={"Location": "/orders/1"})

        return await kept.answer(request, "client/core", (await request.body()).hex(), handle)

    problems.install(app)
    app.add_middleware(RequestBounds, random=bytes, pages="/portal")
    yield app
    private.close()


def test_the_same_key_and_body_get_the_same_answer_and_are_done_once(till: FastAPI) -> None:
    answers = [_ask(till, "POST", "/orders", content=b"{}", headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["location"] == "/orders/1"
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert till.state.done == 1


def test_the_same_key_with_another_body_is_a_conflict(till: FastAPI) -> None:
    _ask(till, "POST", "/orders", content=b"{}", headers={"Idempotency-Key": "k1"})
    other = _ask(till, "POST", "/orders", content=b'{"a":1}', headers={"Idempotency-Key": "k1"})
    assert (problem(other)["status"], problem(other)["code"]) == (422, "idempotency-conflict")
    assert till.state.done == 1


def test_a_key_that_is_used_again_once_it_is_forgotten_names_no_earlier_record(till: FastAPI) -> None:
    @till.post("/records")
    async def record(request: Request) -> Response:
        async def handle() -> Response:
            return json_response({"cause": reference_of(request, "client/core")})

        kept: Idempotency = till.state.kept
        return await kept.answer(request, "client/core", (await request.body()).hex(), handle)

    def cause(body: bytes) -> str:
        found: str = _ask(till, "POST", "/records", content=body, headers={"Idempotency-Key": "k3"}).json()["cause"]
        till.state.kept._clock.advance((IDEMPOTENCY_DAYS + 1) * 86_400_000)
        return found

    first, same, other = cause(b"{}"), cause(b"{}"), cause(b'{"a":1}')
    assert first == same
    assert first != other


@pytest.mark.produces("problem-code", "too-many-introductions")
def test_a_refusal_that_says_to_come_back_is_not_kept(till: FastAPI) -> None:
    answers = iter([Refused("too-many-introductions", "the test says so", hint="go on tomorrow"), None])

    @till.post("/introductions")
    async def introduce(request: Request) -> Response:
        async def handle() -> Response:
            error = next(answers)
            response = None if error is None else problem_of(error, "1")
            return json_response({"done": True}, status=201) if response is None else response

        kept: Idempotency = till.state.kept
        return await kept.answer(request, "client/core", "", handle)

    found = [_ask(till, "POST", "/introductions", headers={"Idempotency-Key": "k2"}) for _ in range(2)]
    assert [each.status_code for each in found] == [409, 201]


@pytest.mark.produces("problem-code", "idempotency-in-flight")
def test_a_key_whose_request_is_in_hand_is_answered_409(till: FastAPI) -> None:
    async def race() -> tuple[httpx.Response, httpx.Response]:
        till.state.gate.clear()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(till), base_url="http://till") as client:
            first = asyncio.create_task(client.post("/orders", content=b"{}", headers={"Idempotency-Key": "k"}))
            await till.state.begun.wait()
            second = await client.post("/orders", content=b"{}", headers={"Idempotency-Key": "k"})
            till.state.gate.set()
            return await first, second

    first, second = asyncio.run(race())
    assert first.status_code == 201
    assert (second.status_code, problem(second)["code"]) == (409, "idempotency-in-flight")


@pytest.mark.produces("problem-code", "bad-idempotency-key")
def test_a_key_that_is_no_word_is_refused(till: FastAPI) -> None:
    answer = _ask(till, "POST", "/orders", content=b"{}", headers={"Idempotency-Key": "x" * 200})
    assert problem(answer)["code"] == "bad-idempotency-key"


@pytest.mark.parametrize(
    "body",
    [
        '{"count": 1, "more": 2}',
        '{"count": "1"}',
        '{"count": true}',
        '{"count": 1.0}',
        '{"count": 1, "amount": {"currency": "USD", "value": "1.5"}}',
        '{"count": 1, "amount": {"currency": "USD", "value": 1}}',
        '{"count": 1, "amount": {"currency": "XXY", "value": "1.00"}}',
        '{"count": 1, "at": "2026-01-31"}',
        '{"count": 1, "at": 12}',
    ],
)
def test_bodies_are_read_strictly(body: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        _Order.model_validate(json.loads(body))


def test_money_and_times_are_read_exactly() -> None:
    order = _Order.model_validate({"count": 1, "amount": {"currency": "JPY", "value": "500"}, "at": "2026-01-31T08:00:00.250+08:00"})
    assert order.amount == Money("JPY", 500)
    assert order.at == parse_time("2026-01-31T00:00:00.250Z")


@pytest.mark.parametrize("raw", [b'{"record":{},"record":{},"signature":"00"}', b'{"record":NaN}', b"[" * 100_000, b"\xff", b"", b"[]"])
def test_json_that_parsers_read_differently_is_refused(network: Network, raw: bytes) -> None:
    app = create_app(network.nodes["authority"])
    tokens = app.state.context.tokens
    key = network.nodes["exporter-a"].identity_key.id
    scopes = frozenset({"introductions:write"})
    text = tokens.issue("enterprise-node", network.exporter, "enterprise-node", scopes, enterprise=network.exporter, proved_by=key).token
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
    answer = _ask(app, "POST", "/v1/introductions", content=raw, headers=headers)
    assert answer.status_code in (400, 422)
    assert problem(answer)["code"] == "invalid-request"


def test_the_wait_preference_is_bounded_and_others_are_ignored() -> None:
    assert wait_seconds(_preferring("respond-async, wait=10")) == 10
    assert wait_seconds(_preferring("wait=100000")) == 30
    assert wait_seconds(_preferring("return=minimal")) is None
    with pytest.raises(BadRequest, match="bad-prefer"):
        wait_seconds(_preferring("wait=soon"))


def test_a_refusal_says_what_to_do_next() -> None:
    response = problem_of(Refused("some-code", "a sentence", hint="do that"), "r1")
    assert response is not None
    assert b'"hint":"do that"' in bytes(response.body)


def _preferring(value: str) -> Request:
    return Request({"type": "http", "headers": [(b"prefer", value.encode())]})


def _ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())
