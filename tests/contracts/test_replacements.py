"""One declaration in place of another: everything that was used and collected is carried, rounded up, and nothing disappears."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts import queries
from contracts.models import DeclarationRegister
from contracts.shares import RATIO_MAX, RATIO_ONE, SHARES_MAX, WHOLE, carried
from tests.contracts.harness import AUTHORITY, REGISTRAR, A, B, C, Grant, World, name, one

HALF, TWICE, THIRD = RATIO_ONE // 2, 2 * RATIO_ONE, -(-RATIO_ONE // 3)


def line_of(world: World, financing: str, index: int = 0) -> tuple[str, int, int, int]:
    line = world.entry("financing", financing)["lines"][index]
    return line["declaration"], line["held"], line["drawn"], line["lost"]


def used(label: str = "d") -> tuple[World, str, dict[str, str]]:
    """A world with a declaration that carries one of everything: a hold, a commitment, a loan, a loss and a collection."""
    world = World()
    declaration = world.declaration(label)
    found = {"held": world.applied((world.grant(declaration, B), 50_000))}
    found["committed"] = world.approved((world.grant(declaration), 100_000))
    found["drawn"] = world.approved((world.grant(declaration), 200_000))
    for step in (
        world.disburse(found["drawn"], [200_000]),
        world.write_off(found["drawn"], [30_000]),
        world.collect(declaration, 40_000),
    ):
        assert step.code == "ok"
    found["collection"] = world.last
    return world, declaration, found


@pytest.mark.parametrize("ratio", [HALF, RATIO_ONE, TWICE, THIRD, 1])
@pytest.mark.parametrize("later", [False, True])
def test_everything_that_is_used_moves_to_the_successor(ratio: int, later: bool) -> None:
    world, old, found = used()
    if later:
        new = world.declaration("new")
        result = world.void(old, new, ratio)
    else:
        new = name("new")
        result = world.replace("new", (old, ratio))
    assert result.code == "ok"
    assert result.details["moved"] == sorted(found[key] for key in ("held", "committed", "drawn"))
    assert line_of(world, found["held"]) == (new, carried(50_000, ratio), 0, 0)
    assert line_of(world, found["committed"]) == (new, carried(100_000, ratio), 0, 0)
    assert line_of(world, found["drawn"]) == (new, 0, carried(170_000, ratio), carried(30_000, ratio))
    entry = world.entry("declaration", new)
    assert (entry["drawn"], entry["lost"], entry["collected"]) == tuple(carried(share, ratio) for share in (170_000, 30_000, 40_000))
    assert (entry["lenders"], entry["drawers"], entry["collections"]) == ([A], [found["drawn"]], [found["collection"]])
    collection = world.entry("collection", found["collection"])
    assert (collection["declaration"], collection["share"], collection["unused"]) == (new, carried(40_000, ratio), carried(40_000, ratio))
    for key in ("held", "committed", "drawn"):
        assert "MOVED" in world.entry("financing", found[key])["flags"]


def test_the_old_one_keeps_nothing_and_names_its_successor() -> None:
    world, old, _ = used()
    assert world.replace("new", (old, HALF)).code == "ok"
    entry = world.entry("declaration", old)
    assert entry["replaced_by"] == {"declaration": name("new"), "ratio": HALF}
    assert [entry[key] for key in ("drawn", "lost", "collected")] == [0, 0, 0]
    assert [entry[key] for key in ("holds", "committed", "lenders", "drawers", "collections", "frozen")] == [[]] * 6
    assert (queries.status(world.state, old, world.time), queries.available(world.state, old, world.time)) == ("REPLACED", 0)


def test_a_financing_goes_on_on_the_successor_to_its_end() -> None:
    world, old, found = used()
    assert world.replace("new", (old, THIRD)).code == "ok"
    for step in (world.intake(found["held"], bank=B), world.approve(found["held"], bank=B)):
        assert step.code == "ok"
    held = line_of(world, found["held"])[1]
    for step in (world.disburse(found["held"], [held], bank=B), world.repay(found["held"], [held], bank=B)):
        assert step.code == "ok"
    assert world.entry("financing", found["held"])["state"] == "PAID_OFF"
    owed = world.entry("collection", found["collection"])["unused"]
    assert world.repay(found["drawn"], [owed // 1_000 * 1_000], [(found["collection"], owed // 1_000 * 1_000)]).code == "ok"
    assert world.cancel(found["committed"]).code == "ok"


def test_two_declarations_become_one_and_the_ceiling_is_the_smaller_one() -> None:
    world = World()
    one_of_them, other = world.declaration("d", ceiling_ppm=900_000), world.declaration("e", ceiling_ppm=800_000)
    first = world.applied((world.grant(one_of_them), 100_000))
    second = world.applied((world.grant(other), 300_000))
    for ceiling_ppm, code in ((900_000, "malformed"), (700_000, "malformed"), (800_000, "ok")):
        assert world.replace("new", (one_of_them, HALF), (other, HALF), ceiling_ppm=ceiling_ppm).code == code
    assert [line_of(world, financing)[:2] for financing in (first, second)] == [(name("new"), 50_000), (name("new"), 150_000)]
    assert queries.available(world.state, name("new"), world.time) == 600_000


def test_two_lines_of_one_application_may_meet_and_each_keeps_its_own_hold() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    financing = world.applied((world.grant(d), 400_000), (world.grant(e), 400_000))
    assert world.replace("new", (d, RATIO_ONE), (e, RATIO_ONE)).code == "ok"
    assert [(hold["line"], hold["share"]) for hold in world.entry("declaration", name("new"))["holds"]] == [(0, 400_000), (1, 400_000)]
    assert world.intake(financing, [400_000, 300_000]).code == "ok"
    assert [(hold["line"], hold["share"]) for hold in world.entry("declaration", name("new"))["holds"]] == [(0, 400_000), (1, 300_000)]
    assert world.approve(financing, [0, 300_000]).code == "ok"
    assert world.disburse(financing, [0, 300_000]).code == "ok"


def test_two_lines_that_met_never_commit_more_than_there_is_room_for() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    financing = world.applied((world.grant(d), 800_000), (world.grant(e), 800_000))
    assert world.replace("new", (d, RATIO_ONE), (e, RATIO_ONE)).details["status"] == "OVERUSED"
    result = world.intake(financing)
    assert (result.code, result.details["left"]) == ("exceeds-available", 200_000)
    assert world.intake(financing, [800_000, 200_000]).code == "ok"
    assert world.approve(financing, [800_000, 200_000]).code == "ok"


def test_an_older_hold_wins_on_the_successor_too() -> None:
    world = World()
    d, e = world.declaration("d"), world.declaration("e")
    older = world.applied((world.grant(d, A), 700_000))
    younger = world.applied((world.grant(e, B), 700_000))
    assert world.replace("new", (e, RATIO_ONE), (d, RATIO_ONE)).code == "ok"
    assert world.intake(younger, bank=B).code == "exceeds-available"
    assert world.intake(older).code == "ok"


def test_a_revoked_consent_and_a_lapse_let_go_what_moved() -> None:
    world = World()
    d = world.declaration()
    revoked, lapses = world.grant(d, A), world.grant(d, B)
    world.applied((revoked, 100_000))
    world.applied((lapses, 200_000))
    assert world.replace("new", (d, RATIO_ONE)).code == "ok"
    assert world.revoke(revoked.opening["consent"]).code == "ok"
    assert [hold["bank"] for hold in world.entry("declaration", name("new"))["holds"]] == [B]
    world.time += 86_400_000
    assert queries.available(world.state, name("new"), world.time) == WHOLE


def test_a_line_that_is_drawn_in_part_may_be_drawn_to_its_end_however_its_parts_are_rounded() -> None:
    world = World()
    d = world.declaration()
    financing = world.approved((world.grant(d), 120_000))
    assert world.disburse(financing, [90_000], final=False).code == "ok"
    assert world.replace("new", (d, 925_074_875)).code == "ok"
    held, drawn = line_of(world, financing)[1:3]
    assert held + drawn == carried(120_000, 925_074_875) + 1
    assert world.disburse(financing, [held]).code == "ok"
    assert line_of(world, financing) == (name("new"), 0, held + drawn, 0)


def test_what_had_lapsed_does_not_move() -> None:
    world = World()
    d = world.declaration()
    financing = world.applied((world.grant(d), 100_000))
    world.time += 86_400_000
    assert world.replace("new", (d, RATIO_ONE)).details["moved"] == []
    assert line_of(world, financing)[0] == d
    assert world.entry("declaration", name("new"))["holds"] == []


def test_a_chain_of_replacements_carries_on() -> None:
    world, old, found = used()
    assert world.replace("second", (old, TWICE)).code == "ok"
    assert world.void(name("second"), world.declaration("third"), HALF).code == "ok"
    assert line_of(world, found["drawn"]) == (name("third"), 0, 170_000, 30_000)
    assert world.collect(name("third"), 1_000).code == "ok"


def test_a_void_declaration_may_be_replaced_later() -> None:
    world, old, found = used()
    assert world.void(old).details == {"status": "VOID"}
    assert world.void(old).code == "void"
    new = world.declaration("new", ceiling_ppm=500_000)
    assert world.void(old, new, HALF).details["status"] == "REPLACED"
    assert world.void(old, new, HALF).code == "replaced"
    assert line_of(world, found["drawn"])[0] == new
    world, old, found = used()
    assert world.void(old).code == "ok"
    assert world.replace("new", (old, RATIO_ONE)).details["status"] == "REGISTERED"


def test_the_successor_of_a_void_one_inherits_the_smaller_ceiling() -> None:
    for mine, theirs in ((900_000, 600_000), (600_000, 900_000)):
        world = World()
        old, new = world.declaration("old", ceiling_ppm=mine), world.declaration("new", ceiling_ppm=theirs)
        assert world.void(old, new).code == "ok"
        assert world.entry("declaration", new)["ceiling_ppm"] == 600_000


def test_the_ceiling_of_a_replacement_is_inherited_even_against_a_newer_policy() -> None:
    world = World()
    old = world.declaration("old", ceiling_ppm=900_000)
    world.edit("policy", ceiling_ppm=500_000)
    assert world.replace("new", (old, RATIO_ONE), ceiling_ppm=500_000).code == "malformed"
    assert world.replace("new", (old, RATIO_ONE), ceiling_ppm=900_000).code == "ok"


def test_guards_of_a_replacement_come_in_their_order() -> None:
    world = World()
    old, gone = world.declaration("old"), world.declaration("gone")
    assert world.replace("heir", (gone, RATIO_ONE)).code == "ok"
    bad = ((name("none"), 1), (gone, 1))
    body = {"declaration": old, "ceiling_ppm": 1_000, "until": "2027-12", "replaces": [{"declaration": name("none"), "ratio": 1}]}
    assert world.run("declaration.register", body, one(A)).code == "not-permitted"
    assert world.run("declaration.register", body, one(REGISTRAR)).code == "already-registered"
    assert world.replace("new", *bad, ceiling_ppm=1_000).code == "unknown-declaration"
    assert world.replace("new", bad[1], ceiling_ppm=1_000).code == "replaced"
    assert world.replace("new", (old, 1), ceiling_ppm=1_000).code == "malformed"
    assert world.replace("new", (name("new"), 1)).code == "unknown-declaration"


def test_guards_of_naming_a_successor_come_in_their_order() -> None:
    world = World()
    old, new, void, gone = (world.declaration(label) for label in ("old", "new", "void", "gone"))
    assert world.void(void).code == "ok"
    assert world.replace("heir", (gone, RATIO_ONE)).code == "ok"
    body = {"declaration": old, "reason": "error", "successor": {"declaration": new, "ratio": 1}}
    assert world.run("declaration.void", body, one(A)).code == "not-permitted"
    assert world.void(gone, new).code == "replaced"
    assert world.void(old, name("none")).code == "unknown-declaration"
    assert world.void(old, old).code == "malformed"
    assert world.void(old, void).code == "void"
    assert world.void(old, gone).code == "replaced"
    assert world.void(old, new).code == "ok"


def test_records_that_name_the_old_one_are_told_that_it_was_replaced() -> None:
    world, old, _ = used()
    grant = world.grant(old, C)
    assert world.replace("new", (old, RATIO_ONE)).code == "ok"
    assert world.amend(old, 1).code == "replaced"
    assert world.void(old).code == "replaced"
    assert world.apply((grant, 1_000)).code == "replaced"
    for bank in (A, AUTHORITY, C):
        assert world.collect(old, 1_000, bank).code == "replaced"


def test_a_share_that_would_grow_beyond_all_bounds_is_refused_whole() -> None:
    world, old, found = used()
    assert world.replace("second", (old, RATIO_MAX)).code == "ok"
    assert world.replace("third", (name("second"), RATIO_MAX)).code == "ok"
    assert world.replace("fourth", (name("third"), RATIO_MAX)).code == "malformed"
    assert line_of(world, found["drawn"])[0] == name("third")
    assert world.state.get(f"declaration/{name('fourth')}") is None


def held_by(each: int, *banks: str) -> tuple[World, str]:
    """A declaration on which banks hold so much each, which no record would let them: no invariant holds there."""
    world = World()
    world.checks_each = False
    declaration = world.declaration()
    for bank in banks:
        financing = world.applied((world.grant(declaration, bank), 1_000))
        (line,) = world.entry("financing", financing)["lines"]
        world.edit(f"financing/{financing}", lines=[{**line, "held": each, "was": each}])
    holds = world.entry("declaration", declaration)["holds"]
    world.edit(f"declaration/{declaration}", holds=[{**hold, "share": each} for hold in holds])
    return world, declaration


def test_the_largest_shares_are_carried_and_none_beyond() -> None:
    most = SHARES_MAX * RATIO_ONE // RATIO_MAX
    for each, banks, code in (
        (most, (A,), "ok"),
        (most + 1, (A,), "malformed"),
        (most // 2, (A, B), "ok"),
        (most // 2 + 1, (A, B), "malformed"),
    ):
        world, declaration = held_by(each, *banks)
        assert world.replace("new", (declaration, RATIO_MAX)).code == code


def test_a_collection_and_its_correction_are_carried_so_that_no_less_is_collected() -> None:
    world = World()
    d = world.declaration()
    assert world.collect(d, 3_000, AUTHORITY).code == "ok"
    collection = world.last
    assert world.collect(d, -1_000, AUTHORITY, corrects=collection).code == "ok"
    assert world.replace("new", (d, 1)).code == "ok"
    assert world.entry("declaration", name("new"))["collected"] >= carried(2_000, 1)
    assert world.entry("collection", collection)["declaration"] == name("new")


def test_orders_and_banks_of_both_join() -> None:
    world = World()
    d, new = world.declaration("d"), world.declaration("new")
    grants: list[Grant] = [world.grant(d, A), world.grant(new, B)]
    for grant in grants:
        financing = world.approved((grant, 1_000)) if grant.bank == A else world.applied((grant, 1_000))
        if grant.bank == B:
            assert (world.intake(financing, bank=B).code, world.approve(financing, bank=B).code) == ("ok", "ok")
    orders = [world.freeze("declaration", thing) for thing in (d, new)]
    assert world.void(d, new).code == "ok"
    entry = world.entry("declaration", new)
    assert (entry["lenders"], entry["frozen"]) == ([A, B], sorted(orders))
    assert [world.lift(order).code for order in orders] == ["ok", "ok"]


@pytest.mark.parametrize("replaces", [
    [{"declaration": name("d"), "ratio": 0}],
    [{"declaration": name("d"), "ratio": RATIO_MAX + 1}],
    [{"declaration": name("d"), "ratio": 1}] * 2,
    [{"declaration": name(str(n)), "ratio": 1} for n in range(17)],
    [{"declaration": name("d")}],
    [name("d")],
])  # fmt: skip
def test_a_list_of_what_is_replaced_that_does_not_fit_is_malformed(replaces: list[Any]) -> None:
    body = {"declaration": name("new"), "ceiling_ppm": WHOLE, "until": "2027-12", "replaces": replaces}
    with pytest.raises(ValidationError):
        DeclarationRegister.model_validate(body, strict=True)
