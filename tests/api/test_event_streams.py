"""The stream of events, as a real client reads it: ids, silence, where it goes on, how many there are, and when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
import uvicorn

from api.app import context, create_app
from api.cli.running import listen
from api.permissions import scopes_of
from api.resources import events as resource
from ledger.limits import EVENT_STREAMS_MAX, TOKEN_SECONDS
from nodes.node import Node
from tests.api.served import Network, problem, token

PATH = "/v1/events/stream"


def happens(node: Node, name: str) -> str:
    """Something happens at the node alone: the event's id."""
    with node.private.begin() as connection:
        node.events.note(connection, "task.waiting", {"task_id": name}, {}, f"stream:{name}")
    return str(node.events.newest())


def framed(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    """The next events of a stream."""
    found: list[dict[str, Any]] = []
    frame: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            frame[name] = value
        elif "data" in frame:
            event = orjson.loads(frame["data"])
            assert (frame["id"], frame["event"]) == (event["id"], event["type"])
            found.append(event)
            frame = {}
        if len(found) == count:
            break
    return found


@contextmanager
def streaming(client: httpx.Client, **headers: str) -> Iterator[Iterator[str]]:
    with client.stream("GET", PATH, headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        yield response.iter_lines()


def test_events_come_as_they_happen_and_a_stream_goes_on_where_another_ended(network: Network) -> None:
    node, client = network.nodes["bank-a"], network.sign_in("bank-a", "checker")
    with streaming(client) as lines:
        assert next(lines) == f"id: {node.events.newest()}", "it says at once where it begins"
        first = happens(node, "a")
        assert [event["id"] for event in framed(lines, 1)] == [first]
    second, third = happens(node, "b"), happens(node, "c")
    with streaming(client, **{"Last-Event-ID": first}) as lines:
        assert [event["id"] for event in framed(lines, 2)] == [second, third]
    with client.stream("GET", PATH, params={"after": second}) as response:
        assert [event["id"] for event in framed(response.iter_lines(), 1)] == [third]
    whole = client.get("/v1/events", params={"after": first}).json()["items"]
    assert [event["id"] for event in whole] == [second, third]


def test_a_stream_without_news_says_that_it_is_alive(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "EVENT_HEARTBEAT_S", 0.1)
    with streaming(network.sign_in("bank-a", "checker")) as lines:
        silences = 0
        while silences < 3:
            silences += next(lines) == ": nothing new"


def test_the_same_doors_stand_before_the_stream(network: Network) -> None:
    assert problem(network.anyone("bank-a").get(PATH))["code"] == "unauthenticated"
    assert problem(network.sign_in("bank-a", "dashboard").get(PATH))["code"] == "insufficient-scope"
    client = network.sign_in("bank-a", "checker")
    assert problem(client.get(PATH, headers={"Last-Event-ID": "x"}))["code"] == "bad-cursor"
    assert problem(client.get(PATH, params={"after": "x"}))["code"] == "invalid-request"


def test_who_may_not_read_a_thing_does_not_get_it_in_a_stream(network: Network) -> None:
    node, client = network.nodes["bank-a"], network.sign_in("bank-a", "core")
    with streaming(client) as lines:
        next(lines)
        happens(node, "not-for-programs")
        with node.private.begin() as connection:
            node.events.note(connection, "record.refused", {}, {"code": "x"}, "stream:for-programs")
        (event,) = framed(lines, 1)
    assert event["type"] == "record.refused"


@contextmanager
def another_server(node: Node) -> Iterator[tuple[uvicorn.Server, str, Any]]:
    """The same node served once more, by an application of its own."""
    app = create_app(node)
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=30))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{listener.getsockname()[1]}", context(app)
    finally:
        context(app).close()
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def signed_in(url: str, node: Node, name: str) -> Iterator[httpx.Client]:
    _, secret = node.accounts.add_client(name, name, "service", scopes_of("service"))
    with httpx.Client(base_url=url, timeout=60) as client:
        answer = token(client, client_id=name, client_secret=secret)
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def test_a_stream_ends_when_the_node_stops(network: Network) -> None:
    node = network.nodes["bank-b"]
    with another_server(node) as (server, url, held), signed_in(url, node, "stopped") as client, streaming(client) as lines:
        next(lines)
        held.close()
        server.should_exit = True
        assert [line for line in lines if line and not line.startswith(":")] == []


def test_a_stream_ends_when_its_token_does_or_its_account_is_disabled(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "EVENT_HEARTBEAT_S", 0.1)
    node = network.nodes["bank-b"]
    with another_server(node) as (_, url, _), signed_in(url, node, "disabled") as client, streaming(client) as lines:
        next(lines)
        node.accounts.disable("disabled")
        assert [line for line in lines if line and not line.startswith(":")] == []
    with another_server(node) as (_, url, _), signed_in(url, node, "expired") as client:
        with streaming(client) as lines:
            next(lines)
            network.clock.advance(TOKEN_SECONDS * 1000)
            assert [line for line in lines if line and not line.startswith(":")] == []
        assert problem(client.get(PATH))["code"] == "token-expired"


@pytest.mark.produces("problem-code", "too-many-streams")
def test_streams_are_bounded_and_a_place_is_free_again_once_one_ends(network: Network) -> None:
    node = network.nodes["bank-b"]
    with another_server(node) as (_, url, held), signed_in(url, node, "bounded") as client:
        for _ in range(EVENT_STREAMS_MAX - 1):
            assert held.streams.acquire(blocking=False)
        with streaming(client) as lines:
            next(lines)
            refused = client.get(PATH)
            assert (problem(refused)["code"], refused.headers["retry-after"]) == ("too-many-streams", "1")
        assert held.streams.acquire(timeout=30), "its place is free again"


def test_what_a_stream_shows_the_authoritys_people_is_in_the_log(network: Network) -> None:
    node, client = network.nodes["authority"], network.sign_in("authority", "maker")
    accounts = node.accounts
    _, secret = accounts.add_client("stream-auditor", "stream-auditor", "auditor", scopes_of("auditor"))
    auditor = network.anyone("authority")
    answer = token(auditor, client_id="stream-auditor", client_secret=secret)
    auditor.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def looked() -> int:
        items = auditor.get("/v1/look-ups", params={"limit": "500"}).json()["items"]
        return sum(each["resource"] == f"GET {PATH}" for each in items)

    before = looked()
    with streaming(client) as lines:
        next(lines)
        assert looked() == before
        happens(node, "noted")
        framed(lines, 1)
        assert looked() == before + 1
