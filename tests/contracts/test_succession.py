"""Members that are suspended, reinstated and succeeded, and what each may still do."""

from __future__ import annotations

import pytest

from ledger.keys import key_id
from tests.contracts.harness import AUTHORITY, REGISTRAR, A, B, C, World, key, name, once, one, public, two


def suspension(member: str = A) -> dict[str, str]:
    return {"member": member, "reason": "investigation"}


def test_the_authority_suspends_and_reinstates_a_member() -> None:
    world = World()
    world.ok("member.suspend", suspension(), one(AUTHORITY))
    assert world.entry("member", A)["status"] == "suspended"
    assert world.run("enquiry.request", {"kind": "credit"}, one(A)).code == "suspended"
    assert world.reinstate(A).code == "ok"
    assert world.run("enquiry.request", {"kind": "credit"}, one(A)).code == "ok"


@pytest.mark.parametrize("kind", ["member.suspend", "member.reinstate"])
def test_guards_of_a_suspension_come_in_their_order(kind: str) -> None:
    world = World()

    def body(member: str) -> dict[str, str]:
        return suspension(member) if kind == "member.suspend" else {"member": member}

    if kind == "member.suspend":
        world.stop(B, "suspended")
    assert world.run(kind, body("nobody"), one(C)).code == "unknown-member"
    assert world.run(kind, body(B), one(C)).code == "not-permitted"
    assert world.run(kind, body(B), one(REGISTRAR)).code == "not-permitted"
    assert world.run(kind, body(B), one(AUTHORITY)).code == "wrong-state"


def test_an_authority_is_never_suspended() -> None:
    assert World().run("member.suspend", suspension(AUTHORITY), one(AUTHORITY)).code == "not-permitted"


def test_guards_of_a_succession_come_in_their_order() -> None:
    world = World()
    assert world.succeed("nobody", B).code == "unknown-member"
    assert world.succeed(A, "nobody").code == "unknown-member"
    assert world.run("member.succeed", {"member": A, "heir": A}, one(B)).code == "not-permitted"
    for member, heir in (("auditor", A), (A, "auditor"), (A, AUTHORITY), (REGISTRAR, REGISTRAR)):
        assert world.succeed(member, heir).code == "not-permitted"
    world.stop(A, "suspended")
    assert world.succeed(A, A).code == "malformed"
    assert world.succeed(B, A).code == "suspended"
    assert world.succeed(A, B).code == "ok"
    assert world.succeed(A, C).code == "wrong-state"
    assert world.succeed(B, A).code == "suspended"
    assert world.run("member.suspend", suspension(A), one(AUTHORITY)).code == "wrong-state"
    assert world.reinstate(A).code == "wrong-state"


def test_an_estate_is_handed_by_the_authority_to_who_acts_for_the_member_now_as_often_as_it_takes() -> None:
    world = World()

    def estate(member: str, heir: str, by: str = AUTHORITY) -> str:
        return world.run("member.estate", {"member": member, "heir": heir}, one(by)).code

    assert estate("nobody", B) == "unknown-member"
    assert estate(A, "nobody") == "unknown-member"
    assert estate(A, B, B) == "not-permitted"
    assert [estate(A, heir) for heir in (A, B)] == ["wrong-state", "wrong-state"]
    assert world.succeed(A, B).code == "ok"
    before = dict(world.state.changes)
    assert [estate(A, heir) for heir in (B, B, A, C)] == ["ok", "ok", "wrong-state", "wrong-state"]
    assert estate(B, B) == "wrong-state"
    assert dict(world.state.changes) == before
    assert world.succeed(B, C).code == "ok"
    assert [estate(member, heir) for member in (A, B) for heir in (B, C)] == ["wrong-state", "ok", "wrong-state", "ok"]


def test_an_heir_lends_on_in_the_place_of_its_predecessors() -> None:
    world = World()
    declaration = world.declaration()
    financing = world.approved((world.grant(declaration), 100_000))
    assert world.disburse(financing, [100_000]).code == "ok"
    assert world.succeed(A, B).code == "ok"
    assert world.repay(financing, [10_000]).code == "not-permitted"
    assert world.repay(financing, [10_000], bank=B).code == "ok"
    assert world.succeed(B, C).code == "ok"
    assert world.repay(financing, [10_000], bank=B).code == "not-permitted"
    assert world.repay(financing, [10_000], bank=C).code == "ok"
    for former in (A, B):
        assert world.collect(declaration, 1_000, former).code == "not-permitted"
    assert world.collect(declaration, 1_000, C).code == "ok"


def test_a_predecessor_may_only_revoke_its_keys() -> None:
    world = World()
    grant, consent = world.grant(world.declaration()), world.consent()
    added = key(95)
    world.ok("key.add", {"member": A, "key": added}, two(A))
    assert world.succeed(A, B).code == "ok"
    assert world.apply((grant, 1_000)).code == "suspended"
    assert world.run("enquiry.request", {"kind": "credit"}, one(A)).code == "suspended"
    assert world.run("dispute.open", {"record": name("r")}, one(A)).code == "not-permitted"
    assert world.run("consent.revoke", {"consent": consent}, once(consent, A)).code == "not-permitted"
    for signers in (two(A), two(AUTHORITY)):
        assert world.run("key.add", {"member": A, "key": key(96)}, signers).code == "not-permitted"
    revocation = {"key": key_id("p256", bytes.fromhex(public(95))), "reason": "left"}
    assert world.run("key.revoke", revocation, one(B)).code == "not-permitted"
    assert world.run("key.revoke", revocation, one(A)).code == "ok"


def test_unused_grants_of_a_predecessor_open_for_nobody() -> None:
    world = World()
    grant = world.grant(world.declaration())
    assert world.succeed(A, B).code == "ok"
    body = {"lines": [{"grant": grant.opening, "share": 1_000}], "hold_until": world.time + 1_000, "mode": "all"}
    assert world.run("financing.apply", body, one(B)).code == "grant-unknown"
