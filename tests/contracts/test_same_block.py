"""A key or a consent that ends in the block in which it is used: what stands before its end counts, what stands after it does not.

Truly signed records, through admission and execution, because which keys are alive is not the rules' own question.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.execution import Accepted, Dropped
from tests.ledger.small_ledger import key_id, private_key
from tests.traces import BANKS, RealMaker

A = BANKS[0]
SHARE = 100_000


def ready() -> tuple[RealMaker, dict[str, Any]]:
    """A network with a declaration, and a grant on it for a bank."""
    maker = RealMaker(1)
    maker.register(1)
    maker.answer(A, maker.declarations)
    return maker, maker.openings[A][0]


def application(maker: RealMaker, opening: dict[str, Any]) -> bytes:
    until = maker.author.now_ms + 86_400_000
    return maker.service(A, "financing.apply", {"lines": [{"grant": opening, "share": SHARE}], "hold_until": until, "mode": "all"})


def told(maker: RealMaker, *raws: bytes) -> list[str]:
    """What became of the records of one block."""
    found = []
    for outcome in maker.block(*raws).outcomes:
        assert isinstance(outcome, Accepted | Dropped)
        found.append(str(outcome.result["code"]) if isinstance(outcome, Accepted) else f"dropped: {outcome.code}")
    return found


@pytest.mark.parametrize("revoked_first", [True, False])
def test_a_consent_that_is_revoked_in_the_block_of_its_use(revoked_first: bool) -> None:
    maker, opening = ready()
    revoke = maker.service("authority", "consent.revoke", {"consent": opening["consent"]})
    both = [revoke, application(maker, opening)]
    if revoked_first:
        assert told(maker, *both) == ["ok", "consent-revoked"]
    else:
        apply, end = reversed(both)
        (financing, _) = maker.ids(apply, end)
        review = {"financing": financing, "shares": None}
        assert told(maker, maker.service(A, "financing.intake", review)) == ["wrong-state"]


@pytest.mark.parametrize("revoked_first", [True, False])
def test_a_key_that_is_revoked_in_the_block_of_its_use(revoked_first: bool) -> None:
    maker, opening = ready()
    (financing,) = maker.ids(application(maker, opening))
    review = {"financing": financing, "shares": None}
    assert told(maker, maker.service(A, "financing.intake", review)) == ["ok"]
    approve = maker.staff(A, "financing.approve", review)
    revoke = maker.service(A, "key.revoke", {"key": key_id(private_key(f"{A} check")), "reason": "left"})
    if revoked_first:
        assert told(maker, revoke, approve) == ["ok", "dropped: key-not-alive"]
        assert told(maker, maker.service(A, "financing.cancel", {"financing": financing, "reason": "withdrawn"})) == ["ok"]
    else:
        assert told(maker, approve, revoke) == ["ok", "ok"]
        drawn = {"financing": financing, "shares": [SHARE], "final": True}
        assert told(maker, maker.staff(A, "financing.disburse", drawn)) == ["dropped: key-not-alive"]
