"""What a hostile reading of the rules found: attempts to lend twice, to draw what was never approved, and to spend what others hold."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import ValidationError

from contracts import entries
from contracts.models import KeyAdd
from ledger.rules import State
from tests.contracts.harness import DAY, World

A_SHARE, B_SHARE = 300_000, 200_000


def two_consents(world: World) -> tuple[str, str]:
    """A financing on two declarations, each under a consent of its own, and the first consent."""
    first = world.consent()
    one, other = world.grant(world.declaration("d1"), consent=first), world.grant(world.declaration("d2"))
    return world.applied((one, A_SHARE), (other, B_SHARE)), first


def test_a_line_whose_consent_was_revoked_before_the_approval_is_never_drawn_late() -> None:
    world = World()
    financing, first = two_consents(world)
    assert world.revoke(first).code == "ok"
    assert world.intake(financing).code == "ok"
    assert world.approve(financing).code == "ok"
    assert [line["was"] for line in world.entry("financing", financing)["lines"]] == [0, B_SHARE]
    assert world.cancel(financing).code == "ok"
    assert world.disburse(financing, [A_SHARE, B_SHARE], authority=True).code == "exceeds-hold"
    assert world.disburse(financing, [0, B_SHARE], authority=True).code == "ok"


def test_a_line_whose_consent_was_revoked_in_review_is_never_drawn_late() -> None:
    world = World()
    financing, first = two_consents(world)
    assert world.intake(financing).code == "ok"
    assert world.revoke(first).code == "ok"
    assert world.approve(financing).code == "ok"
    assert world.cancel(financing).code == "ok"
    assert world.disburse(financing, [1_000, 0], authority=True).code == "exceeds-hold"


def test_what_was_drawn_and_repaid_before_a_cancellation_is_not_drawn_late_again() -> None:
    world = World()
    grant = world.grant(world.declaration())
    financing = world.applied((grant, 100_000))
    assert world.intake(financing).code == "ok"
    assert world.approve(financing).code == "ok"
    assert world.disburse(financing, [40_000], final=False).code == "ok"
    assert world.repay(financing, [40_000]).code == "ok"
    assert world.cancel(financing).code == "ok"
    assert world.disburse(financing, [100_000], authority=True).code == "exceeds-hold"
    assert world.disburse(financing, [60_000], authority=True).code == "ok"


def test_a_declaration_twice_in_one_application_holds_once() -> None:
    world = World()
    declaration = world.declaration()
    one, other = world.grant(declaration), world.grant(declaration)
    for lines in (((one, 100_000), (other, 100_000)), ((one, 100_000), (one, 100_000))):
        assert world.apply(*lines).code == "too-many-holds"
        assert world.entry("declaration", declaration)["holds"] == []
    result = world.apply((one, 100_000), (other, 100_000), mode="partial")
    assert [line["code"] for line in result.details["lines"]] == ["ok", "too-many-holds"]
    assert [hold["share"] for hold in world.entry("declaration", declaration)["holds"]] == [100_000]


def test_at_the_very_end_of_a_hold_its_share_is_free_and_it_can_do_nothing_more() -> None:
    world = World()
    declaration = world.declaration()
    mine, theirs = world.grant(declaration), world.grant(declaration, "bank-b")
    financing = world.applied((mine, 1_000_000))
    assert world.intake(financing).code == "ok"
    world.time += DAY - 1
    assert world.apply((theirs, 1_000_000)).code == "exhausted"
    world.time += 1
    assert world.apply((theirs, 1_000_000)).code == "ok"
    assert world.approve(financing).code == "hold-expired"
    assert world.cancel(financing).code == "wrong-state"
    assert world.revoke(mine.opening["consent"]).code == "ok"
    assert [hold["bank"] for hold in world.entry("declaration", declaration)["holds"]] == ["bank-b"]


def test_grants_used_together_before_are_weighed_with_one_reading_of_what_they_were_used_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    grants = [world.grant(world.declaration(f"d{n}")) for n in range(8)]
    for _ in range(3):
        assert world.cancel(world.applied(*[(grant, 1_000) for grant in grants])).code == "ok"
    read: list[str] = []
    reading = entries.financing

    def counted(state: State, financing_id: str) -> entries.Financing | None:
        read.append(financing_id)
        return reading(state, financing_id)

    monkeypatch.setattr(entries, "financing", counted)
    assert world.apply(*[(grant, 1_000) for grant in grants]).code == "ok"
    assert len(read) == len(set(read)) <= 4


_P = 2**255 - 19
_ORDER_EIGHT = (
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)


@pytest.mark.parametrize("point", [0, 1, *_ORDER_EIGHT, _P - 1, _P, _P + 1, _P + 2**255, 2**255])
def test_a_sealing_key_that_nothing_can_be_sealed_to_is_not_registered(point: int) -> None:
    public = point.to_bytes(32, "little")
    with pytest.raises(ValueError, match="shared key"):
        X25519PrivateKey.from_private_bytes(bytes(range(32))).exchange(X25519PublicKey.from_public_bytes(public))
    with pytest.raises(ValidationError, match="nothing can be sealed"):
        KeyAdd.model_validate({"member": "bank-a", "key": {"alg": "x25519", "public": public.hex(), "purpose": "seal", "person": None}})
