"""Orders freeze a declaration, a financing or a member until the last of them is lifted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.models import OrderFreeze
from contracts.shares import RATIO_ONE
from ledger.limits import ORDERS_PER_TARGET_MAX
from tests.contracts.harness import AUTHORITY, REGISTRAR, A, B, C, World, name, one


def freezing(kind: str, thing: str) -> dict[str, Any]:
    return {"target": {"kind": kind, "id": thing}, "digest": name("paper")}


def things(world: World) -> dict[str, str]:
    declaration = world.declaration()
    return {"declaration": declaration, "financing": world.applied((world.grant(declaration), 100_000)), "member": A}


@pytest.mark.parametrize("kind", ["declaration", "financing", "member"])
def test_a_thing_is_frozen_as_long_as_one_order_stands(kind: str) -> None:
    world = World()
    thing = things(world)[kind]
    first, second = world.freeze(kind, thing), world.freeze(kind, thing)
    assert world.entry(kind, thing)["frozen"] == sorted([first, second])
    assert world.entry("order", first) == {"kind": kind, "target": thing, "digest": name("order"), "lifted": False}
    assert world.lift(first).code == "ok"
    assert world.entry(kind, thing)["frozen"] == [second]
    assert world.entry("order", first)["lifted"] is True
    assert world.lift(second).code == "ok"
    assert world.entry(kind, thing)["frozen"] == []


def test_what_is_frozen_takes_no_new_hold_and_no_approval_until_the_order_is_lifted() -> None:
    world = World()
    named = things(world)
    grant = world.grant(named["declaration"], "bank-b")
    order = world.freeze("declaration", named["declaration"])
    assert world.apply((grant, 1_000)).code == "frozen"
    assert world.intake(named["financing"]).code == "frozen"
    assert world.lift(order).code == "ok"
    order = world.freeze("financing", named["financing"])
    assert world.apply((grant, 1_000)).code == "ok"
    assert world.intake(named["financing"]).code == "frozen"
    assert world.lift(order).code == "ok"
    order = world.freeze("member", A)
    assert world.intake(named["financing"]).code == "frozen"
    assert world.lift(order).code == "ok"
    assert world.intake(named["financing"]).code == "ok"


def test_money_that_was_approved_moves_all_the_same_and_is_flagged() -> None:
    world = World()
    financing = world.approved((world.grant(world.declaration()), 100_000))
    world.freeze("member", A)
    assert world.disburse(financing, [100_000]).details["flags"] == ["FROZEN"]
    assert world.repay(financing, [10_000]).code == "ok"


@pytest.mark.parametrize(("kind", "thing", "code"), [
    ("declaration", name("none"), "unknown-declaration"),
    ("financing", name("none"), "unknown-financing"),
    ("member", "nobody", "unknown-member"),
])  # fmt: skip
def test_guards_of_a_freeze_come_in_their_order(kind: str, thing: str, code: str) -> None:
    world = World()
    named = things(world)
    assert world.run("order.freeze", freezing(kind, thing), one(A)).code == code
    for actor in (A, REGISTRAR):
        assert world.run("order.freeze", freezing(kind, named[kind]), one(actor)).code == "not-permitted"
    orders = [world.freeze(kind, named[kind]) for _ in range(ORDERS_PER_TARGET_MAX)]
    assert world.run("order.freeze", freezing(kind, named[kind]), one(AUTHORITY)).code == "too-many-orders"
    assert world.lift(orders[7]).code == "ok"
    assert world.run("order.freeze", freezing(kind, named[kind]), one(AUTHORITY)).code == "ok"


def test_the_authority_is_never_frozen() -> None:
    assert World().run("order.freeze", freezing("member", AUTHORITY), one(AUTHORITY)).code == "not-permitted"


def test_a_replaced_declaration_is_not_frozen_but_its_successor_is_named() -> None:
    world = World()
    declaration = world.declaration()
    order = world.freeze("declaration", declaration)
    assert world.replace("new", (declaration, RATIO_ONE)).code == "ok"
    result = world.run("order.freeze", freezing("declaration", declaration), one(AUTHORITY))
    assert (result.code, result.details) == ("replaced", {"successor": name("new")})
    assert world.entry("order", order)["target"] == name("new")
    assert world.entry("declaration", name("new"))["frozen"] == [order]
    assert world.lift(order).code == "ok"
    assert world.entry("declaration", name("new"))["frozen"] == []


def test_a_financing_that_was_taken_over_is_not_frozen_but_the_one_that_its_loan_runs_on_in_is_named() -> None:
    world = World()
    declaration = world.declaration()
    first = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(first, [100_000]).code == "ok"
    assert world.transfer(first, B).code == "ok"
    assert world.take_over(first, [world.grant(declaration, B)]).code == "ok"
    second = world.last
    assert world.run("order.freeze", freezing("financing", first), one(AUTHORITY)).details == {"heir": second}
    assert world.transfer(second, C, bank=B).code == "ok"
    assert world.take_over(second, [world.grant(declaration, C)], bank=C).code == "ok"
    third = world.last
    for gone in (first, second):
        assert world.run("order.freeze", freezing("financing", gone), one(A)).code == "not-permitted"
        result = world.run("order.freeze", freezing("financing", gone), one(AUTHORITY))
        assert (result.code, result.details) == ("wrong-state", {"heir": third})
        assert world.entry("financing", gone)["frozen"] == []
    order = world.freeze("financing", third)
    assert world.entry("financing", third)["frozen"] == [order]


def test_a_financing_that_kept_what_it_lost_is_frozen_though_another_bank_took_over_the_rest() -> None:
    world = World()
    declaration = world.declaration()
    first = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(first, [100_000]).code == "ok"
    assert world.write_off(first, [10_000]).code == "ok"
    assert world.transfer(first, B).code == "ok"
    assert world.take_over(first, [world.grant(declaration, B)]).code == "ok"
    world.freeze("financing", first)
    assert world.write_off(first, [-10_000]).code == "ok"
    assert world.transfer(first, B).code == "frozen"


def test_guards_of_a_lift_come_in_their_order() -> None:
    world = World()
    order = world.freeze("member", A)
    assert world.lift(name("none"), A).code == "unknown-order"
    assert world.lift(order, A).code == "not-permitted"
    assert world.lift(order).code == "ok"
    assert world.lift(order).code == "already-lifted"


@pytest.mark.parametrize("target", [
    {"kind": "declaration", "id": A},
    {"kind": "member", "id": "Not A Slug"},
    {"kind": "grant", "id": name("g")},
    {"kind": "member"},
])  # fmt: skip
def test_a_target_that_names_nothing_is_malformed(target: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        OrderFreeze.model_validate({"target": target, "digest": name("paper")}, strict=True)
