"""A bank that waits for other members' heads calls an approval final once they match, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from nodes.home_config import ApproveSection
from nodes.witnessing.gossip import Gossip
from nodes.witnessing.heads import MatchingHeads
from nodes.witnessing.witness import Witness
from nodes.witnessing.workers import WitnessWorker
from tests.api.business import answered, asked, consented, financed, imported, row
from tests.api.served import Network

pytestmark = pytest.mark.usefixtures("answering")


@contextmanager
def waiting(network: Network, heads: int, wait_s: int) -> Iterator[None]:
    """Bank A's node waits for so many heads, for so long."""
    node = network.nodes["bank-a"]
    before = node.config
    node.config = before.model_copy(update={"approve": ApproveSection(matching_heads=heads, wait_s=wait_s)})
    try:
        yield
    finally:
        node.config = before


def approve(network: Network) -> tuple[str, httpx.Response]:
    """An approval signed by two people: the financing's path, and the answer to the second one."""
    declaration = imported(network, row())[0]
    answered(network, consented(network), [asked(declaration)])
    path = financed(network, declaration["declaration_id"], "1000.00").headers["location"]
    maker = network.sign_in("bank-a", "maker")
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    pledge = {"agreement": "A-1", "registration_number": "R-1", "registered_at": "2026-10-26T08:00:00Z"}
    prepared = maker.post(f"{path}/approve", json={"pledge": pledge})
    return path, network.sign_in("bank-a", "checker").post(f"{prepared.headers['location']}/sign")


def gossip(network: Network) -> None:
    asking = Gossip(network.nodes["bank-a"])
    asking.run_once()
    asking.close()


def test_an_approval_is_not_final_before_the_heads_of_others_match(network: Network) -> None:
    with waiting(network, heads=2, wait_s=0):
        path, answer = approve(network)
        assert answer.status_code == 202, answer.text
        assert answer.json()["heads"] == {"state": "awaiting-heads", "wanted": 2, "matching": 0, "members": []}
        assert answer.json()["result"]["code"] == "ok"
        maker = network.sign_in("bank-a", "maker")
        record = answer.json()["record_id"]
        task = next(each for each in maker.get("/v1/tasks").json()["items"] if each["record_id"] == record)
        for name in ("bank-a", "bank-b"):
            network.await_head(name)
            Witness(network.nodes[name]).cosign_newest()
        gossip(network)
        assert maker.get(path).json()["heads"] == {"state": "awaiting-heads", "wanted": 2, "matching": 1, "members": ["bank-b"]}
        network.await_head("auditor")
        Witness(network.nodes["auditor"]).cosign_newest()
        gossip(network)
        for where in (path, f"/v1/tasks/{task['id']}"):
            assert maker.get(where).json()["heads"]["state"] == "final"


def test_an_approval_waits_for_heads_that_are_on_their_way(network: Network) -> None:
    worker = WitnessWorker(network.nodes["bank-b"])
    worker.start()
    try:
        with waiting(network, heads=1, wait_s=30):
            _, answer = approve(network)
    finally:
        worker.stop()
    assert answer.status_code == 200, answer.text
    assert (answer.json()["heads"]["state"], "bank-b" in answer.json()["heads"]["members"]) == ("final", True)


def test_a_node_that_waits_for_nobody_says_nothing_of_heads(network: Network) -> None:
    path, answer = approve(network)
    assert answer.status_code == 200
    assert "heads" not in answer.json()
    assert "heads" not in network.sign_in("bank-a", "maker").get(path).json()


def test_only_members_count_and_only_for_blocks_that_their_heads_hold(network: Network) -> None:
    bank = network.nodes["bank-a"]
    network.await_head("bank-b")
    Witness(network.nodes["bank-b"]).cosign_newest()
    gossip(network)
    with bank.store.reading() as reader:
        height = reader.head.height
    with waiting(network, heads=1, wait_s=0):
        held, beyond = MatchingHeads(bank).of_height(height), MatchingHeads(bank).of_height(height + 1)
    assert held is not None
    assert held.members[0] != "bank-a"
    assert beyond is None
