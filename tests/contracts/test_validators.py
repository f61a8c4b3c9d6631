"""Validators of a network whose engine has them: named by genesis, changed by governors, and never by a third or more within the days."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.genesis import write_genesis, write_genesis_of_version_1
from contracts.invariants import check_invariants
from contracts.proposals import GovernancePropose, GovernanceProposeOfVersion1
from contracts.queries import engine_key_owner, engine_may_connect
from ledger.errors import InputError
from ledger.keys import P256, key_id
from ledger.limits import VALIDATOR_POWER_MAX, VALIDATORS_MAX
from ledger.rules import Result
from ledger.state import EmptyState, Overlay
from tests.contracts.harness import (
    AUTHORITY,
    DAY,
    REGISTRAR,
    START,
    A,
    B,
    C,
    World,
    engine_key,
    engine_key_id,
    genesis,
    name,
    one,
    public,
    signer,
    two,
)

EQUAL = {AUTHORITY: 10, A: 10, B: 10, C: 10}
WINDOW = 21 * DAY
Seats = dict[tuple[str, str], int]
"""A member and the label of its key, to a power."""


def seats(powers: dict[str, int]) -> Seats:
    return {(slug, slug): power for slug, power in powers.items()}


def change(wanted: Seats) -> dict[str, Any]:
    entries = [{"member": slug, "key": engine_key_id(label), "power": power} for (slug, label), power in wanted.items()]
    return {"kind": "validators", "validators": entries}


def begun(powers: dict[str, int] | None = None, **policy: int) -> World:
    """A network that the authority governs alone; what it decides is in force from the next block on."""
    return World(EQUAL if powers is None else powers, **{"governance_delay_hours": 0, **policy})


def propose(world: World, wanted: Seats) -> Result:
    return world.propose(change(wanted))


def pass_block(world: World, at: int | None = None) -> None:
    world.time = at or world.time + 1
    world.ok("enquiry.request", {"kind": "credit"}, one(C))


def changed(world: World, wanted: Seats) -> str:
    """Lets a change take effect, and gives the state of its proposal."""
    assert propose(world, wanted).code == "ok"
    proposal = world.last
    world.begin()
    return str(world.entry("proposal", proposal)["state"])


def in_force(world: World) -> Seats:
    """The set, whose labels are found by their public keys: every label in these tests is a member's name, perhaps with a number."""
    labels = {name(label): label for label in [*EQUAL, REGISTRAR, "auditor", *(f"{slug} {n}" for slug in EQUAL for n in range(3))]}
    return {(each["member"], labels[each["public"]]): each["power"] for each in world.state.get("validators") or []}


def add_key(world: World, slug: str, label: str) -> None:
    world.ok("key.add", {"member": slug, "key": engine_key(label)}, two(slug))


def test_genesis_names_the_first_set_which_is_sorted_by_public_key() -> None:
    world = World(EQUAL)
    expected = [{"key": engine_key_id(slug), "member": slug, "power": 10, "public": name(slug)} for slug in sorted(EQUAL, key=name)]
    assert world.state.get("validators") == expected
    assert world.state.get("validator_changes") is None
    assert check_invariants(world.state, START) == []


def test_a_network_without_validators_has_no_set_and_never_gets_one() -> None:
    world = World(governance_delay_hours=0)
    assert world.state.get("validators") is None
    add_key(world, A, A)
    assert propose(world, {(A, A): 10}).code == "wrong-state"


def broken(**fields: Any) -> dict[str, Any]:
    document = genesis(EQUAL)
    document["validators"][1] = {**document["validators"][1], **fields}
    return document


def lacking() -> dict[str, Any]:
    document = broken()
    del document["validators"][1]["power"]
    return document


