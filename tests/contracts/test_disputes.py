"""Disputes: anyone in the network may complain of a record, and the authority says what came of it."""

from __future__ import annotations

import pytest

from contracts.ruleset import RULESET
from ledger.rules import Signer
from tests.contracts.harness import AUTHORITY, A, B, C, World, name, one, signer


def opened(world: World, by: str = A) -> str:
    return world.ok("dispute.open", {"record": name("record")}, one(by))


@pytest.mark.parametrize("actor", [A, "auditor", "customs", AUTHORITY])
def test_any_member_opens_a_dispute(actor: str) -> None:
    world = World()
    dispute = opened(world, actor)
    assert world.entry("dispute", dispute) == {"record": name("record"), "by": actor, "state": "OPEN", "at": [world.height, 0]}


@pytest.mark.parametrize("how", ["suspended", "frozen"])
def test_a_suspended_or_frozen_member_may_complain(how: str) -> None:
    world = World()
    world.stop(A, how)
    assert world.run("dispute.open", {"record": name("record")}, one(A)).code == "ok"


@pytest.mark.parametrize("stranger", [signer(None, "once"), signer("nobody")])
def test_nobody_else_opens_one(stranger: Signer) -> None:
    assert World().run("dispute.open", {"record": name("record")}, (stranger,)).code == "not-permitted"


@pytest.mark.parametrize(("outcome", "state"), [("upheld", "UPHELD"), ("rejected", "REJECTED"), ("withdrawn", "WITHDRAWN")])
def test_the_authority_resolves_a_dispute_once(outcome: str, state: str) -> None:
    world = World()
    dispute = opened(world)
    resolving = {"dispute": dispute, "outcome": outcome}
    assert world.run("dispute.resolve", {**resolving, "dispute": name("none")}, one(B)).code == "unknown-dispute"
    assert world.run("dispute.resolve", resolving, one(B)).code == "not-permitted"
    assert world.run("dispute.resolve", resolving, one(AUTHORITY)).code == "ok"
    assert world.entry("dispute", dispute)["state"] == state
    assert world.run("dispute.resolve", resolving, one(AUTHORITY)).code == "already-resolved"


def test_whoever_opened_a_dispute_or_its_heir_may_withdraw_it_and_nothing_else() -> None:
    world = World()
    mine, inherited = opened(world), opened(world)
    assert world.run("dispute.resolve", {"dispute": mine, "outcome": "upheld"}, one(A)).code == "not-permitted"
    assert world.run("dispute.resolve", {"dispute": mine, "outcome": "withdrawn"}, one(A)).code == "ok"
    assert world.succeed(A, C).code == "ok"
    assert world.run("dispute.resolve", {"dispute": inherited, "outcome": "withdrawn"}, one(A)).code == "not-permitted"
    assert world.run("dispute.resolve", {"dispute": inherited, "outcome": "withdrawn"}, one(C)).code == "ok"


def test_what_a_dispute_says_is_sealed() -> None:
    assert RULESET.types["dispute.open"].required_parts == RULESET.types["dispute.resolve"].required_parts == {"statement"}
