"""New rules by governance, at nodes whose program has them and at one whose program does not: it says so before, and stops at the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from contracts.ruleset import RULEBOOK
from ledger.clock import SettableClock, rfc3339
from ledger.rules import Rulebook
from nodes.founding import Addresses, Founded
from nodes.node import Node
from tests.api.served import problem, serving, token
from tests.nodes.small_network import CHEAP, START_MS, found, refounded
from tests.ports import free_ports

DAY_MS = 86_400_000
OLD: Rulebook = {1: RULEBOOK[1]}
NOBODY = {"kind": "validators", "validators": [{"member": "authority", "key": "ab" * 32, "power": 10}]}


@dataclass
class Served:
    """An authority's node at work. Its maker signs in anew each time, because the clock goes on by days."""

    node: Node
    anyone: httpx.Client
    secret: str

    @property
    def client(self) -> httpx.Client:
        self.anyone.headers.pop("Authorization", None)
        answer = token(self.anyone, client_id="maker", client_secret=self.secret)
        self.anyone.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self.anyone

    def propose(self, change: dict[str, Any]) -> httpx.Response:
        return self.client.post("/v1/governance/proposals", json={"change": change}, headers={"Prefer": "wait=10"})

    def head(self) -> tuple[int, int]:
        """The height and the rules of the newest block."""
        with self.node.store.reading() as reader:
            return reader.head.height, reader.head.rules


@pytest.fixture
def founded(tmp_path: Path) -> Founded:
    """A network that began under rules version 1."""
    addresses = Addresses(port_first=free_ports(1))
    return refounded(found(tmp_path, addresses=addresses), lambda genesis: genesis.update(rules=1))


@contextmanager
def at_work(founded: Founded, clock: SettableClock, rulebook: Rulebook) -> Iterator[Served]:
    node = Node.open(founded.homes["authority"], clock, cost=CHEAP, rulebook=rulebook)
    api = node.config.api
    with node, serving(node), httpx.Client(base_url=f"http://{api.host}:{api.port}", timeout=120) as client:
        yield Served(node, client, next(each.secret for each in founded.sign_ins if each.user == "maker"))


def test_new_networks_begin_under_the_newest_rules(tmp_path: Path) -> None:
    genesis = found(tmp_path).genesis
    assert genesis["rules"] == max(RULEBOOK)
    assert "validators" not in genesis["application"]


def test_a_network_of_version_1_is_upgraded_and_then_knows_of_validators_but_has_none(founded: Founded) -> None:
    clock = SettableClock(START_MS)
    with at_work(founded, clock, RULEBOOK) as served:
        assert problem(served.propose(NOBODY))["code"] == "malformed"
        at = clock.now_ms() + 2 * DAY_MS
        assert served.propose({"kind": "rules", "version": 2, "at": at}).status_code == 201
        network = served.client.get("/v1/network").json()
        assert (network["rules"], network["rules_known"], network["validators"]) == (1, [1, 2], None)
        assert network["rules_to_come"] == [{"version": 2, "from": rfc3339(at), "known": True}]
        assert served.client.get("/readyz").json()["warnings"] == []
        clock.advance(2 * DAY_MS - 1)
        assert problem(served.propose(NOBODY))["code"] == "malformed"
        clock.advance(1)
        assert problem(served.propose(NOBODY))["code"] == "wrong-state"
        assert served.propose({"kind": "policy", "policy": {"hold_days_max": 20}}).status_code == 201
        assert served.head()[1] == 2
        assert served.client.get("/v1/network").json()["rules_to_come"] == []


def test_a_program_without_the_version_warns_ahead_stops_at_its_time_and_goes_on_once_upgraded(founded: Founded) -> None:
    clock = SettableClock(START_MS)
    with structlog.testing.capture_logs() as logs, at_work(founded, clock, OLD) as served:
        at = clock.now_ms() + 2 * DAY_MS
        assert served.propose({"kind": "rules", "version": 2, "at": at}).status_code == 201
        (warned,) = [each for each in logs if each["event"] == "upgrade-needed"]
        assert (warned["log_level"], warned["version"], warned["at"], warned["known"]) == ("warning", 2, rfc3339(at), [1])
        ready = served.client.get("/readyz")
        assert (ready.status_code, ready.json()["warnings"]) == (200, ["upgrade-needed"])
        assert served.client.get("/v1/network").json()["rules_to_come"] == [{"version": 2, "from": rfc3339(at), "known": False}]
        clock.advance(2 * DAY_MS - 1)
        assert served.propose({"kind": "policy", "policy": {"hold_days_max": 20}}).status_code == 201
        assert len([each for each in logs if each["event"] == "upgrade-needed"]) == 1
        head = served.head()
        clock.advance(1)
        unready = served.client.get("/readyz")
        assert (unready.status_code, unready.json()["faults"]) == (503, ["rules-missing"])
        refused = problem(served.propose({"kind": "policy", "policy": {"hold_days_max": 21}}))
        assert refused["code"] == "rules-missing"
        assert "upgrade" in refused["hint"]
        assert served.head() == head == (2, 1)
        assert served.client.get("/v1/governance/proposals").status_code == 200
    with structlog.testing.capture_logs() as logs, at_work(founded, clock, RULEBOOK) as served:
        assert served.client.get("/readyz").json()["status"] == "ready"
        assert served.propose({"kind": "policy", "policy": {"hold_days_max": 21}}).status_code == 201
        assert served.head() == (3, 2)
        assert [each for each in logs if each["event"] == "upgrade-needed"] == []


def test_a_program_that_is_begun_again_warns_again(founded: Founded) -> None:
    clock = SettableClock(START_MS)
    with at_work(founded, clock, OLD) as served:
        assert served.propose({"kind": "rules", "version": 2, "at": clock.now_ms() + 2 * DAY_MS}).status_code == 201
    with structlog.testing.capture_logs() as logs, at_work(founded, clock, OLD):
        assert [each["version"] for each in logs if each["event"] == "upgrade-needed"] == [2]