@pytest.mark.parametrize("document", [
    broken(power=0),
    broken(power=VALIDATOR_POWER_MAX + 1),
    broken(power=True),
    broken(public=name(B)),
    broken(public=name("nobody's")),
    broken(public=name(A).upper()),
    broken(member="nobody"),
    broken(member=B),
    broken(more=1),
    lacking(),
    {**genesis(EQUAL), "validators": []},
    {**genesis(EQUAL), "validators": None},
    {**genesis(EQUAL), "validators": 2 * genesis(EQUAL)["validators"][:1]},
    {**genesis(), "validators": genesis(EQUAL)["validators"]},
])  # fmt: skip
def test_a_genesis_whose_validators_do_not_fit_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="bad-genesis"):
        write_genesis(Overlay(EmptyState()), document, START)


def test_rules_version_1_know_no_validators() -> None:
    with pytest.raises(InputError, match="bad-genesis"):
        write_genesis_of_version_1(Overlay(EmptyState()), genesis(EQUAL), START)
    body = {"change": change(seats(EQUAL))}
    GovernancePropose.model_validate(body, strict=True)
    with pytest.raises(ValidationError):
        GovernanceProposeOfVersion1.model_validate(body, strict=True)


def many(count: int) -> dict[str, Any]:
    return change({(A, f"key {number}"): 1 for number in range(count)})


@pytest.mark.parametrize("body", [
    change({}),
    many(VALIDATORS_MAX + 1),
    change({(A, A): 0}),
    change({(A, A): -1}),
    change({(A, A): VALIDATOR_POWER_MAX + 1}),
    {"kind": "validators", "validators": [{"member": A, "key": engine_key_id(A), "power": "1"}]},
    {"kind": "validators", "validators": [{"member": A, "key": engine_key_id(A)}]},
    {"kind": "validators", "validators": [{"member": A, "key": engine_key_id(A), "power": 1, "public": name(A)}]},
])  # fmt: skip
def test_a_set_that_no_state_could_fit_leaves_nothing(body: dict[str, Any]) -> None:
    GovernancePropose.model_validate({"change": many(VALIDATORS_MAX)}, strict=True)
    GovernancePropose.model_validate({"change": change({(A, A): VALIDATOR_POWER_MAX})}, strict=True)
    with pytest.raises(ValidationError):
        GovernancePropose.model_validate({"change": body}, strict=True)


def test_a_new_set_takes_effect_after_the_delay_and_what_it_changed_is_noted() -> None:
    world = begun(governance_delay_hours=24)
    add_key(world, REGISTRAR, REGISTRAR)
    wanted = {**seats(EQUAL), (REGISTRAR, REGISTRAR): 5}
    due = world.time + DAY
    result = propose(world, wanted)
    assert (result.code, result.details) == ("ok", {"state": "SCHEDULED", "effective_at": due})
    pass_block(world, due - 1)
    assert in_force(world) == seats(EQUAL)
    pass_block(world, due + 5)
    assert in_force(world) == wanted
    assert world.state.get("validator_changes") == [{"at": due + 5, "changed": 5, "total": 40}]
    assert [each["public"] for each in world.state.get("validators") or []] == sorted(name(slug) for slug, _ in wanted)


@pytest.mark.parametrize(("wanted", "code"), [
    ({("nobody", A): 10}, "unknown-member"),
    ({(A, "never added"): 10}, "unknown-key"),
    ({(A, "auditor"): 10}, "unknown-key"),
    ({(A, A): 10, (A, f"{A} 1"): 10}, "malformed"),
    ({(A, f"{A} 2"): 10}, "already-revoked"),
    ({("auditor", "auditor"): 1}, "wrong-state"),
])  # fmt: skip
def test_a_set_that_does_not_fit_is_refused(wanted: Seats, code: str) -> None:
    world = begun()
    for label in (f"{A} 1", f"{A} 2"):
        add_key(world, A, label)
    add_key(world, "auditor", "auditor")
    world.stop("auditor", "suspended")
    world.ok("key.revoke", {"key": engine_key_id(f"{A} 2"), "reason": "rotated"}, one(A))
    assert propose(world, {**{seat: power for seat, power in seats(EQUAL).items() if seat[0] != A}, **wanted}).code == code


