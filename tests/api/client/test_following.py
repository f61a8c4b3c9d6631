"""Events by the client: the feed, the stream that comes back after its last event, and webhooks that are verified by the usual library."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from api.client import AsyncClient, Client, ClientSecret, Event, NodeUnreachable, NotPermitted, Retries, UnreadableAnswer
from api.client.streaming import Frames
from ledger.limits import TOKEN_SECONDS
from tests.api.client.breaking import breaking_line
from tests.api.client.conftest import SOON, At, secret_of
from tests.api.served import Network
from tests.api.test_event_streams import happens
from tests.api.test_webhooks import Served, served
from tests.nodes.webhooks.receiver import receiving
from tests.waiting import wait_until

__all__ = ["served"]


def test_the_feed_goes_on_after_the_last_event(network: Network, at: At) -> None:
    node, checker = network.nodes["bank-a"], at("bank-a", "checker")
    happens(node, "feed-1")
    last = list(checker.events.list())[-1]
    happens(node, "feed-2")
    assert [each.subjects["task_id"] for each in checker.events.list(last.id)] == ["feed-2"]
    (next_one,) = checker.events.wait(last.id, wait_s=5)
    assert checker.events.wait(next_one.id, wait_s=0) == ()


def test_a_stream_comes_back_after_what_it_saw_and_leaves_nothing_out(network: Network) -> None:
    node = network.nodes["bank-a"]
    with (
        breaking_line("bank-a", node.config.api.port) as line,
        Client(line.url, secret_of(network, "bank-a", "checker"), retries=SOON) as checker,
    ):
        seen: list[str] = []

        def listen() -> None:
            for event in checker.events.stream(str(node.events.newest())):
                seen.append(event.subjects["task_id"])
                if event.subjects["task_id"] == "stream-3":
                    return

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        happens(node, "stream-1")
        wait_until(lambda: seen == ["stream-1"], 20)
        line.cut()
        happens(node, "stream-2")
        wait_until(lambda: seen == ["stream-1", "stream-2"], 20)
        # The token ends on the node's side, and the stream with it.
        network.clock.advance(TOKEN_SECONDS * 1000)
        happens(node, "stream-3")
        listening.join(20)
    assert seen == ["stream-1", "stream-2", "stream-3"]


def test_a_stream_that_saw_nothing_yet_begins_where_it_first_began(network: Network) -> None:
    node = network.nodes["bank-a"]
    with breaking_line("bank-a", node.config.api.port) as line:
        said = f"id: {node.events.newest()}".encode()

        async def first() -> Event:
            async with AsyncClient(line.url, secret_of(network, "bank-a", "checker"), retries=SOON) as checker:
                events = checker.events.stream()
                following = asyncio.ensure_future(anext(events))
                await asyncio.to_thread(wait_until, lambda: said in b"".join(line.carried), 20)
                line.cut()
                await asyncio.to_thread(happens, node, "while-away")
                return await asyncio.wait_for(following, 20)

        assert asyncio.run(first()).subjects["task_id"] == "while-away"


def test_a_stream_that_the_caller_may_not_have_or_nobody_gives_is_an_error(network: Network, at: At) -> None:
    with pytest.raises(NotPermitted):
        next(at("bank-a", "dashboard").http.items("/v1/tasks"))
    gone = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(403, json={"code": "not-permitted", "detail": "no"})))
    with pytest.raises(NotPermitted):
        next(Client("http://node.test", http=gone).events.stream())
    broken = Client("http://127.0.0.1:1", retries=Retries(attempts=2, first_s=0.001))
    with broken, pytest.raises(NodeUnreachable):
        next(broken.events.stream())


def test_frames_are_read_however_they_are_cut() -> None:
    sent = b'id: 1-1\n: nothing new\n\nid: 1-2\r\nevent: x\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: nothing new\n\n'
    for size in (1, 7, len(sent)):
        frames = Frames(None)
        found = [data for at in range(0, len(sent), size) for data in frames.feed(sent[at : at + size])]
        assert (found, frames.last_id) == ([{"a": 1}], "1-2")
    with pytest.raises(UnreadableAnswer):
        list(Frames(None).feed(b"data: nonsense\n\n"))
    with pytest.raises(UnreadableAnswer):
        list(Frames(None).feed(b"data: " + b"x" * 2_000_000))
    cut = Frames(None)
    assert list(cut.feed(b"data: 1")) == []
    cut.cut()
    assert list(cut.feed(b"data: 2\n\n")) == [2]


def test_an_administrator_keeps_webhooks_and_their_receiver_verifies_them(served: Served) -> None:
    with receiving() as receiver, Client(served.url, ClientSecret("root", served.secrets["root"]), retries=SOON) as root:
        made = root.webhooks.register(receiver.url(), ["task.waiting"], "core system")
        secret = root.webhooks.secret(made.id)
        assert root.webhooks.test(made.id).outcome == "delivered"
        (ping,) = receiver.received
        assert Verifier(secret).verify(ping.body, ping.headers)["type"] == "ping"
        assert [each.type for each in root.webhooks.deliveries(made.id)] == ["ping"]
        root.webhooks.rotate_secret(made.id)
        assert root.webhooks.secret(made.id) != secret
        assert root.webhooks.replay(made.id).state == root.webhooks.get(made.id).state == "active"
        assert made.id in [each.id for each in root.webhooks.list()]
        root.webhooks.delete(made.id)
        assert made.id not in [each.id for each in root.webhooks.list()]
