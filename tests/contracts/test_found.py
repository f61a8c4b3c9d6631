"""What walks of handlers and model side by side found in the handlers, or could not come to: each as a short sequence."""

from __future__ import annotations

import pytest

from contracts import declarations, governance
from contracts.governance import Votes, votes_on
from contracts.policy import Policy
from contracts.shares import CAPACITY_MAX, RATIO_MAX, RATIO_ONE, SHARES_MAX, WHOLE
from ledger.limits import RULES_AHEAD_DAYS_MAX
from tests.contracts.harness import AUTHORITY, DAY, REGISTRAR, A, B, C, World, name, one

CHANGE = {"kind": "policy", "policy": Policy().model_dump()}


def replace(world: World, old: str, ratio: int) -> str:
    """A successor that takes on what is used of a declaration."""
    body = {
        "declaration": name(f"successor of {old}"),
        "ceiling_ppm": world.entry("declaration", old)["ceiling_ppm"],
        "until": "2027-12",
        "replaces": [{"declaration": old, "ratio": ratio}],
    }
    world.ok("declaration.register", body, one(REGISTRAR))
    return str(body["declaration"])


def test_parts_that_are_carried_and_rounded_up_one_by_one_stay_within_what_was_committed() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 120_000))
    assert world.disburse(financing, [90_000], final=False).code == "ok"
    replace(world, declaration, 925_074_875)
    line = world.entry("financing", financing)["lines"][0]
    assert (line["drawn"], line["held"], line["was"]) == (83_257, 27_753, 111_010)
    assert world.disburse(financing, [27_753]).code == "ok"


def test_what_is_collected_is_refused_only_where_everything_is_collected_already(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    declaration = world.declaration()
    monkeypatch.setattr(declarations, "COLLECTIONS_PER_DECLARATION_MAX", 2)
    shares = (1_000, 1_000, 1_000, 996_000, 1_000, 1_000)
    collected = [world.collect(declaration, share, AUTHORITY).code for share in shares]
    assert collected == ["ok"] * 5 + ["too-many-collections"]
    assert world.entry("declaration", declaration)["collected"] == WHOLE
    assert world.collect(declaration, -1_000, AUTHORITY, corrects=world.entry("declaration", declaration)["collections"][0]).code == "ok"
    assert world.collect(declaration, 1_000, AUTHORITY).code == "ok"


def test_a_collection_that_was_carried_can_be_taken_back_whole() -> None:
    world = World()
    declaration = world.declaration()
    assert world.collect(declaration, 1_000, AUTHORITY).code == "ok"
    wrong = world.last
    new = replace(world, declaration, RATIO_ONE // 4)
    assert world.entry("collection", wrong)["unused"] == 250
    for share, code in ((-251, "exceeds-collected"), (-249, "not-in-steps"), (-250, "ok")):
        assert world.collect(new, share, AUTHORITY, corrects=wrong).code == code
    assert world.entry("declaration", new)["collected"] == 0


def test_a_correction_that_was_itself_corrected_keeps_no_declaration_from_being_replaced() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(financing, [100_000]).code == "ok"
    for share in (SHARES_MAX, -SHARES_MAX):
        assert world.correct(financing, [share], authority=True).code == "ok"
    replace(world, declaration, 2 * RATIO_ONE)
    line = world.entry("financing", financing)["lines"][0]
    assert (line["drawn"], line["was"]) == (200_000, SHARES_MAX)


def test_a_collection_that_grows_beyond_all_reason_is_refused_and_is_no_fault() -> None:
    world = World()
    declaration = world.declaration()
    assert world.collect(declaration, CAPACITY_MAX, AUTHORITY).code == "ok"
    for label in ("once", "twice"):
        assert world.replace(label, (declaration, RATIO_MAX)).code == "ok"
        declaration = name(label)
    assert world.entry("declaration", declaration)["collected"] == SHARES_MAX
    assert world.replace("thrice", (declaration, RATIO_MAX)).code == "malformed"
    assert world.replace("smaller", (declaration, 1)).code == "ok"


@pytest.mark.parametrize("how", ["suspended", "frozen"])
def test_a_lender_that_may_start_nothing_may_still_withdraw_its_offer(how: str) -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(financing, [100_000]).code == "ok"
    assert world.transfer(financing).code == "ok"
    world.stop(A, how)
    world.freeze("financing", financing)
    assert world.transfer(financing).code == how
    assert world.transfer(financing, None).code == "ok"
    assert world.entry("financing", financing)["offer"] is None


def test_the_heir_of_a_governor_votes_in_its_place() -> None:
    world = World()
    world.state.put("governors", [{"member": slug, "weight": 1} for slug in (AUTHORITY, A, B)])
    assert world.propose(CHANGE, A).details == {"state": "OPEN"}
    proposal = world.last
    assert world.succeed(A, C).code == "ok"
    assert world.approve_proposal(proposal, C).code == "already-approved"
    assert world.approve_proposal(proposal, A).code == "not-permitted"
    assert votes_on(world.state, world.entry("proposal", proposal)) == Votes(1, 3, (B, AUTHORITY))
    assert world.approve_proposal(proposal, B).details["state"] == "OPEN"
    assert world.approve_proposal(proposal, AUTHORITY).details["state"] == "SCHEDULED"
    assert world.propose(CHANGE, C).details == {"state": "OPEN"}
    assert votes_on(world.state, world.entry("proposal", world.last)) == Votes(1, 3, (B, AUTHORITY))


def test_an_heir_that_is_a_governor_itself_votes_once_with_both_weights() -> None:
    world = World()
    world.state.put("governors", [{"member": slug, "weight": 1} for slug in (AUTHORITY, A, B, C)])
    assert world.succeed(A, C).code == "ok"
    assert world.propose(CHANGE, C).details == {"state": "OPEN"}
    assert votes_on(world.state, world.entry("proposal", world.last)) == Votes(2, 4, (B, AUTHORITY))
    assert world.approve_proposal(world.last, B).details["state"] == "SCHEDULED"


def test_new_rules_start_within_a_year_so_that_newer_ones_may_follow() -> None:
    world = World()
    far = world.time + RULES_AHEAD_DAYS_MAX * DAY
    assert world.propose({"kind": "rules", "version": 2, "at": far + 1}).code == "malformed"
    assert world.propose({"kind": "rules", "version": 2, "at": far}).code == "ok"


def test_only_so_many_changes_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(governance, "SCHEDULED_MAX", 1)
    assert world.propose(CHANGE).code == "ok"
    assert world.propose(CHANGE).code == "too-many-scheduled"
    world.time += DAY
    assert world.propose(CHANGE).code == "ok"