def test_a_key_stands_once_and_is_one_that_validates() -> None:
    world = begun()
    first = change(seats(EQUAL))["validators"]
    twice = [*first[:3], {**first[0], "member": C}]
    assert world.propose({"kind": "validators", "validators": twice}).code == "malformed"
    service = key_id(P256, bytes.fromhex(public(3)))
    assert world.entry("key", service)["member"] == A
    others = [each for each in first if each["member"] != A]
    assert world.propose({"kind": "validators", "validators": [*others, {"member": A, "key": service, "power": 10}]}).code == "malformed"


@pytest.mark.parametrize(("powers", "wanted", "fits"), [
    # Of four with the same power, one may leave, come, or take another key; two may not.
    (EQUAL, seats({AUTHORITY: 10, A: 10, B: 10}), True),
    (EQUAL, seats({AUTHORITY: 10, A: 10}), False),
    (EQUAL, {**seats({AUTHORITY: 10, A: 10, B: 10}), (C, f"{C} 1"): 10}, True),
    (EQUAL, {**seats({AUTHORITY: 10, A: 10}), (B, f"{B} 1"): 10, (C, f"{C} 1"): 10}, False),
    (EQUAL, seats({**EQUAL, REGISTRAR: 10}), True),
    (EQUAL, seats({**EQUAL, REGISTRAR: 13}), True),
    (EQUAL, seats({**EQUAL, REGISTRAR: 14}), False),
    (EQUAL, seats({**EQUAL, A: 23}), True),
    (EQUAL, seats({**EQUAL, A: 24}), False),
    # A third exactly is too much, and what some gain is not set off against what others lose.
    ({A: 10, B: 10, C: 10}, seats({A: 10, B: 10}), False),
    ({A: 10, B: 10, C: 10}, seats({A: 10, B: 10, C: 1}), True),
    ({A: 12, B: 12, C: 12}, seats({A: 1, B: 23, C: 12}), True),
    ({A: 12, B: 12, C: 12}, seats({A: 24, B: 6, C: 6}), False),
    ({A: 1}, seats({A: 2}), False),
    ({A: 4}, seats({A: 5}), True),
    ({A: 1}, {(A, f"{A} 1"): 1}, False),
    # The same power in another unit is a change too.
    (EQUAL, seats(dict.fromkeys(EQUAL, 1)), False),
])  # fmt: skip
def test_less_than_a_third_of_the_power_changes_hands(powers: dict[str, int], wanted: Seats, fits: bool) -> None:
    world = begun(powers)
    for slug, label in wanted:
        if (slug, label) not in in_force(world):
            add_key(world, slug, label)
    assert propose(world, wanted).code == ("ok" if fits else "power-change-too-large")
    world.begin()
    assert in_force(world) == (wanted if fits else seats(powers))


def without(slug: str, powers: dict[str, int]) -> dict[str, int]:
    return {other: power for other, power in powers.items() if other != slug}


def test_what_changed_within_the_days_counts_together_and_then_no_more() -> None:
    world = begun()
    at = world.time
    assert changed(world, seats(without(C, EQUAL))) == "DONE"
    fewer = without(B, without(C, EQUAL))
    world.time = at + WINDOW - 1
    # Of the four with 40 a third is more than 13, and 10 is gone.
    assert propose(world, seats({**fewer, B: 6})).code == "power-change-too-large"
    assert propose(world, seats({**fewer, B: 7})).code == "ok"
    world.time = at + WINDOW
    assert propose(world, seats(fewer)).code == "power-change-too-large"
    assert propose(world, seats({**fewer, B: 1})).code == "ok"


