"""Long seeded walks: which actions there are, how often each is taken, and a walk of many of them.

`python -m tests.contracts.walks 500` takes so many and prints how often each code was given and each transition made.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from functools import cache

from tests.contracts.pairing import Choose, Pair

WEIGHTS = {
    "apply": 6,
    "race": 3,
    "intake": 4,
    "approve": 4,
    "onward": 5,
    "disburse": 5,
    "onward_to_loan": 3,
    "repay": 5,
    "cancel": 2,
    "collect": 3,
    "write_off": 3,
    "correct": 3,
    "transfer": 2,
    "take_over": 2,
    "refinance": 2,
    "load": 2,
    "newcomer": 1,
    "amend": 3,
    "register": 1,
    "replace": 2,
    "void": 2,
    "revoke": 2,
    "suspend": 2,
    "succeed": 1,
    "freeze": 2,
    "dispute": 1,
    "govern": 2,
    "wait": 5,
    "another_grant": 3,
}


@cache
def _first_pair() -> Pair:
    return Pair()


def fresh_pair() -> Pair:
    """A network where nothing happened yet but that members joined."""
    return deepcopy(_first_pair())


def action(pair: Pair, name: str) -> Callable[[Choose], None]:
    """The action of that name."""
    taken: Callable[[Choose], None] = getattr(pair, name)
    return taken


def walk(pair: Pair, seed: int, steps: int) -> Pair:
    """Takes so many actions, some in one block and some in blocks of their own, and compares everything after each block."""
    source = random.Random(seed)
    for name in source.choices(list(WEIGHTS), list(WEIGHTS.values()), k=steps):
        action(pair, name)(source.choice)
        if source.random() < 0.5:
            pair.close()
    pair.close()
    return pair


def counts(seeds: range, steps: int) -> tuple[Counter[str], Counter[tuple[str, str, str]]]:
    """How often walks gave each code, and made each transition."""
    codes: Counter[str] = Counter()
    moves: Counter[tuple[str, str, str]] = Counter()
    for seed in seeds:
        walked = walk(fresh_pair(), seed, steps)
        for (_, code), count in walked.codes.items():
            codes[code] += count
        moves += walked.moves
    return codes, moves


if __name__ == "__main__":
    codes_given, moves_made = counts(range(int(sys.argv[1])), 100)
    sys.stdout.writelines(f"{count:8} {code}\n" for code, count in sorted(codes_given.items()))
    sys.stdout.writelines(f"{count:8} {' '.join(move)}\n" for move, count in sorted(moves_made.items()))
