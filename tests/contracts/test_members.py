"""Members and their keys."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.models import Key
from ledger import keyring
from ledger.keys import key_id
from tests.contracts.harness import AUTHORITY, A, B, World, key, one, public, signer, two


def admission(member: str = "bank-d", **changes: Any) -> dict[str, Any]:
    return {"member": member, "role": "bank", "region": "370200", "name": "Bank D", "keys": [key(90)], **changes}


def test_the_authority_admits_a_member_with_its_keys() -> None:
    world = World()
    world.ok("member.admit", admission(), one(AUTHORITY))
    assert world.entry("member", "bank-d")["status"] == "active"
    assert world.entry("key", key_id("p256", bytes.fromhex(public(90))))["member"] == "bank-d"


@pytest.mark.parametrize("actor", [A, "auditor", "customs", None, "stranger"])
def test_nobody_else_admits_or_enrols(actor: str | None) -> None:
    world = World()
    assert world.run("member.admit", admission(), (signer(actor),)).code == "not-permitted"
    assert world.run("enterprise.enrol", {}, (signer(actor),)).code == "not-permitted"


def test_a_name_or_a_key_is_taken_once() -> None:
    world = World()
    world.ok("member.admit", admission(), one(AUTHORITY))
    assert world.run("member.admit", admission(keys=[key(91)]), one(AUTHORITY)).code == "already-registered"
    assert world.run("member.admit", admission("bank-e"), one(AUTHORITY)).code == "already-registered"
    assert world.state.get("member/bank-e") is None


def test_an_enrolment_leaves_no_public_entry() -> None:
    world = World()
    before = list(world.state.scan(""))
    world.ok("enterprise.enrol", {}, one(AUTHORITY))
    assert list(world.state.scan("")) == before


@pytest.mark.parametrize("actor", [A, AUTHORITY])
def test_two_people_of_the_member_or_of_the_authority_add_a_key(actor: str) -> None:
    world = World()
    world.ok("key.add", {"member": A, "key": key(95, "make", "zhao")}, two(actor))
    entry = world.entry("key", key_id("p256", bytes.fromhex(public(95))))
    assert (entry["member"], entry["purpose"], entry["person"]) == (A, "make", "zhao")


def test_adding_a_key_is_guarded() -> None:
    world = World()
    body = {"member": A, "key": key(95)}
    assert world.run("key.add", {**body, "member": "nobody"}, two(A)).code == "unknown-member"
    assert world.run("key.add", body, two(B)).code == "not-permitted"
    assert world.run("key.add", body, one(A)).code == "second-signature-missing"
    same = (signer(A, "make", "li"), signer(A, "check", "li"))
    assert world.run("key.add", body, same).code == "same-person"
    world.ok("key.add", body, two(A))
    assert world.run("key.add", body, two(A)).code == "already-registered"


@pytest.mark.parametrize("actor", [A, AUTHORITY])
def test_its_member_or_the_authority_revokes_a_key_once(actor: str) -> None:
    world = World()
    world.ok("key.add", {"member": A, "key": key(95)}, two(A))
    identity = key_id("p256", bytes.fromhex(public(95)))
    body = {"key": identity, "reason": "left"}
    assert world.run("key.revoke", body, one(B)).code == "not-permitted"
    world.ok("key.revoke", body, one(actor))
    entry = world.entry("key", identity)
    assert keyring.alive(entry, world.serial - 1)
    assert not keyring.alive(entry, world.serial)
    assert world.run("key.revoke", body, one(actor)).code == "already-revoked"


def test_a_one_time_key_or_none_at_all_is_unknown() -> None:
    world = World()
    consent = world.consent()
    for identity in (world.entry("consent", consent)["key"], "0" * 64):
        assert world.run("key.revoke", {"key": identity, "reason": "left"}, one(AUTHORITY)).code == "unknown-key"


@pytest.mark.parametrize("changes", [
    {"purpose": "make"},
    {"purpose": "service", "person": "li"},
    {"purpose": "seal"},
    {"purpose": "once"},
    {"alg": "x25519"},
    {"public": "02" + "00" * 31},
    {"public": "05" + "11" * 32},
    {"public": public(1).upper()},
    {"more": 1},
])  # fmt: skip
def test_a_key_that_does_not_fit_its_purpose_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Key.model_validate({**key(1), **changes}, strict=True)
