"""The smallest amounts of money that moves, and what a movement leaves as it was: what changes of one sign or number would get wrong."""

from __future__ import annotations

import pytest

from contracts.shares import RATIO_MAX, RATIO_ONE, SHARES_MAX, WHOLE
from tests.contracts.harness import DAY, A, B, World, name

ODD = 333_333


def lent(share: int = 100_000, *, ceiling_ppm: int = WHOLE) -> tuple[World, str, str]:
    """A loan on one declaration, all of it drawn."""
    world = World()
    declaration = world.declaration(ceiling_ppm=ceiling_ppm)
    financing = world.approved((world.grant(declaration), share))
    assert world.disburse(financing, [share]).code == "ok"
    return world, declaration, financing


def approved_on_two() -> tuple[World, str, str]:
    """Approved on two declarations; on the second one a hold of another bank has lapsed, and nothing wrote that down yet."""
    world = World()
    first, second = world.declaration("d"), world.declaration("e")
    financing = world.approved((world.grant(first), 100_000), (world.grant(second), 100_000))
    world.applied((world.grant(second, B), 1_000), hold_ms=1)
    world.time += DAY
    assert len(world.entry("declaration", second)["holds"]) == 1
    return world, second, financing


def smallest(world: World, declaration: str, financing: str, **amounts: int) -> None:
    """What only the rounding of a replacement leads to: one millionth."""
    (line,) = world.entry("financing", financing)["lines"]
    world.edit(f"financing/{financing}", lines=[{**line, **amounts}])
    if "held" in amounts:
        committed = world.entry("declaration", declaration)["committed"]
        world.edit(f"declaration/{declaration}", committed=[{**each, "share": amounts["held"]} for each in committed])
    else:
        world.edit(f"declaration/{declaration}", drawn=amounts["drawn"])


def test_own_funds_pay_back_what_is_drawn_and_nothing_of_what_was_written_off() -> None:
    world, declaration, financing = lent(300_000)
    assert world.write_off(financing, [100_000]).code == "ok"
    assert world.repay(financing, [200_001]).code == "exceeds-drawn"
    assert world.repay(financing, [250_000]).code == "exceeds-drawn"
    assert world.repay(financing, [200_000]).details["state"] == "WRITTEN_OFF"
    entry = world.entry("declaration", declaration)
    assert (entry["drawn"], entry["lost"]) == (0, 100_000)


def test_collections_pay_back_an_odd_whole_of_what_is_drawn_and_written_off() -> None:
    world, declaration, financing = lent(ODD, ceiling_ppm=ODD)
    assert world.write_off(financing, [100_000]).code == "ok"
    assert world.collect(declaration, 400_000).code == "ok"
    assert world.repay(financing, [ODD], [(world.last, ODD)]).details["state"] == "PAID_OFF"


def test_a_repayment_or_tranche_leaves_declarations_alone_of_which_it_moves_nothing() -> None:
    world, second, financing = approved_on_two()
    before = world.entry("declaration", second)
    assert world.disburse(financing, [50_000, 0], final=False).code == "ok"
    assert world.entry("declaration", second) == before
    assert world.repay(financing, [50_000, 0]).code == "ok"
    assert world.entry("declaration", second) == before


def test_the_standing_of_a_declaration_is_flagged_only_where_money_is_drawn_on_it() -> None:
    world, second, financing = approved_on_two()
    assert world.void(second).code == "ok"
    result = world.disburse(financing, [100_000, 0])
    assert (result.code, result.details.get("flags", [])) == ("ok", [])


def test_a_millionth_is_money_too() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 1_000))
    smallest(world, declaration, financing, held=1, was=1)
    world.freeze("declaration", declaration)
    result = world.disburse(financing, [1])
    assert (result.code, result.details["flags"], world.entry("declaration", declaration)["drawn"]) == ("ok", ["FROZEN"], 1)
    assert world.repay(financing, [1]).details["state"] == "PAID_OFF"
    assert world.entry("declaration", declaration)["drawn"] == 0


def test_a_millionth_is_paid_back_from_a_collection() -> None:
    world, declaration, financing = lent(1_000)
    smallest(world, declaration, financing, drawn=1)
    assert world.collect(declaration, 1_000).code == "ok"
    collection = world.last
    assert world.repay(financing, [1], [(collection, 1)]).details["state"] == "PAID_OFF"
    assert world.entry("collection", collection)["unused"] == 999


def test_a_collection_on_a_declaration_that_is_not_paid_back_is_malformed_however_much_is_cited() -> None:
    world, second, financing = approved_on_two()
    assert world.disburse(financing, [100_000, 100_000]).code == "ok"
    assert world.collect(second, 50_000).code == "ok"
    assert world.repay(financing, [1_000, 0], [(world.last, 60_000)]).code == "malformed"


def test_of_a_late_disbursement_only_lines_that_draw_follow_what_replaced_their_declaration() -> None:
    world, second, financing = approved_on_two()
    assert world.cancel(financing).code == "ok"
    assert world.replace("new", (second, RATIO_ONE)).code == "ok"
    assert world.disburse(financing, [100_000, 0], authority=True).code == "ok"
    assert world.entry("financing", financing)["lines"][1]["declaration"] == second
    assert world.entry("declaration", name("new"))["drawn"] == 0


def test_a_millionth_that_is_drawn_late_follows_too() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 1_000))
    assert world.cancel(financing).code == "ok"
    smallest(world, declaration, financing, was=1, drawn=0)
    assert world.replace("new", (declaration, RATIO_ONE)).code == "ok"
    assert world.disburse(financing, [1], authority=True).code == "ok"
    assert world.entry("financing", financing)["lines"][0]["declaration"] == name("new")
    assert world.entry("declaration", name("new"))["drawn"] == 1


@pytest.mark.parametrize("what", ["drawn", "lost", "committed", "collected"])
def test_no_sum_is_carried_beyond_the_largest_share(what: str) -> None:
    """Two lines of which each could be carried, and both together not."""
    each = SHARES_MAX * RATIO_ONE // RATIO_MAX // 2 + 1
    world = World()
    world.checks_each = False
    declaration = world.declaration()
    for bank in (A, B):
        financing = world.applied((world.grant(declaration, bank), 1_000))
        assert (world.intake(financing, bank=bank).code, world.approve(financing, bank=bank).code) == ("ok", "ok")
        if what == "collected":
            assert world.collect(declaration, 1_000, bank).code == "ok"
            world.edit(f"collection/{world.last}", share=each, unused=each)
            continue
        if what != "committed":
            assert world.disburse(financing, [1_000], bank=bank).code == "ok"
        (line,) = world.entry("financing", financing)["lines"]
        moved = {"held" if what == "committed" else what: each}
        world.edit(f"financing/{financing}", lines=[{**line, "drawn": 0, **moved, "was": each}])
    if what == "committed":
        entry = world.entry("declaration", declaration)
        world.edit(f"declaration/{declaration}", committed=[{**item, "share": each} for item in entry["committed"]])
    assert world.replace("new", (declaration, RATIO_MAX)).code == "malformed"


def test_collections_of_all_that_is_replaced_are_kept() -> None:
    world = World()
    first, second = world.declaration("d"), world.declaration("e")
    found = []
    for declaration in (first, second):
        world.approved((world.grant(declaration), 1_000))
        assert world.collect(declaration, 1_000).code == "ok"
        found.append(world.last)
    assert world.replace("new", (first, RATIO_ONE), (second, RATIO_ONE)).code == "ok"
    assert sorted(world.entry("declaration", name("new"))["collections"]) == sorted(found)
