"""What Prometheus and whoever asks for readiness are told of a running node; and how it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import context
from api.cli.running import RunningNode, listen
from api.metrics import Metrics
from api.pools import CountedPool
from ledger.background import Background
from ledger.clock import SettableClock
from ledger.errors import Unreachable
from ledger.follow import FollowEngine
from ledger.limits import SIGN_INS_AT_ONCE_MAX
from nodes.enterprises import enrol, enrolment
from nodes.founding import Addresses
from nodes.home import Home
from nodes.home_config import MetricsSection
from nodes.node import Node
from tests.api.business import imported, row
from tests.api.served import CHEAP, Network, token
from tests.nodes.small_network import found
from tests.ports import free_ports

USCC, NAME = "91350100M000100Y43", "Custody Exporter"


@dataclass
class Measured:
    """A node that is served with its metrics."""

    running: RunningNode
    secret: str
    port: int

    def numbers(self) -> dict[str, float]:
        """The samples, by name with labels."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=30).text
        families = text_string_to_metric_families(text)
        return {f"{each.name}{sorted(each.labels.items())}": each.value for family in families for each in family.samples}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    port = free_ports(2)
    founded = found(
        tmp_path_factory.mktemp("measured") / "net", clock=SettableClock(int(time.time() * 1000)), addresses=Addresses(port_first=port)
    )
    home = Home(founded.homes["authority"])
    config = home.read_config()
    home.write_config(config.model_copy(update={"metrics": MetricsSection(port=port + 1)}))
    node = Node.open(home.path, cost=CHEAP)
    secret = next(each.secret for each in founded.sign_ins if (each.node, each.user) == ("authority", "maker"))
    with RunningNode(node, listen(config.api.host, port)) as running:
        yield Measured(running, secret, port + 1)


def test_the_numbers_of_a_node_name_nobody(measured: Measured) -> None:
    node = measured.running.node
    measured.numbers()
    assert enrol(enrolment(USCC, NAME), node.author, node.outbox, node.directory, node.identity_key).code == "ok"
    with httpx.Client(base_url=measured.running.url, timeout=60) as client:
        assert token(client, client_id="maker", client_secret="wrong").status_code == 401
        signed_in = token(client, client_id="maker", client_secret=measured.secret).json()["access_token"]
        client.get(f"/v1/records/{'0' * 64}", headers={"Authorization": f"Bearer {signed_in}"})
    numbers = measured.numbers()
    assert numbers["tallystick_records_total[('result', 'ok'), ('type', 'enterprise.enrol')]"] == 1
    assert numbers["tallystick_block_height[]"] >= 1
    assert numbers["tallystick_sign_in_failures_total[('code', 'sign-in-failed')]"] == 1
    asked = "tallystick_http_seconds_count[('method', 'GET'), ('route', '/v1/records/{record_id}'), ('status', '404')]"
    assert numbers[asked] == 1
    assert numbers["tallystick_queue_depth[('queue', 'outbox')]"] == 0
    assert numbers["tallystick_unreadable_parts[]"] == 0
    assert numbers["tallystick_home_bytes[]"] > 0
    assert numbers["tallystick_disk_free_bytes[]"] > 0
    text = str(numbers)
    assert [canary for canary in (USCC, NAME, measured.secret, signed_in, "0" * 64) if canary in text] == []


def test_what_waits_to_sign_in_is_counted(measured: Measured) -> None:
    pool, go_on = context(measured.running._app).sign_ins, threading.Event()
    handed_in = [pool.submit(go_on.wait, 60) for _ in range(SIGN_INS_AT_ONCE_MAX + 3)]
    while pool.waiting > 3:
        time.sleep(0.01)
    assert measured.numbers()["tallystick_queue_depth[('queue', 'sign-ins')]"] == 3
    go_on.set()
    assert all(each.result(30) for each in handed_in) and pool.waiting == 0


def test_a_replica_says_how_far_it_lies_behind(network: Network) -> None:
    node = network.nodes["bank-b"]
    assert isinstance(node.engine, FollowEngine)
    metrics = Metrics(node, CountedPool(1, "sign-in"))

    def numbers() -> dict[str, float]:
        return {sample.name: sample.value for family in metrics.registry.collect() for sample in family.samples}

    imported(network, row())
    network.await_head("bank-b")
    while numbers()["tallystick_upstream_lag_seconds"] > 5:
        time.sleep(0.1)
    assert numbers()["tallystick_upstream_silent_seconds"] < 5
    assert not [name for name in numbers() if name.startswith("tallystick_engine_")]
    authority = Metrics(network.nodes["authority"], CountedPool(1, "sign-in")).registry.collect()
    assert not [family.name for family in authority if family.name.startswith("tallystick_upstream")]


class Faulty(Background):
    """A worker whose one run is its last."""

    def __init__(self) -> None:
        super().__init__("faulty", "faulty-waits", 60)
        self.ended = threading.Event()

    def run_once(self) -> int:
        self.ended.set()
        raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_node_without_disk_or_with_a_dead_worker_is_not_ready(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{measured.running.url}/readyz"
    assert httpx.get(url, timeout=60).json()["status"] == "ready"
    with monkeypatch.context() as full:
        full.setattr("api.resources.health.DISK_FREE_BYTES_MIN", 2**60)
        assert httpx.get(url, timeout=60).json()["faults"] == ["disk-full"]
    worker = Faulty()
    worker.start()
    assert worker.ended.wait(30)
    assert worker._thread is not None
    worker._thread.join()
    workers = context(measured.running._app).workers
    workers.append(worker)
    assert httpx.get(url, timeout=60).json()["faults"] == ["worker-stopped"]
    workers.remove(worker)
    assert httpx.get(url, timeout=60).json()["status"] == "ready"


def test_a_port_of_the_metrics_that_is_taken_is_named(measured: Measured) -> None:
    with pytest.raises(Unreachable, match="address-in-use"):
        context(measured.running._app).metrics.serve(measured.port)
