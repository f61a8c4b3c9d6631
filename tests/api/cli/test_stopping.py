"""SIGTERM ends a served node in good order: what is under way comes to its end, and the exit status is 0."""

from __future__ import annotations

import ctypes
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx

from api.cli.running import GRACE_S
from nodes.home import Home
from nodes.node import Node
from tests.api.cli.conftest import served
from tests.api.served import CHEAP, token
from tests.waiting import wait_until


def test_streams_come_to_a_proper_end_and_the_process_too(founded: Path) -> None:
    home = founded / "authority"
    node = Node.open(home, cost=CHEAP)
    _, secret = node.accounts.add_client("follower", "follower", "service", ["events:read"])
    node.close()
    api = Home(home).read_config().api
    with served(home) as process, httpx.Client(base_url=f"http://{api.host}:{api.port}", timeout=120) as client:
        bearer = token(client, client_id="follower", client_secret=secret).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {bearer}"
        with ExitStack() as stack:
            streams = [stack.enter_context(client.stream("GET", "/v1/events/stream")) for _ in range(3)]
            assert [stream.status_code for stream in streams] == [200] * 3
            process.send_signal(signal.SIGTERM)
            # A stream that was cut off, and did not end, raises here.
            assert [list(stream.iter_lines()) is not None for stream in streams] == [True] * 3
        assert process.wait(120) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_signal_that_reaches_another_thread_ends_the_process_too(founded: Path) -> None:
    with served(founded / "authority") as process:
        # Until the thread that waits for it sleeps: before, it would look by itself.
        time.sleep(1)
        threads = {int(path.name) for path in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid}
        assert ctypes.CDLL(None).tgkill(process.pid, max(threads), signal.SIGTERM) == 0
        assert process.wait(120) == 0


def test_a_request_that_is_under_way_is_answered_and_nobody_else_gets_in(founded: Path) -> None:
    home = founded / "authority"
    node = Node.open(home, cost=CHEAP)
    _, secret = node.accounts.add_client("treasury", "treasury", "service", ["rates:write"])
    node.close()
    api = Home(home).read_config().api
    address = f"http://{api.host}:{api.port}"
    with served(home) as process, httpx.Client(base_url=address, timeout=120) as client:
        bearer = token(client, client_id="treasury", client_secret=secret).json()["access_token"]
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        halves, whole_bodies_asked_for = threading.Barrier(3), threading.Event()

        def body(first: bytes, second: bytes) -> Iterator[bytes]:
            """The first half of a request, and its other half once the node was told to stop."""
            yield first
            halves.wait(60)
            assert whole_bodies_asked_for.wait(60)
            yield second

        entered = body(b'{"rates": [{"currency": "KRW", "day": "2026-10-02",', b' "rate": "0.00071"}]}')
        signed_in = body(b"grant_type=client_credentials&client_id=treasury", f"&client_secret={secret}".encode())
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        with ThreadPoolExecutor(2) as pool:
            under_way = pool.submit(client.post, "/v1/exchange-rates", content=entered, headers=headers)
            signing_in = pool.submit(client.post, "/oauth2/token", content=signed_in, headers=form)
            halves.wait(60)
            process.send_signal(signal.SIGTERM)
            stopping = time.monotonic()
            wait_until(lambda: _is_refused(api.host, api.port), 20)
            assert process.poll() is None, "it waits for the request"
            whole_bodies_asked_for.set()
            answer, signed = under_way.result(60), signing_in.result(60)
        assert (answer.status_code, answer.json()) == (201, {"entered": 1}), answer.text
        assert signed.status_code == 200, signed.text
        assert process.wait(120) == 0
        assert time.monotonic() - stopping < GRACE_S + 20
        assert process.stderr is not None
        assert process.stderr.read() == ""


def _is_refused(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True
