"""Writing off: what will not come back stays used, and may come back all the same."""

from __future__ import annotations

import pytest

from contracts import queries
from tests.contracts.harness import AUTHORITY, A, B, World, name, one, signer, two


def disbursed(share: int = 100_000, ceiling_ppm: int = 1_000_000) -> tuple[World, str, str]:
    world = World()
    declaration = world.declaration(ceiling_ppm=ceiling_ppm)
    financing = world.approved((world.grant(declaration), share))
    assert world.disburse(financing, [share]).code == "ok"
    return world, declaration, financing


def owed(world: World, financing: str) -> list[tuple[int, int]]:
    return [(line["drawn"], line["lost"]) for line in world.entry("financing", financing)["lines"]]


def test_guards_come_in_their_order() -> None:
    world, _, financing = disbursed()
    body = {"financing": financing, "shares": [1_000, 1_000]}
    assert world.run("financing.write-off", {**body, "financing": name("none")}, one(B)).code == "unknown-financing"
    assert world.run("financing.write-off", body, one(B)).code == "not-permitted"
    assert world.run("financing.write-off", body, two(A) + one(AUTHORITY)).code == "not-permitted"
    assert world.run("financing.write-off", body, one(A)).code == "second-signature-missing"
    assert world.run("financing.write-off", body, (signer(A, "make", "li"), signer(A, "check", "li"))).code == "same-person"
    assert world.write_off(financing, [1_000, 1_000]).code == "malformed"
    assert world.write_off(financing, [0]).code == "malformed"
    other = world.applied((world.grant(world.declaration("e")), 1_000))
    assert world.write_off(other, [1_000, 1_000]).code == "wrong-state"


@pytest.mark.parametrize(("share", "code"), [
    (100_001, "exceeds-drawn"),
    (99_999, "not-in-steps"),
    (-1, "exceeds-drawn"),
    (-60_000, "ok"),
    (-60_001, "exceeds-drawn"),
    (-59_999, "not-in-steps"),
    (40_000, "ok"),
    (40_001, "exceeds-drawn"),
])  # fmt: skip
def test_no_more_is_lost_than_is_drawn_and_no_more_comes_back_than_is_lost(share: int, code: str) -> None:
    world, _, financing = disbursed()
    if abs(share) not in (1, 99_999, 100_001):
        assert world.write_off(financing, [60_000]).code == "ok"
    assert world.write_off(financing, [share]).code == code


def test_an_odd_rest_is_written_off_and_back_whole() -> None:
    world, _, financing = disbursed(777_777, 777_777)
    assert world.write_off(financing, [777_776]).code == "not-in-steps"
    assert world.write_off(financing, [777_777]).code == "ok"
    assert world.write_off(financing, [-777_776]).code == "not-in-steps"
    assert world.write_off(financing, [-777_777]).code == "ok"
    assert owed(world, financing) == [(777_777, 0)]


def test_writing_off_leaves_what_is_available_as_it_was() -> None:
    world, declaration, financing = disbursed(600_000)
    before = queries.standing(world.entry("declaration", declaration), world.time)
    for share in (200_000, 400_000, -100_000, -500_000, 1_000):
        assert world.write_off(financing, [share]).code == "ok"
        after = queries.standing(world.entry("declaration", declaration), world.time)
        assert (after.available, after.used, after.status) == (before.available, before.used, before.status)


def test_it_is_written_off_when_nothing_is_drawn_any_more_and_back_in_its_state_when_something_is() -> None:
    world, _, financing = disbursed()
    assert world.write_off(financing, [60_000]).details["state"] == "DISBURSED"
    assert world.write_off(financing, [40_000]).details["state"] == "WRITTEN_OFF"
    assert world.write_off(financing, [-1_000]).details["state"] == "DISBURSED"
    assert world.repay(financing, [1_000]).details["state"] == "WRITTEN_OFF"
    assert world.write_off(financing, [-99_000]).details["state"] == "REPAYING"
    assert world.repay(financing, [99_000]).details["state"] == "PAID_OFF"


def test_one_record_may_write_one_line_off_and_another_back() -> None:
    world = World()
    lines = [(world.grant(world.declaration(label)), 100_000) for label in ("d", "e")]
    financing = world.approved(*lines)
    assert world.disburse(financing, [100_000, 100_000]).code == "ok"
    assert world.write_off(financing, [100_000, 0]).details["state"] == "DISBURSED"
    assert world.write_off(financing, [-50_000, 100_000]).details["state"] == "DISBURSED"
    assert owed(world, financing) == [(50_000, 50_000), (0, 100_000)]


def test_what_is_lost_stays_under_its_grant_because_it_may_come_back() -> None:
    world = World()
    grant = world.grant(world.declaration(), maximum=300_000)
    financing = world.approved((grant, 200_000))
    assert world.disburse(financing, [200_000]).code == "ok"
    assert world.write_off(financing, [200_000]).code == "ok"
    assert world.apply((grant, 101_000)).code == "exceeds-grant"
    assert world.apply((grant, 100_000)).code == "ok"
    assert world.write_off(financing, [-200_000]).code == "ok"


def test_what_is_written_off_is_repaid_from_collections_only() -> None:
    world, declaration, financing = disbursed()
    assert world.write_off(financing, [100_000]).code == "ok"
    assert queries.available(world.state, declaration, world.time) == 900_000
    assert world.collect(declaration, 100_000).code == "ok"
    collection = world.last
    assert world.repay(financing, [40_000]).code == "wrong-state"
    assert world.repay(financing, [40_000], [(collection, 40_000)]).details["state"] == "WRITTEN_OFF"
    assert world.repay(financing, [60_000], [(collection, 60_000)]).details["state"] == "PAID_OFF"


def test_a_collection_repays_what_is_drawn_before_what_is_lost() -> None:
    world, declaration, financing = disbursed()
    assert world.write_off(financing, [60_000]).code == "ok"
    assert world.collect(declaration, 100_000).code == "ok"
    assert world.repay(financing, [50_000], [(world.last, 50_000)]).details["state"] == "WRITTEN_OFF"
    assert owed(world, financing) == [(0, 50_000)]


def test_neither_a_suspension_nor_an_order_stops_it() -> None:
    world, declaration, financing = disbursed()
    world.freeze("declaration", declaration)
    world.freeze("financing", financing)
    world.stop(A, "suspended")
    assert world.write_off(financing, [100_000]).details["state"] == "WRITTEN_OFF"
