"""A record that waits for the authority's signature outlives a cut line, and ends with its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.errors import Unreachable
from nodes import countersigning
from nodes.countersigning import Awaiting
from nodes.enquiries.worker import EnquiryWorker
from nodes.upstream import HttpUpstream
from tests.api.served import Network, problem, served_network
from tests.api.supervised import usd
from tests.api.test_countersigning import at_the_authority, corrected, countersigned, lent, seen

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of its own: time passes in it, and a line is cut."""
    with served_network(tmp_path_factory.mktemp("awaiting")) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        yield served
        worker.stop()


class CutLine:
    """The way upstream of a node, which fails until it is mended; it says when it was tried."""

    def __init__(self, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        upstream = network.nodes["bank-a"].upstream
        assert isinstance(upstream, HttpUpstream)
        self._fetch, self.mended, self.tries = upstream.fetch, False, 0
        self._again = threading.Condition()
        monkeypatch.setattr(upstream, "fetch", self.fetch)

    def fetch(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        with self._again:
            self.tries += 1
            self._again.notify_all()
        if not self.mended:
            raise Unreachable("upstream-unreachable", "the test cut the line")
        return self._fetch(path, params)

    def await_tries(self, more: int) -> None:
        with self._again:
            wanted = self.tries + more
            assert self._again.wait_for(lambda: self.tries >= wanted, 30)


def test_the_banks_worker_hands_in_again_until_the_line_is_mended(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    financing = lent(network)
    prepared = corrected(network, financing, "-5000.00")
    line = CutLine(network, monkeypatch)
    # Two people sign while nobody is there to hand it to.
    location = countersigned(network, prepared)
    monkeypatch.setattr(countersigning, "_IDLE_S", 0.02)
    worker = Awaiting(network.nodes["bank-a"])
    worker.start()
    try:
        line.await_tries(3)
        line.mended = True
        line.await_tries(2)
        # The second try after it was mended asks about what the first one handed in.
        task = at_the_authority(network, location)
        assert (task["state"], task["author"]) == ("open", "bank-a")
        assert network.sign_in("authority", "checker").post(f"/v1/tasks/{task['id']}/sign").status_code == 200
        network.await_head("bank-a")
    finally:
        worker.stop()
    assert Awaiting(network.nodes["bank-a"]).run_once() == 0
    assert network.sign_in("bank-a", "maker").get(location).json()["state"] == "signed"
    assert seen(network, financing)["totals"]["outstanding"] == usd("15000.00")


def test_what_the_authority_does_not_sign_in_time_expires_on_both_sides_and_is_prepared_again(network: Network) -> None:
    financing = lent(network)
    location = countersigned(network, corrected(network, financing, "-5000.00"))
    task = at_the_authority(network, location)
    network.clock.advance(13 * HOUR_MS)
    bank, authority = network.sign_in("bank-a", "maker"), network.sign_in("authority", "checker")
    assert bank.get(location).json()["state"] == authority.get(f"/v1/tasks/{task['id']}").json()["state"] == "expired"
    assert problem(authority.post(f"/v1/tasks/{task['id']}/sign"))["code"] == "task-expired"
    assert location.rpartition("/")[2] in {each["id"] for each in bank.get("/v1/tasks", params={"state": "expired"}).json()["items"]}
    assert seen(network, financing)["totals"]["outstanding"] == usd("20000.00")

    again = at_the_authority(network, countersigned(network, corrected(network, financing, "-5000.00")))
    assert again["id"] != task["id"]
    assert authority.post(f"/v1/tasks/{again['id']}/sign").status_code == 200
    network.await_head("bank-a")
    assert seen(network, financing)["totals"]["outstanding"] == usd("15000.00")
