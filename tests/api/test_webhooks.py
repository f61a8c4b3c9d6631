"""Webhooks over HTTP, at a node that runs as `serve` runs it: an administrator registers them, its worker delivers to a real receiver."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import standardwebhooks

from api.cli.running import RunningNode, listen
from ledger.clock import SettableClock
from nodes.home import Home
from nodes.home_config import WebhooksSection
from nodes.node import Node
from nodes.plans import Addresses
from nodes.private import idempotency
from tests.api.lost_answers import POINTS, check_done_once
from tests.api.served import problem, token
from tests.nodes.small_network import CHEAP, found
from tests.nodes.webhooks.receiver import Receiver, receiving
from tests.ports import free_ports

PRIVATE = {
    "POST /v1/webhooks",
    "POST /v1/webhooks/{webhook_id}/replay",
    "POST /v1/webhooks/{webhook_id}/rotate-secret",
    "POST /v1/webhooks/{webhook_id}/test",
}
SECRET = "rough seas and four sails"
BASE = "/v1/webhooks"


@dataclass
class Served:
    node: Node
    clock: SettableClock
    url: str
    secrets: dict[str, str]

    @contextmanager
    def sign_in(self, user: str) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.url, timeout=60) as client:
            answer = token(client, client_id=user, client_secret=self.secrets[user])
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory: Path = tmp_path_factory.mktemp("webhooks")
    clock, port = SettableClock(int(time.time() * 1000)), free_ports(1)
    founded = found(directory / "net", clock=clock, addresses=Addresses(port_first=port))
    home = Home(founded.homes["authority"])
    config = home.read_config()
    home.write_config(config.model_copy(update={"webhooks": WebhooksSection(allow_private=True, allow_http=True)}))
    node = Node.open(home.path, clock, cost=CHEAP)
    node.accounts.add_user("root", "Root", "admin", SECRET)
    secrets = {each.user: each.secret for each in founded.sign_ins} | {"root": SECRET}
    with RunningNode(node, listen(config.api.host, port)) as running:
        yield Served(node, clock, running.url, secrets)


@pytest.fixture
def admin(served: Served) -> Iterator[httpx.Client]:
    with served.sign_in("root") as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def registered(admin: httpx.Client, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    answer = admin.post(BASE, json={"url": receiver.url(), **fields})
    assert answer.status_code == 201, answer.text
    value: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{BASE}/{value['id']}"
    return value


def happens(node: Node, *names: str) -> None:
    for name in names:
        with node.private.begin() as connection:
            node.events.note(connection, "task.waiting", {"task_id": name}, {}, name)


def until(receiver: Receiver, count: int) -> None:
    while len(receiver.received) < count:
        time.sleep(0.01)


def test_an_event_of_the_ledger_reaches_the_receiver_and_is_listed(served: Served, admin: httpx.Client, receiver: Receiver) -> None:
    webhook = registered(admin, receiver, description="core banking")
    with served.sign_in("maker") as maker:
        body = {"change": {"kind": "policy", "policy": {"hold_days_max": 20}}}
        proposed = maker.post("/v1/governance/proposals", json=body, headers={"Prefer": "wait=20"})
        assert proposed.status_code == 201, proposed.text
    until(receiver, 1)
    secret = admin.get(f"{BASE}/{webhook['id']}/secret").json()["secret"]
    message = standardwebhooks.Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    data = message["data"]
    assert (data["type"], data["subjects"]["proposal_id"]) == ("governance.proposed", proposed.json()["id"])
    with served.sign_in("maker") as maker:
        assert data in maker.get("/v1/events").json()["items"], "what is sent is what the feed shows"
    while not (attempts := admin.get(f"{BASE}/{webhook['id']}/deliveries").json()["items"]):
        time.sleep(0.01)
    assert [(each["message_id"], each["outcome"], each["status"]) for each in attempts] == [
        (receiver.received[0].headers["webhook-id"], "delivered", 204)
    ]
    assert admin.get(f"{BASE}/{webhook['id']}").json()["after"] == data["id"]
    admin.delete(f"{BASE}/{webhook['id']}")


def test_a_webhook_is_tested_rotated_replayed_and_deleted(served: Served, admin: httpx.Client, receiver: Receiver) -> None:
    webhook = registered(admin, receiver, types=["task.waiting"])
    path = f"{BASE}/{webhook['id']}"
    ping = admin.post(f"{path}/test").json()
    assert (ping["type"], ping["outcome"], ping["status"]) == ("ping", "delivered", 204)
    old = admin.get(f"{path}/secret").json()["secret"]
    rotated = admin.post(f"{path}/rotate-secret")
    assert rotated.status_code == 200 and "secret" not in rotated.json()
    new = admin.get(f"{path}/secret").json()["secret"]
    happens(served.node, "t1", "t2")
    until(receiver, 3)
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(receiver.received[2].body, receiver.received[2].headers)
    first = receiver.received[1].event["data"]["id"]
    while admin.get(path).json()["after"] != receiver.received[2].event["data"]["id"]:
        time.sleep(0.01)
    assert admin.post(f"{path}/replay", json={"after": first}).json()["after"] == first
    until(receiver, 4)
    assert receiver.ids[3] == receiver.ids[2]
    assert path.rpartition("/")[2] in [each["id"] for each in admin.get(BASE).json()["items"]]
    assert admin.delete(path).status_code == 204
    assert problem(admin.get(path))["code"] == "unknown-webhook"
    assert problem(admin.delete(path))["code"] == "unknown-webhook"


def test_the_secret_is_in_no_answer_that_is_kept(served: Served, admin: httpx.Client, receiver: Receiver) -> None:
    key = {"Idempotency-Key": "register-once"}
    made = [admin.post(BASE, json={"url": receiver.url()}, headers=key).json() for _ in range(2)]
    assert made[0] == made[1]
    path = f"{BASE}/{made[0]['id']}"
    admin.post(f"{path}/rotate-secret", headers={"Idempotency-Key": "rotate-once"})
    secret = admin.get(f"{path}/secret").json()["secret"]
    with served.node.private.reading() as connection:
        kept = [row.body for row in connection.execute(sa.select(idempotency))]
    assert len(kept) >= 2 and not any("whsec_" in body or secret in body for body in kept)
    admin.delete(path)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("route", sorted(PRIVATE))
def test_what_a_crash_interrupts_is_done_once(
    served: Served, admin: httpx.Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, route: str, point: str
) -> None:
    webhook = registered(admin, receiver)["id"]
    path = route.split()[1].replace("{webhook_id}", webhook)
    body = {"url": receiver.url(), "description": "twice"} if path == BASE else {} if path.endswith("/replay") else None
    key = f"{path}-{POINTS.index(point)}"
    served.clock.advance(1)
    check_done_once(served.node, monkeypatch, point, key, lambda headers: admin.post(path, json=body, headers=headers))
    if path.endswith("/test"):
        # A ping that nobody wrote down went out again, under its id.
        assert len(set(receiver.ids)) == 1 and len(receiver.ids) == 2 - POINTS.index(point)
    for each in admin.get(BASE).json()["items"]:
        admin.delete(f"{BASE}/{each['id']}")


def test_administrators_only_and_what_is_no_webhook_is_refused(served: Served, admin: httpx.Client) -> None:
    with served.sign_in("maker") as maker:
        assert problem(maker.get(BASE))["code"] == "not-permitted"
    for body, code in (
        ({"url": "ftp://example.com/"}, "webhook-url"),
        ({"url": "https://user:word@example.com/"}, "webhook-url"),
        ({"url": "https://224.0.0.1/"}, "address-forbidden"),
        ({"url": "https://127.0.0.1/", "types": ["no.such"]}, "unknown-event-type"),
        ({"url": "https://127.0.0.1/", "colour": "red"}, "invalid-request"),
    ):
        assert problem(admin.post(BASE, json=body))["code"] == code
    assert problem(admin.get(f"{BASE}/{'0' * 32}/deliveries"))["code"] == "unknown-webhook"


def test_attempts_are_pages_the_newest_first(admin: httpx.Client, receiver: Receiver) -> None:
    webhook = registered(admin, receiver, types=["webhook.disabled"])
    path = f"{BASE}/{webhook['id']}"
    for _ in range(3):
        admin.post(f"{path}/test")
    first = admin.get(f"{path}/deliveries", params={"limit": "2"}).json()
    second = admin.get(f"{path}/deliveries", params={"limit": "2", "after": first["next"]}).json()
    assert [each["number"] for each in first["items"] + second["items"]] == [3, 2, 1]
    assert second["next"] is None
    admin.delete(path)
