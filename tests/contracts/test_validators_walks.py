"""Walks on which governors do little but change the validators: handlers and model agree, and no set runs away from one before it."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pytest

from tests.contracts.harness import AUTHORITY, DAY
from tests.contracts.model.validators import Powers
from tests.contracts.pairing import Pair
from tests.contracts.walks import fresh_pair

ACTIONS = {Pair.seat: 6, Pair.keys: 2, Pair.suspend: 2, Pair.succeed: 1, Pair.wait: 5}
WALKS, STEPS = range(60), 80
EVERY = {"ok", "power-change-too-large", "wrong-state", "malformed", "unknown-key", "unknown-member", "already-revoked"}


def governed(seed: int) -> Pair:
    """A walk in a network that the authority governs alone, so that a change takes effect without another's approval."""
    source, pair = random.Random(seed), fresh_pair()
    pair.world.state.put("governors", [{"member": AUTHORITY, "weight": 1}])
    pair.model.governors = {AUTHORITY: 1}
    pair.model.policy.update(governance_delay_hours=6 + seed % 2 * 12, power_change_third_days=1 + seed % 3)
    pair.world.state.put("policy", pair.model.policy)
    for action in source.choices(list(ACTIONS), list(ACTIONS.values()), k=STEPS):
        action(pair, source.choice)
        if source.random() < 0.7:
            pair.close()
    pair.close()
    return pair


@pytest.fixture(scope="module")
def walked() -> list[Pair]:
    return [governed(seed) for seed in WALKS]


def test_walks_come_to_every_refusal_and_change_sets_often(walked: list[Pair]) -> None:
    codes: Counter[str] = Counter()
    for pair in walked:
        codes.update({code: count for (kind, code), count in pair.codes.items() if kind == "governance.propose"})
    assert set(codes) == EVERY
    assert sum(len(pair.model.sets) for pair in walked) > 2 * len(walked)
    assert sum(it["state"] == "FAILED" for pair in walked for it in pair.model.proposals.values()) > len(walked) // 10


def follows(trusted: Powers, newest: Powers) -> bool:
    """Whether whoever trusts one set may skip to the other (trust level 1/3): what is gone of it could not sign for a third, and any keys
    with more than two thirds of the newest set have more than a third of the trusted one.
    """
    left = sum(max(0, power - newest.get(key, 0)) for key, power in trusted.items())
    keys = list(newest)
    quorums = (chosen for size in range(1, len(keys) + 1) for chosen in combinations(keys, size))
    return 3 * left < sum(trusted.values()) and all(
        3 * sum(trusted.get(key, 0) for key in chosen) > sum(trusted.values())
        for chosen in quorums
        if 3 * sum(newest[key] for key in chosen) > 2 * sum(newest.values())
    )


def test_whoever_trusts_a_set_no_older_than_the_days_may_skip_to_any_later_one(walked: list[Pair]) -> None:
    compared = 0
    for pair in walked:
        span_ms = pair.model.policy["power_change_third_days"] * DAY
        sets = pair.model.sets
        for place, (_, trusted) in enumerate(sets[:-1]):
            replaced_at = sets[place + 1][0]
            for since, newest in sets[place + 1 :]:
                # Trusted until it was replaced: that is `span_ms` after the last time that it was in force.
                if since < replaced_at + span_ms:
                    compared += 1
                    assert follows(trusted, newest), (trusted, newest)
    assert compared > len(walked)


def test_two_sets_that_lie_too_far_apart_do_not_follow_each_other() -> None:
    four = dict.fromkeys("abcd", 10)
    assert follows(four, {**four, "e": 10})
    assert follows(four, {key: power for key, power in four.items() if key != "a"})
    assert not follows(four, {"c": 10, "d": 10, "e": 10, "f": 10})
    assert not follows({"a": 10, "b": 10, "c": 10}, {"a": 10, "b": 10})