def test_what_is_scheduled_counts_as_if_it_had_happened() -> None:
    world = begun(governance_delay_hours=24)
    assert propose(world, seats(without(C, EQUAL))).code == "ok"
    assert propose(world, seats({AUTHORITY: 10, A: 10})).code == "power-change-too-large"
    # From the four that are in force it is little, from the three that are to come it is one more member.
    assert propose(world, seats({**EQUAL, C: 9})).code == "power-change-too-large"
    assert propose(world, seats({**without(C, EQUAL), B: 7})).code == "ok"
    assert propose(world, seats({**without(C, EQUAL), B: 6})).code == "power-change-too-large"
    world.time += DAY
    world.begin()
    assert in_force(world) == seats({**without(C, EQUAL), B: 7})


def test_going_there_and_back_counts_twice() -> None:
    world = begun()
    for powers in ({**EQUAL, A: 15}, EQUAL):
        assert changed(world, seats(powers)) == "DONE"
        world.time += 1
    assert propose(world, seats({**EQUAL, A: 14})).code == "power-change-too-large"


def test_the_same_set_again_changes_nothing_and_is_noted_nowhere() -> None:
    world = begun()
    assert changed(world, seats(EQUAL)) == "DONE"
    assert world.state.get("validator_changes") == []


def test_a_change_that_no_longer_fits_when_its_time_comes_fails() -> None:
    world = begun(governance_delay_hours=24)
    world.state.put("governors", [{"member": AUTHORITY, "weight": 1}, {"member": A, "weight": 1}])
    made = []
    for slug in (B, C):
        assert propose(world, seats(without(slug, EQUAL))).code == "ok"
        made.append(world.last)
    for proposal in made:
        assert world.approve_proposal(proposal, A).code == "ok"
    world.time += DAY
    world.begin()
    assert [world.entry("proposal", proposal)["state"] for proposal in made] == ["DONE", "FAILED"]
    assert in_force(world) == seats(without(B, EQUAL))
    assert len(world.state.get("validator_changes") or []) == 1


def test_a_longer_time_asks_about_what_changed_before_it() -> None:
    world = begun(power_change_third_days=1)
    assert changed(world, seats(without(C, EQUAL))) == "DONE"
    policy = {"kind": "policy", "policy": {**(world.state.get("policy") or {}), "power_change_third_days": 90}}
    assert world.propose(policy).code == "ok"
    at = world.time
    world.time = at + 90 * DAY - 1
    world.begin()
    assert propose(world, seats({AUTHORITY: 10, A: 10})).code == "power-change-too-large"
    world.time = at + 90 * DAY
    assert propose(world, seats({AUTHORITY: 10, A: 10, B: 9})).code == "ok"


