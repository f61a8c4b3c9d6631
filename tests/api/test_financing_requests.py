"""An exporter's request to a bank over HTTP: three nodes, the authority's between them as the mailbox, and who may see what."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from nodes.requests.postal import post_of
from tests.api.served import Network, problem
from tests.api.test_attachments import handed_in, in_custody, scan
from tests.privacy.leak_search import search_tree, secrets_wanted

_serials = itertools.count(1)


def form(**changes: Any) -> dict[str, Any]:
    line = {"number": f"090820260{519_700_000 + next(_serials)}", "amount": {"currency": "USD", "value": "29000.17"}}
    fields = {"bank": "bank-a", "lines": [line], "product": "export invoice financing", "purpose": "greenhouse film", "tenor_days": 90}
    return {**fields, "contact": "Zhao Min", **changes}


def carry(network: Network) -> None:
    """What the nodes' workers do, until nothing moves any more."""
    posts = [post for name in ("exporter-a", "authority", "bank-a", "bank-b") if (post := post_of(network.nodes[name])) is not None]
    while sum(post.run_once() for post in posts):
        pass


def sent(client: httpx.Client, **changes: Any) -> str:
    answer = client.post("/v1/financing-requests", json=form(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def exporter(network: Network, who: str) -> httpx.Client:
    return network.sign_in("exporter-a", "maker") if who == "own" else in_custody(network)


@pytest.mark.parametrize("who", ["own", "custody"])
def test_a_request_is_sent_back_corrected_and_refused(network: Network, who: str) -> None:
    client, bank = exporter(network, who), network.sign_in("bank-a", "maker")
    data = scan()
    digest = handed_in(client, data).json()["sha256"]
    path = sent(client, attachments=[digest])
    carry(network)
    received = bank.get(path).json()
    assert (received["state"], received["lines"][0]["amount"]["value"]) == ("RECEIVED", "29000.17")
    assert bank.get(f"/v1/attachments/{digest}").content == data
    back = bank.post(f"{path}/send-back", json={"reason": "too long", "fields": ["tenor_days"]})
    assert back.status_code == 200, back.text
    carry(network)
    assert (client.get(path).json()["state"], client.get(path).json()["fields"]) == ("SENT_BACK", ["tenor_days"])
    again = client.post(f"{path}/resend", json=form(tenor_days=60))
    assert (again.json()["state"], again.json()["revision"]) == ("RESENT", 2)
    carry(network)
    assert bank.post(f"{path}/refuse", json={"reason": "no limit left"}).json()["state"] == "REFUSED"
    carry(network)
    assert client.get(path).json()["state"] == "REFUSED"
    assert problem(client.post(f"{path}/withdraw", json={}))["code"] == "wrong-state"
    assert [each["id"] for each in client.get("/v1/financing-requests", params={"state": "REFUSED", "limit": 1}).json()["items"]]


@pytest.mark.produces("problem-code", "exporters-only", "not-permitted", "wrong-seat")
def test_nobody_else_reads_a_request(network: Network) -> None:
    own, custody = exporter(network, "own"), exporter(network, "custody")
    paths = sent(own), sent(custody)
    carry(network)
    for path in paths:
        assert problem(network.sign_in("bank-b", "maker").get(path))["code"] == "unknown-request"
        assert problem(network.sign_in("authority", "maker").get(path))["code"] == "exporters-only"
        assert problem(network.sign_in("auditor", "viewer").get(path))["code"] == "wrong-seat"
    assert problem(custody.get(paths[0]))["code"] == "unknown-request"
    assert problem(network.sign_in("authority", "maker").post("/v1/financing-requests", json=form()))["code"] == "not-permitted"


def test_one_key_sends_one_request_and_a_withdrawal_reaches_the_bank(network: Network) -> None:
    client, body, headers = exporter(network, "own"), form(), {"Idempotency-Key": "request-1"}
    first, again = (client.post("/v1/financing-requests", json=body, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    path = first.headers["location"]
    carry(network)
    assert client.post(f"{path}/withdraw", json={"reason": "found another"}).json()["state"] == "WITHDRAWN"
    carry(network)
    assert network.sign_in("bank-a", "maker").get(path).json()["state"] == "WITHDRAWN"


def test_a_request_is_in_the_homes_of_its_exporter_and_its_bank_and_in_no_other(network: Network) -> None:
    secret = "CANARY a new packing hall in Yingkou"
    sent(exporter(network, "own"), purpose=secret, contact="CANARY Zhao Min 0417-2800519")
    carry(network)
    wanted = secrets_wanted([secret, "CANARY Zhao Min 0417-2800519"], [])
    homes = {name: node.home.path for name, node in network.nodes.items()}
    assert {name for name, home in homes.items() if search_tree(home, wanted)} == {"exporter-a", "bank-a"}


def test_the_mailbox_is_for_nodes(network: Network) -> None:
    for who in ("maker", "core"):
        client = network.sign_in("authority", who)
        assert problem(client.get("/v1/messages"))["code"] == "not-permitted"
        assert problem(client.post("/v1/messages", json={}))["code"] == "not-permitted"
