"""SIGTERM ends a served node in good order: what is under way comes to its end, and the exit status is 0."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import httpx

from nodes.home import Home
from nodes.node import Node
from tests.api.cli.conftest import served
from tests.api.served import CHEAP, token


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
