"""Governors propose, weigh and wait; what passed takes effect at the first block after its time, where it still fits."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.governance import HOUR_MS, PROPOSAL_MS
from contracts.policy import Policy
from contracts.proposals import GovernancePropose
from contracts.ruleset import RULESET
from contracts.shares import WHOLE
from ledger import canonical
from ledger.execution import begin_block, rules_in_force
from tests.contracts.harness import AUTHORITY, REGISTRAR, A, B, C, World, name, one, signer

DELAY = 24 * HOUR_MS


def policy(**changes: int) -> dict[str, Any]:
    return {"kind": "policy", "policy": {**Policy().model_dump(), **changes}}


def governors(**weights: int) -> dict[str, Any]:
    return {"kind": "governors", "governors": [{"member": slug.replace("_", "-"), "weight": weight} for slug, weight in weights.items()]}


def registrar(member: str) -> dict[str, Any]:
    return {"kind": "registrar", "member": member}


def rules(version: int, at: int = 0) -> dict[str, Any]:
    return {"kind": "rules", "version": version, "at": at}


def council(**weights: int) -> World:
    """A world governed by banks with weights."""
    world = World()
    world.state.put("governors", governors(**weights)["governors"])
    return world


def proposal_of(world: World, proposal: str) -> dict[str, Any]:
    entry: dict[str, Any] = world.entry("proposal", proposal)
    return entry


def pass_block(world: World) -> None:
    """A block with a record that concerns nobody."""
    world.ok("enquiry.request", {"kind": "credit"}, one(C))


def test_with_one_governor_a_proposal_passes_at_once_and_waits_for_its_time() -> None:
    world = World()
    result = world.propose(policy(ceiling_ppm=800_000))
    proposal, due = world.last, world.time + DELAY
    assert (result.code, result.details) == ("ok", {"state": "SCHEDULED", "effective_at": due})
    world.time = due - 1
    pass_block(world)
    assert world.entry("proposal", proposal)["state"] == "SCHEDULED"
    world.time = due
    pass_block(world)
    assert world.entry("proposal", proposal)["state"] == "DONE"
    assert world.state.get("policy") == policy(ceiling_ppm=800_000)["policy"]
    assert world.state.get("scheduled") == []


def test_a_new_policy_binds_new_registrations_and_the_records_of_its_own_block() -> None:
    world = World()
    old = world.declaration("old")
    assert world.propose(policy(ceiling_ppm=800_000)).code == "ok"
    world.time += DELAY
    body = {"declaration": name("new"), "ceiling_ppm": WHOLE, "until": "2027-12", "replaces": []}
    assert world.run("declaration.register", body, one(REGISTRAR)).code == "malformed"
    assert world.run("declaration.register", {**body, "ceiling_ppm": 800_000}, one(REGISTRAR)).code == "ok"
    assert world.entry("declaration", old)["ceiling_ppm"] == WHOLE


@pytest.mark.parametrize(("weights", "approving", "state"), [
    ({"bank_a": 1, "bank_b": 1, "bank_c": 1}, [B], "OPEN"),
    ({"bank_a": 1, "bank_b": 1, "bank_c": 1}, [B, C], "SCHEDULED"),
    ({"bank_a": 2, "bank_b": 1, "bank_c": 1}, [B], "SCHEDULED"),
    ({"bank_a": 3, "bank_b": 1, "bank_c": 1}, [B], "SCHEDULED"),
    ({"bank_a": 1, "bank_b": 1, "bank_c": 4}, [B], "OPEN"),
])  # fmt: skip
def test_strictly_more_than_two_thirds_of_the_weight_pass_a_proposal(weights: dict[str, int], approving: list[str], state: str) -> None:
    world = council(**weights)
    assert world.propose(policy(), A).details == {"state": "OPEN"}
    proposal = world.last
    for governor in approving:
        assert world.approve_proposal(proposal, governor).code == "ok"
    entry = proposal_of(world, proposal)
    assert (entry["state"], entry["approvals"]) == (state, sorted([A, *approving]))
    assert (entry["effective_at"] is None) == (state == "OPEN")


def test_guards_of_a_proposal_come_in_their_order() -> None:
    world = council(bank_a=1, bank_b=1)
    bad = governors(nobody=1)
    assert world.propose(bad, C).code == "not-permitted"
    assert world.run("governance.propose", {"change": bad}, (signer(None, "once"),)).code == "not-permitted"
    world.stop(B, "suspended")
    assert world.propose(bad, B).code == "suspended"
    assert world.reinstate(B).code == "ok"
    world.stop(B, "frozen")
    assert world.propose(bad, B).code == "frozen"
    assert world.propose(bad, A).code == "unknown-member"


def test_guards_of_an_approval_come_in_their_order() -> None:
    world = council(bank_a=1, bank_b=1, bank_c=1)
    assert world.propose(policy(), A).code == "ok"
    proposal = world.last
    assert world.approve_proposal(name("none"), AUTHORITY).code == "unknown-proposal"
    assert world.approve_proposal(proposal, AUTHORITY).code == "not-permitted"
    assert world.approve_proposal(proposal, A).code == "already-approved"
    world.stop(B, "suspended")
    assert world.approve_proposal(proposal, B).code == "suspended"
    assert world.reinstate(B).code == "ok"
    assert world.approve_proposal(proposal, B).code == "ok"
    assert world.approve_proposal(proposal, C).details["state"] == "SCHEDULED"
    for governor in (A, B):
        assert world.approve_proposal(proposal, governor).code == "wrong-state"


def test_a_proposal_lapses_after_thirty_days() -> None:
    world = council(bank_a=1, bank_b=1)
    assert world.propose(policy(), A).code == "ok"
    proposal = world.last
    world.time += PROPOSAL_MS - 1
    assert world.propose(policy(), A).code == "ok"
    world.time += 1
    for governor in (A, B):
        assert world.approve_proposal(proposal, governor).code == "proposal-lapsed"
    assert world.approve_proposal(world.last, C).code == "unknown-proposal"


def test_only_the_weight_of_governors_that_there_are_then_counts() -> None:
    world = council(bank_a=1, bank_b=1, bank_c=1)
    assert world.propose(policy(), A).code == "ok"
    proposal = world.last
    world.state.put("governors", governors(bank_b=1, bank_c=1)["governors"])
    assert world.approve_proposal(proposal, B).details["state"] == "OPEN"
    assert world.approve_proposal(proposal, C).details["state"] == "SCHEDULED"


def drop(field: str) -> dict[str, Any]:
    return {"kind": "policy", "policy": {name: value for name, value in Policy().model_dump().items() if name != field}}


@pytest.mark.parametrize(("change", "code"), [
    (policy(holds_max=0), "malformed"),
    (policy(holds_max=257), "malformed"),
    (policy(more=1), "malformed"),
    (drop("onboarding_days"), "malformed"),
    (governors(bank_a=1, nobody=1), "unknown-member"),
    ({"kind": "governors", "governors": [{"member": A, "weight": 1}, {"member": A, "weight": 2}]}, "malformed"),
    (governors(bank_a=1, bank_b=1), "wrong-state"),
    (governors(bank_a=1, bank_c=1), "wrong-state"),
    (registrar("nobody"), "unknown-member"),
    (registrar(A), "malformed"),
    (registrar(B), "wrong-state"),
    (rules(1), "malformed"),
])  # fmt: skip
def test_a_change_that_does_not_fit_is_refused(change: dict[str, Any], code: str) -> None:
    world = World()
    world.state.put("rules", [{"at": 0, "version": 1}])
    world.stop(B, "suspended")
    assert world.succeed(C, A).code == "ok"
    assert world.propose(change).code == code


@pytest.mark.parametrize("change", [
    {"kind": "validators", "validators": []},
    {"kind": "policy", "policy": {"holds_max": True}},
    {"kind": "policy", "policy": {"holds_max": "64"}},
    {"kind": "governors", "governors": []},
    {"kind": "governors", "governors": [{"member": A, "weight": 0}]},
    {"kind": "governors", "governors": [{"member": A, "weight": 1_000_001}]},
    {"kind": "registrar", "member": "No Such Name"},
    {"kind": "rules", "version": 0, "at": 0},
    {"kind": "rules", "version": 2},
    {"kind": "policy", "policy": {}, "more": 1},
    {},
])  # fmt: skip
def test_a_change_that_no_state_could_fit_leaves_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GovernancePropose.model_validate({"change": change}, strict=True)


def test_governors_and_registrar_change_and_the_new_ones_act() -> None:
    world = World()
    assert world.propose(governors(bank_a=1)).code == "ok"
    assert world.propose(registrar(AUTHORITY)).code == "ok"
    world.time += DELAY
    assert world.propose(policy()).code == "not-permitted"
    assert world.propose(policy(), A).code == "ok"
    body = {"declaration": name("d"), "ceiling_ppm": WHOLE, "until": "2027-12", "replaces": []}
    assert world.run("declaration.register", body, one(REGISTRAR)).code == "not-permitted"
    assert world.run("declaration.register", body, one(AUTHORITY)).code == "ok"


def test_what_no_longer_fits_when_its_time_comes_fails_and_holds_up_nothing() -> None:
    world = World()
    assert world.propose(registrar(AUTHORITY)).code == "ok"
    fits = world.last
    assert world.propose(governors(bank_a=1)).code == "ok"
    fails = world.last
    world.stop(A, "suspended")
    world.time += DELAY
    pass_block(world)
    assert proposal_of(world, fails)["state"] == "FAILED"
    assert proposal_of(world, fits)["state"] == "DONE"
    assert world.state.get("governors") == [{"member": AUTHORITY, "weight": 1}]
    assert world.state.get("scheduled") == []


def test_what_is_due_takes_effect_in_the_order_of_its_times() -> None:
    world = World()
    for hold_days in (1, 2, 3):
        # A shorter delay from the second on: what was approved later is due earlier.
        assert world.propose(policy(hold_days_max=hold_days, governance_delay_hours=24)).code == "ok"
        world.state.put("policy", Policy(governance_delay_hours=24 - 8 * hold_days).model_dump())
    world.time += DELAY
    pass_block(world)
    assert world.state.get("policy") == policy(hold_days_max=1)["policy"]
    world = World()
    for hold_days in (1, 2, 3):
        assert world.propose(policy(hold_days_max=hold_days)).code == "ok"
    world.time += DELAY
    pass_block(world)
    assert world.state.get("policy") == policy(hold_days_max=3)["policy"]


def test_rules_are_listed_at_once_and_start_after_the_delay_or_later() -> None:
    world = World()
    world.state.put("rules", [{"at": 0, "version": 1}])
    late = world.time + 10 * DELAY
    assert world.propose(rules(2, late)).details == {"state": "SCHEDULED", "effective_at": late}
    scheduled = world.last
    assert world.state.get("rules") == [{"at": 0, "version": 1}, {"at": late, "version": 2}]
    assert world.propose(rules(2)).code == "malformed"
    # A newer version never starts before an older one: the latest to start is the one in force.
    assert world.propose(rules(3)).details["effective_at"] == late
    assert [rules_in_force(world.state, time) for time in (late - 1, late)] == [1, 3]
    world.time = late
    pass_block(world)
    assert proposal_of(world, scheduled)["state"] == "DONE"


def test_the_second_of_two_proposals_for_one_version_fails() -> None:
    world = council(bank_a=1, bank_b=1)
    world.state.put("rules", [{"at": 0, "version": 1}])
    made = []
    for at in (0, world.time + 2 * DELAY):
        assert world.propose(rules(2, at), A).code == "ok"
        made.append(world.last)
    assert world.approve_proposal(made[0], B).details == {"state": "SCHEDULED", "effective_at": world.time + DELAY}
    assert world.approve_proposal(made[1], B).details == {"state": "FAILED"}
    assert [entry["version"] for entry in world.state.get("rules") or []] == [1, 2]


def test_a_block_before_anything_is_due_writes_nothing() -> None:
    world = World()
    assert world.propose(policy()).code == "ok"
    before = dict(world.state.changes)
    begin_block(world.state, RULESET, world.time + DELAY - 1)
    assert world.state.changes == before
    assert canonical.decode(before["scheduled"] or b"") == [{"proposal": world.last, "at": world.time + DELAY}]
