"""Who sends, or reads, as slowly as it can takes nobody's place for long, and keeps nobody waiting meanwhile."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from api import connections
from tests.api.served import Network, problem
from tests.api.wires import answer, ends_within, wire, wires

MANY = 200
# Far less than if each of many were waited for, and more than a busy machine takes for an answer.
UNDISTURBED_S = 15
HEAD = b"GET /healthz HTTP/1.1\r\nHost: node\r\n"
BODY = b"POST /oauth2/token HTTP/1.1\r\nHost: node\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 16000\r\n\r\n"


def everything(connection: socket.socket) -> bytes:
    """What comes until the connection ends, however it does."""
    connection.settimeout(10)
    got = b""
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            got += part
    return got


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that waits a second where it would wait ten or twenty."""
    monkeypatch.setattr(connections, "_LOOK_S", 0.1)
    monkeypatch.setattr(connections, "_SECONDS", dict.fromkeys(("head", "body", "answer"), 1))
    monkeypatch.setattr(connections, "HTTP_SILENCE_SECONDS_MAX", 1)


def longest_answer_s(network: Network, node: str = "bank-a", times: int = 10) -> float:
    """What an honest client waits for at most."""
    client, longest = network.anyone(node), 0.0
    for _ in range(times):
        begun = time.monotonic()
        assert client.get("/healthz").status_code == 200
        longest = max(longest, time.monotonic() - begun)
    return longest


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("beginning", "drop"),
    [(b"", b""), (HEAD, b"X: 1\r\n"), (BODY, b"a"), (b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\nG", b"E")],
    ids=["says nothing", "a head without an end", "a body in drops", "a second request without an end"],
)
def test_who_dawdles_is_cut_off_and_keeps_nobody_waiting(network: Network, beginning: bytes, drop: bytes) -> None:
    with wires(network.url("bank-a"), MANY, beginning) as dawdling:
        assert longest_answer_s(network) < UNDISTURBED_S
        assert ends_within(dawdling, 10, drop) == MANY


@pytest.mark.usefixtures("hasty")
def test_who_does_not_read_its_answer_is_cut_off(network: Network) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: node\r\n\r\n"
    with socket.socket() as deaf:
        # A small window, so that what is not read stays at the node.
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        api = network.nodes["bank-a"].config.api
        deaf.connect((api.host, api.port))
        deaf.sendall(request * 50)
        time.sleep(3)
        got = everything(deaf)
    one = len(network.anyone("bank-a").get("/openapi.json").content)
    assert len(got) < 25 * one, "what the machine itself had taken over is all that came"
    assert longest_answer_s(network) < UNDISTURBED_S


@pytest.mark.usefixtures("hasty")
def test_who_takes_its_time_at_a_bearable_rate_or_waits_for_an_answer_is_left_alone(network: Network) -> None:
    maker = network.sign_in("bank-a", "maker")
    begun = time.monotonic()
    assert (
        maker.get("/v1/events", params={"after": maker.get("/v1/events").json()["next"] or ""}, headers={"Prefer": "wait=3"}).status_code
        < 500
    )
    assert time.monotonic() - begun < 30

    def in_pieces() -> Iterator[bytes]:
        for _ in range(15):
            yield b"a" * 1_000
            time.sleep(0.2)

    slow = network.anyone("bank-a").post(
        "/oauth2/token", content=in_pieces(), headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert slow.status_code == 400, "it was read to its end, and is no form"


@pytest.mark.produces("problem-code", "too-many-connections")
def test_beyond_its_connections_a_node_lets_go_who_asked_nothing_and_answers_who_asks(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "connections_max", lambda: 50)
    with wires(network.url("bank-b"), MANY, b"") as silent:
        assert longest_answer_s(network, "bank-b") < UNDISTURBED_S
        assert ends_within(silent, 5) >= MANY - 50
    # Where everybody waits for an answer, the next one is told to come again.
    monkeypatch.setattr(connections.BoundedProtocol, "waits", property(lambda _: False))
    with wires(network.url("bank-b"), 50, b""), wire(network.url("bank-b")) as one_more:
        said = problem(answer(one_more))
    assert (said["status"], said["code"]) == (503, "too-many-connections")


@pytest.mark.produces("problem-code", "invalid-request")
def test_what_is_no_http_or_too_long_is_a_problem_and_leaves_no_line(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = network.url("bank-a")
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        HEAD + b"X: " + b"y" * 70_000,
    ):
        with wire(url, nonsense) as connection:
            assert problem(answer(connection))["code"] == "invalid-request"
    with wire(url, HEAD + b"Connection: upgrade, close\r\nUpgrade: websocket\r\n\r\n") as connection:
        assert answer(connection).status_code == 200
    # The log takes errors (`api.cli.logs`): a stranger writes nothing into it.
    assert [record for record in caplog.records if record.name.startswith("uvicorn") and record.levelno >= logging.ERROR] == []


def test_nonsense_in_the_middle_of_a_body_ends_the_connection_and_nothing_else(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    chunked = BODY.replace(b"Content-Length: 16000", b"Transfer-Encoding: chunked") + b"1\r\na\r\n"
    for _ in range(20):
        with wire(network.url("bank-a"), chunked) as connection:
            time.sleep(0.05)
            connection.sendall(b"\x00\x01nonsense\r\n\r\n")
            assert ends_within([connection], 10) == 1
    assert httpx.get(f"{network.url('bank-a')}/healthz").status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_the_description_that_strangers_may_ask_for_is_made_once(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making it takes the processor a good part of a second, so that a few strangers a second would take all of it."""
    client = network.anyone("auditor")
    first = client.get("/openapi.json")
    monkeypatch.setattr("api.description.described", None)
    assert client.get("/openapi.json").content == first.content
