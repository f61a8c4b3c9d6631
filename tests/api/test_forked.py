"""An operator that shows two members different histories is found out by their gossip, for good, with evidence that strangers can check."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest
import structlog
from stdnum.cn.uscc import calc_check_digit

from contracts.ruleset import RULEBOOK
from ledger.audit import audit
from ledger.clock import SettableClock
from ledger.errors import TallystickError, VerificationFailed
from ledger.evidence import fork_file_of
from ledger.verify import verify
from ledger.vouching import voucher_of
from ledger.witness import write_add_checkpoint
from nodes.enterprises import enrol, enrolment
from nodes.founding import Addresses, Founded, MemberPlan, create_network
from nodes.home import Home
from nodes.home_config import EngineSection, GossipSection
from nodes.node import Node
from nodes.witnessing.checkpoints import Checkpoints
from nodes.witnessing.gossip import Gossip
from nodes.witnessing.witness import Witness
from tests.api.served import CHEAP, START_MS, serving
from tests.ports import free_ports

PLANS = [
    MemberPlan("authority", "authority", "Forex Authority"),
    MemberPlan("bank-a", "bank", "Bank A"),
    MemberPlan("bank-b", "bank", "Bank B"),
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@dataclass
class TwoFaced:
    """An operator with two nodes of one key and one genesis: `honest` is followed by bank A, `twin` by bank B."""

    founded: Founded
    honest: Node
    twin: Node
    bank_a: Node
    bank_b: Node
    serials: Iterator[int] = field(default_factory=lambda: count(2_000))

    @property
    def trust(self) -> bytes:
        return (self.founded.homes["bank-a"] / "trust.json").read_bytes()

    def grow(self, operator: Node, follower: Node | None = None) -> None:
        body = f"91210800MA{next(self.serials):07d}"
        what = enrolment(body + calc_check_digit(body), "Somebody")
        receipt = enrol(what, operator.author, operator.outbox, operator.directory, operator.identity_key)
        if follower is not None:
            follower.reader.wait_for(receipt.log_index, 30)


@pytest.fixture
def two_faced(tmp_path: Path) -> Iterator[TwoFaced]:
    clock, port = SettableClock(START_MS), free_ports(len(PLANS) + 1)
    addresses = Addresses(port_first=port)
    founded = create_network(tmp_path, "forked", PLANS, clock=clock, random=os.urandom, cost=CHEAP, addresses=addresses)
    twin_path = tmp_path / "twin"
    shutil.copytree(founded.homes["authority"], twin_path)
    _configure(twin_path, port=port + len(PLANS))
    _configure(founded.homes["bank-b"], upstream=f"http://127.0.0.1:{port + len(PLANS)}")
    _configure(founded.homes["bank-a"], peers=[f"http://127.0.0.1:{port + 2}"])
    paths = [founded.homes["authority"], twin_path, founded.homes["bank-a"], founded.homes["bank-b"]]
    with ExitStack() as stack:
        nodes = [Node.open(path, clock, cost=CHEAP) for path in paths]
        for node in nodes:
            stack.enter_context(node)
            stack.enter_context(serving(node))
        honest, twin, bank_a, bank_b = nodes
        yield TwoFaced(founded, honest, twin, bank_a, bank_b)


def _configure(path: Path, *, port: int | None = None, upstream: str | None = None, peers: list[str] | None = None) -> None:
    home = Home(path)
    config = home.read_config()
    if port is not None:
        config = config.model_copy(update={"api": config.api.model_copy(update={"port": port})})
    if upstream is not None:
        config = config.model_copy(update={"engine": EngineSection(kind="follow", upstream=upstream)})
    if peers is not None:
        config = config.model_copy(update={"gossip": GossipSection(peers=peers)})
    home.write_config(config)


def gossip(node: Node) -> None:
    asking = Gossip(node)
    try:
        asking.run_once()
    finally:
        asking.close()


def require_found_out(two_faced: TwoFaced, node: Node) -> None:
    """The node stopped for good, says so, and holds a file that convinces a stranger."""
    halted = node.store.halted()
    assert halted is not None
    assert halted["code"] == "fork-seen"
    report = audit(node.store, node.genesis, RULEBOOK, voucher_of(node.genesis))
    assert [found.code for found in report.findings] == ["fork-seen"]
    with node.store.reading() as reader:
        file = fork_file_of(reader, halted)
    assert file is not None
    verdict = verify(file, two_faced.trust)
    assert verdict.ok, verdict
    assert "authority" in verdict.proves[0]


def test_members_who_are_shown_different_histories_find_out_by_gossip(two_faced: TwoFaced) -> None:
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.twin, two_faced.bank_b)
    with pytest.raises(VerificationFailed, match="fork-seen"):
        gossip(two_faced.bank_a)
    require_found_out(two_faced, two_faced.bank_a)
    assert two_faced.bank_b.store.halted() is None
    two_faced.grow(two_faced.honest)
    future = two_faced.bank_a.engine.submit(b"{}")
    assert isinstance(future.exception(30), TallystickError)


def test_a_fork_is_found_at_once_where_the_other_history_is_ahead(two_faced: TwoFaced) -> None:
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    for _ in range(5):
        two_faced.grow(two_faced.twin, two_faced.bank_b)
    with pytest.raises(VerificationFailed, match="fork-seen"):
        gossip(two_faced.bank_a)
    require_found_out(two_faced, two_faced.bank_a)
    halted = two_faced.bank_a.store.halted()
    assert halted is not None
    assert halted["height"] == 1, "the first height at which they part"


def test_a_fork_behind_this_node_is_found_too(two_faced: TwoFaced) -> None:
    for _ in range(4):
        two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.twin, two_faced.bank_b)
    with pytest.raises(VerificationFailed, match="fork-seen"):
        gossip(two_faced.bank_a)
    require_found_out(two_faced, two_faced.bank_a)


def test_who_is_merely_ahead_is_remembered_and_compared_later(two_faced: TwoFaced) -> None:
    note = ""
    for _ in range(2):
        two_faced.grow(two_faced.honest)
    with two_faced.honest.store.reading() as reader:
        note = reader.checkpoint() or ""
    checkpoints = Checkpoints(two_faced.bank_b)
    assert checkpoints.observe(note, "http://somebody") == "ahead"
    assert checkpoints.compare_remembered() == 0
    for _ in range(3):
        two_faced.grow(two_faced.twin, two_faced.bank_b)
    with pytest.raises(VerificationFailed, match="fork-seen"):
        checkpoints.compare_remembered()
    require_found_out(two_faced, two_faced.bank_b)


def test_an_operator_that_is_shown_its_own_fork_orders_no_more(two_faced: TwoFaced) -> None:
    two_faced.grow(two_faced.honest)
    two_faced.grow(two_faced.twin, two_faced.bank_b)
    with two_faced.bank_b.store.reading() as reader:
        note = reader.checkpoint() or ""
    with pytest.raises(VerificationFailed, match="fork-seen"):
        Checkpoints(two_faced.honest).observe(note, "member bank-b")
    require_found_out(two_faced, two_faced.honest)
    with pytest.raises(TallystickError, match="fork-seen"):
        two_faced.grow(two_faced.honest)


def test_an_operator_whose_ledger_is_an_old_copy_orders_nothing(two_faced: TwoFaced) -> None:
    """Its own signature is ahead of it: the next block would be a fork."""
    for _ in range(2):
        two_faced.grow(two_faced.twin)
    with two_faced.twin.store.reading() as reader:
        note = reader.checkpoint() or ""
    assert Checkpoints(two_faced.honest).observe(note, "member bank-b") == "ahead"
    with pytest.raises(TallystickError, match="ledger-older"):
        two_faced.grow(two_faced.honest)
    answer = httpx.get(f"http://127.0.0.1:{two_faced.honest.config.api.port}/readyz")
    assert (answer.status_code, answer.json()["faults"]) == (503, ["ledger-older"])
    assert two_faced.honest.store.halted() is None


def test_a_halted_node_says_so_to_whoever_asks_whether_it_is_ready(two_faced: TwoFaced) -> None:
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.twin, two_faced.bank_b)
    with pytest.raises(VerificationFailed):
        gossip(two_faced.bank_a)
    answer = httpx.get(f"http://127.0.0.1:{two_faced.bank_a.config.api.port}/readyz")
    assert (answer.status_code, answer.json()["faults"]) == (503, ["fork-seen"])


def test_a_witness_cosigns_no_other_history_and_keeps_it_as_evidence(two_faced: TwoFaced) -> None:
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    witness = Witness(two_faced.bank_a)
    assert witness.cosign_newest() is not None
    last = witness.checkpoints.last_cosigned()
    assert last is not None
    for _ in range(2):
        two_faced.grow(two_faced.twin)
    with two_faced.twin.store.reading() as reader:
        note = reader.checkpoint() or ""
        proof = reader.consistency_proof(last.size, reader.head.log_size + 1)
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    with pytest.raises(TallystickError, match="not-consistent"):
        witness.add_checkpoint(write_add_checkpoint(last.size, proof, note))
    require_found_out(two_faced, two_faced.bank_a)
    for cosigning in (witness.cosign_newest, lambda: witness.add_checkpoint(b"")):
        with pytest.raises(VerificationFailed, match="fork-seen"):
            cosigning()


def test_a_witness_remembers_what_it_cosigned_when_its_ledger_is_fetched_anew(two_faced: TwoFaced) -> None:
    """Its database was replaced, and upstream shows another history: what it cosigned before speaks against that."""
    for _ in range(2):
        two_faced.grow(two_faced.twin, two_faced.bank_b)
    two_faced.grow(two_faced.honest, two_faced.bank_a)
    assert Witness(two_faced.bank_a).cosign_newest() is not None
    cosigned = Checkpoints(two_faced.bank_a).last_cosigned()
    assert cosigned is not None
    other = Checkpoints(two_faced.bank_b)
    with two_faced.bank_b.private.begin() as connection:
        other.set_last_cosigned(connection, cosigned, Checkpoints(two_faced.bank_a).last_cosigned_note())
    with pytest.raises(VerificationFailed, match="fork-seen"):
        Witness(two_faced.bank_b).cosign_newest()
    require_found_out(two_faced, two_faced.bank_b)
