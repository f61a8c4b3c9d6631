"""What a node tells of its engine, with a real one behind it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.metrics import Metrics
from api.pools import CountedPool
from contracts.ruleset import RULEBOOK
from ledger.clock import SystemClock
from ledger.comet.engine import CometEngine
from ledger.comet.position import Misbehavior, Position, write_position
from ledger.comet.process import BINARY_VARIABLE, VERSION
from ledger.comet.validators import address_of
from ledger.header import network_of
from ledger.solo import begin_ledger
from nodes.engine_views import consensus, faults
from nodes.founding import Addresses, Consortium, Founded, create_network
from nodes.home import Home
from nodes.node import Node
from nodes.seats import engine_keys_of
from tests import cometbft
from tests.nodes.consortium import wait_until
from tests.nodes.small_network import AUTHORITY, BANK_A, CHEAP, found
from tests.ports import free_ports


@pytest.fixture
def founded(tmp_path: Path) -> Founded:
    """A consortium of one validator; bank A follows."""
    addresses = Addresses(engine_port_first=free_ports(2))
    consortium = Consortium(["authority"], empty_blocks_interval_s=1)
    plans = [AUTHORITY, BANK_A]
    return create_network(
        tmp_path / "net", "test", plans, clock=SystemClock(), random=os.urandom, cost=CHEAP, addresses=addresses, consortium=consortium
    )


def test_who_misbehaved_is_named_as_long_as_the_engine_remembers_it(founded: Founded) -> None:
    cometbft.require()
    bank = engine_keys_of(Home(founded.homes["bank-a"]))
    seen = (
        Misbehavior("duplicate-vote", address_of(bank.validator), 3, 1_793_000_000_000),
        Misbehavior("light-client-attack", "ab" * 20, 4, 1_793_000_001_000),
    )
    node = Node.open(founded.homes["authority"], cost=CHEAP)
    begin_ledger(node.store, node.genesis, RULEBOOK, None)
    with node.store.reading() as reader:
        begun = reader.head.time_ms, reader.log_root(reader.head.log_size + 1)
    with node.store.engine.begin() as connection:
        write_position(connection, Position(0, *begun, seen))
    with node:
        wait_until(lambda: (told := consensus(node.engine)) is not None and told.height > 0 and not told.faults)
        told = consensus(node.engine)
        numbers = {each.name: each.samples[0].value for each in Metrics(node, CountedPool(1, "sign-in")).registry.collect() if each.samples}
    assert told is not None
    assert (numbers["tallystick_engine_syncing"], numbers["tallystick_engine_peers"]) == (0, 0)
    assert numbers["tallystick_engine_height"] >= told.height and numbers["tallystick_engine_lag_seconds"] < 60
    assert "tallystick_upstream_lag_seconds" not in numbers
    assert [(each.member, each.what) for each in told.misbehavior] == [("bank-a", seen[0]), (None, seen[1])]
    assert told.peers == 0


def test_a_node_that_finds_nobody_to_fetch_blocks_from_is_syncing(founded: Founded) -> None:
    cometbft.require()
    with Node.open(founded.homes["bank-a"], cost=CHEAP) as node:
        wait_until(lambda: list(faults(node.engine)) == ["syncing"])
        told = consensus(node.engine)
    assert told is not None
    assert (told.height, told.peers, told.misbehavior) == (0, 0, [])


def test_an_engine_that_does_not_come_up_is_unreachable_and_its_node_stops_all_the_same(
    founded: Founded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "cometbft"
    program.write_text(f'#!/bin/sh\ntest "$1" = version && echo {VERSION} && exit 0\nexit 3\n')
    program.chmod(0o700)
    monkeypatch.setenv(BINARY_VARIABLE, str(program))
    with Node.open(founded.homes["authority"], cost=CHEAP) as node:
        assert isinstance(node.engine, CometEngine)
        assert list(faults(node.engine)) == ["engine-unreachable"]
        told = consensus(node.engine)
        assert told is not None
        assert (told.height, told.peers) == (0, None)


def test_without_a_consortium_there_is_nothing_to_tell(tmp_path: Path) -> None:
    made = found(tmp_path / "net", AUTHORITY)
    assert network_of(made.genesis) == made.network
    with Node.open(made.homes["authority"], cost=CHEAP) as node:
        assert consensus(node.engine) is None
        assert list(faults(node.engine)) == []