def test_changes_of_one_day_are_noted_as_one_and_those_of_ninety_days_ago_no_more() -> None:
    world = begun()
    midnight = -(-world.time // DAY) * DAY
    for at, power in ((midnight, 11), (midnight + DAY - 1, 9), (midnight + DAY, 10)):
        world.time = at
        assert changed(world, seats({**EQUAL, A: power})) == "DONE"
    assert world.state.get("validator_changes") == [
        {"at": midnight + DAY - 1, "changed": 3, "total": 40},
        {"at": midnight + DAY, "changed": 1, "total": 39},
    ]
    world.time = midnight + 91 * DAY - 1
    assert changed(world, seats({**EQUAL, A: 11})) == "DONE"
    assert world.state.get("validator_changes") == [
        {"at": midnight + DAY, "changed": 1, "total": 39},
        {"at": world.time, "changed": 1, "total": 40},
    ]


@pytest.mark.parametrize("actor", [A, AUTHORITY])
def test_a_key_that_votes_is_revoked_only_when_it_votes_no_more(actor: str) -> None:
    world = begun()
    body = {"key": engine_key_id(A), "reason": "compromised"}
    assert world.run("key.revoke", {**body, "key": name("none")}, one(actor)).code == "unknown-key"
    assert world.run("key.revoke", body, one(B)).code == "not-permitted"
    assert world.run("key.revoke", body, one(actor)).code == "wrong-state"
    add_key(world, A, f"{A} 1")
    assert changed(world, {**seats(without(A, EQUAL)), (A, f"{A} 1"): 10}) == "DONE"
    world.ok("key.revoke", body, one(actor))
    assert world.run("key.revoke", body, one(actor)).code == "already-revoked"


def test_a_set_whose_key_was_revoked_before_its_time_fails() -> None:
    world = begun(governance_delay_hours=24)
    add_key(world, A, f"{A} 1")
    assert propose(world, {**seats(without(A, EQUAL)), (A, f"{A} 1"): 10}).code == "ok"
    proposal = world.last
    world.ok("key.revoke", {"key": engine_key_id(f"{A} 1"), "reason": "compromised"}, one(A))
    world.time += DAY
    world.begin()
    assert world.entry("proposal", proposal)["state"] == "FAILED"
    assert in_force(world) == seats(EQUAL)


@pytest.mark.parametrize("how", ["suspended", "succeeded"])
def test_a_validator_that_is_stopped_votes_on_and_may_only_lose_power(how: str) -> None:
    world = begun()
    if how == "suspended":
        world.stop(A, how)
    else:
        assert world.succeed(A, B).code == "ok"
    assert in_force(world) == seats(EQUAL)
    assert propose(world, seats({**EQUAL, A: 11})).code == "wrong-state"
    assert changed(world, seats({**EQUAL, B: 11})) == "DONE"
    assert changed(world, seats({**EQUAL, B: 11, A: 4})) == "DONE"
    world.time += WINDOW
    assert changed(world, seats(without(A, {**EQUAL, B: 11}))) == "DONE"
    assert propose(world, seats({**EQUAL, A: 1})).code == "wrong-state"


def address(label: str) -> str:
    return sha256(bytes.fromhex(name(label))).hexdigest()[:40]


def test_the_owner_of_an_engines_key_is_found_by_its_address_and_let_in_while_the_key_is_in_force() -> None:
    world = begun()
    add_key(world, A, f"{A} 1")
    labels = (A, f"{A} 1", B, "nobody's")
    assert [engine_key_owner(world.state, address(label)) for label in labels] == [A, A, B, None]
    assert [engine_may_connect(world.state, address(label)) for label in labels] == [True, True, True, False]
    assert engine_key_owner(world.state, address(A).upper()) is None
    assert engine_may_connect(world.state, address(A).upper()) is False
    world.ok("key.revoke", {"key": engine_key_id(f"{A} 1"), "reason": "rotated"}, one(A))
    world.stop(B, "suspended")
    # Who was found out by a key that is revoked since is still known; a suspended validator keeps its vote, and has to be reached for it.
    assert [engine_key_owner(world.state, address(label)) for label in labels] == [A, A, B, None]
    assert [engine_may_connect(world.state, address(label)) for label in labels] == [True, False, True, False]


def test_only_governors_propose_a_set() -> None:
    world = begun()
    assert world.propose(change(seats(EQUAL)), A).code == "not-permitted"
    assert world.run("governance.propose", {"change": change(seats(EQUAL))}, (signer(None, "once"),)).code == "not-permitted"


@pytest.mark.parametrize(("fields", "words"), [
    ({"power": 0}, "power"),
    ({"key": engine_key_id("never added")}, "in force"),
    ({"public": name(B)}, "in order"),
    ({"member": B}, "votes twice"),
])  # fmt: skip
def test_a_set_that_no_rule_could_write_is_noticed(fields: dict[str, Any], words: str) -> None:
    world = begun()
    validators = world.state.get("validators") or []
    place = next(number for number, each in enumerate(validators) if each["member"] == A)
    validators[place] = {**validators[place], **fields}
    world.state.put("validators", validators)
    assert any(words in broken for broken in check_invariants(world.state, START))
