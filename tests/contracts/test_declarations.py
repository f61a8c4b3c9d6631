"""Declarations: registered once, amended, voided, collected upon."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts import entries, queries
from contracts.months import month_end_ms
from contracts.ruleset import RULESET
from contracts.shares import WHOLE
from tests.contracts.harness import AUTHORITY, REGISTRAR, A, B, World, name, one, signer, two


def registration(**changes: Any) -> dict[str, Any]:
    return {"declaration": name("d"), "ceiling_ppm": WHOLE, "until": "2027-12", "replaces": [], **changes}


def test_a_number_registers_once_with_its_month() -> None:
    world = World()
    world.ok("declaration.register", registration(), one(REGISTRAR))
    assert world.entry("declaration", name("d"))["until"] == month_end_ms("2027-12")
    assert world.run("declaration.register", registration(until="2028-01"), one(REGISTRAR)).code == "already-registered"
    world.void(name("d"))
    assert world.run("declaration.register", registration(), one(REGISTRAR)).code == "already-registered"


def test_only_the_registrar_registers_amends_and_voids() -> None:
    world = World()
    declaration = world.declaration("other")
    for actor in (AUTHORITY, A, None):
        who = (signer(actor),)
        assert world.run("declaration.register", registration(), who).code == "not-permitted"
        assert world.run("declaration.amend", {"declaration": declaration, "capacity": 1}, who).code == "not-permitted"
        assert (
            world.run("declaration.void", {"declaration": declaration, "reason": "error", "successor": None}, who).code == "not-permitted"
        )


def test_the_financing_ratio_stays_within_the_policy() -> None:
    world = World(ceiling_ppm=800_000)
    assert world.run("declaration.register", registration(ceiling_ppm=800_001), one(REGISTRAR)).code == "malformed"
    world.ok("declaration.register", registration(ceiling_ppm=800_000), one(REGISTRAR))
    assert queries.available(world.state, name("d"), world.time) == 800_000


@pytest.mark.parametrize("changes", [
    {"ceiling_ppm": 999},
    {"ceiling_ppm": WHOLE + 1},
    {"ceiling_ppm": "1000"},
    {"ceiling_ppm": True},
    {"ceiling_ppm": 1000.0},
    {"until": "2027-13"},
    {"until": "2027-12-01"},
    {"replaces": [{"declaration": name("e"), "ratio": 0}]},
    {"declaration": name("d").upper()},
    {"amount": 1},
])  # fmt: skip
def test_a_registration_that_does_not_fit_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULESET.types["declaration.register"].model.model_validate(registration(**changes), strict=True)


def test_what_is_not_registered_is_unknown() -> None:
    world = World()
    assert world.amend(name("none"), 1).code == "unknown-declaration"
    assert world.void(name("none")).code == "unknown-declaration"
    assert world.collect(name("none"), 1_000).code == "unknown-declaration"
    assert queries.available(world.state, name("none"), world.time) == 0
    assert queries.status(world.state, name("none"), world.time) is None


def test_a_void_or_replaced_declaration_changes_no_more() -> None:
    world = World()
    declaration = world.declaration()
    assert world.void(declaration).details["status"] == "VOID"
    assert world.amend(declaration, 1).code == "void"
    assert world.void(declaration).code == "void"
    world.edit(f"declaration/{declaration}", replaced_by={"declaration": name("successor"), "ratio": 10**9})
    assert world.amend(declaration, 1).code == "replaced"
    assert world.void(declaration).code == "replaced"
    assert queries.status(world.state, declaration, world.time) == "REPLACED"


def test_usage_never_disappears_when_a_declaration_is_amended_or_voided() -> None:
    world = World()
    declaration = world.declaration()
    world.applied((world.grant(declaration), 600_000))
    assert world.amend(declaration, 500_000).details["status"] == "OVERUSED"
    assert world.amend(declaration, 600_000).details["status"] == "REGISTERED"
    assert world.amend(declaration, 2 * WHOLE).details["status"] == "REGISTERED"
    assert queries.available(world.state, declaration, world.time) == 1_400_000
    world.void(declaration)
    entry = world.entry("declaration", declaration)
    standing = queries.standing(entry, world.time)
    assert (standing.held, standing.ceiling, standing.use) == (600_000, 0, "full")
    assert queries.available(world.state, declaration, world.time) == 0


def test_a_collection_lowers_what_is_left_and_is_not_capped() -> None:
    world = World()
    declaration = world.declaration()
    world.approved((world.grant(declaration), 300_000))
    assert world.collect(declaration, 600_000).details["status"] == "REGISTERED"
    assert queries.available(world.state, declaration, world.time) == 100_000
    assert world.collect(declaration, 200_000).details["status"] == "COLLECTED"
    assert world.collect(declaration, 5 * WHOLE).details["status"] == "COLLECTED"
    assert world.entry("declaration", declaration)["collected"] == 5_800_000


def test_two_people_of_a_lender_or_of_the_authority_record_a_collection() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.applied((world.grant(declaration), 300_000))
    body = {"declaration": declaration, "share": 1_000, "corrects": None}
    assert world.run("declaration.collected", body, two(A)).code == "not-permitted", "what is only applied for makes no lender"
    assert world.intake(financing).code == world.approve(financing).code == "ok"
    assert world.run("declaration.collected", body, two(B)).code == "not-permitted"
    assert world.run("declaration.collected", body, two(REGISTRAR)).code == "not-permitted"
    assert world.run("declaration.collected", body, one(A)).code == "second-signature-missing"
    same = (signer(A, "make", "li"), signer(A, "check", "li"))
    assert world.run("declaration.collected", body, same).code == "same-person"
    world.cancel(financing)
    world.ok("declaration.collected", body, two(A))
    world.ok("declaration.collected", body, two(AUTHORITY))


def test_a_correction_needs_the_authority_and_takes_back_what_nobody_used() -> None:
    world = World()
    declaration, elsewhere = world.declaration(), world.declaration("e")
    loan = world.approved((world.grant(declaration), 300_000))
    assert world.disburse(loan, [300_000]).code == "ok"
    assert world.collect(declaration, 400_000).code == "ok"
    wrong = world.last
    assert world.collect(elsewhere, 100_000, AUTHORITY).code == "ok"
    foreign = world.last
    assert world.collect(declaration, -100_000, corrects=wrong).code == "second-signature-missing"
    body = {"declaration": declaration, "share": -1_000, "corrects": wrong}
    assert world.run("declaration.collected", body, two(A) + one(B)).code == "not-permitted"
    assert world.collect(declaration, -401_000, authority=True, corrects=wrong).code == "exceeds-collected"
    for other in (name("none"), foreign):
        assert world.collect(declaration, -1_000, authority=True, corrects=other).code == "unknown-collection"
    assert world.collect(declaration, -100_000, authority=True, corrects=wrong).code == "ok"
    assert (world.entry("collection", world.last)["unused"], world.entry("collection", wrong)["unused"]) == (0, 300_000)
    assert world.repay(loan, [300_000], [(wrong, 300_000)]).code == "ok"
    assert world.run("declaration.collected", body, two(AUTHORITY)).code == "exceeds-collected", "a repayment used it"
    assert world.entry("declaration", declaration)["collected"] == 300_000


def test_a_collection_is_in_steps() -> None:
    world = World()
    declaration = world.declaration()
    assert (
        world.run("declaration.collected", {"declaration": declaration, "share": 1_500, "corrects": None}, two(AUTHORITY)).code
        == "not-in-steps"
    )


def test_touching_a_declaration_settles_lapsed_holds_and_changes_no_answer() -> None:
    world = World()
    declaration = world.declaration()
    world.applied((world.grant(declaration), 300_000), hold_ms=10)
    world.time += 10
    assert queries.available(world.state, declaration, world.time) == WHOLE
    assert len(world.entry("declaration", declaration)["holds"]) == 1
    assert world.amend(declaration, WHOLE).code == "ok"
    assert world.entry("declaration", declaration)["holds"] == []
    assert queries.available(world.state, declaration, world.time) == WHOLE


def test_a_standing_says_how_far_a_declaration_is_used() -> None:
    world = World()
    declaration = world.declaration()

    def use() -> str:
        entry = entries.declaration(world.state, declaration)
        assert entry is not None
        return queries.standing(entry, world.time).use

    assert use() == "none"
    world.applied((world.grant(declaration), 300_000))
    assert use() == "part"
    world.applied((world.grant(declaration, B), 700_000))
    assert use() == "full"
