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

WEIGHTS: dict[Callable[[Pair, Choose], None], int] = {
    Pair.apply: 6,
    Pair.race: 3,
    Pair.intake: 4,
    Pair.approve: 4,
    Pair.onward: 5,
    Pair.disburse: 5,
    Pair.onward_to_loan: 3,
    Pair.repay: 5,
    Pair.brief: 2,
    Pair.stop_and_lend: 2,
    Pair.cancel: 2,
    Pair.collect: 3,
    Pair.write_off: 3,
    Pair.correct: 3,
    Pair.transfer: 2,
    Pair.take_over: 2,
    Pair.refinance: 2,
    Pair.load: 2,
    Pair.newcomer: 1,
    Pair.amend: 3,
    Pair.register: 1,
    Pair.replace: 2,
    Pair.void: 2,
    Pair.merge: 2,
    Pair.revoke: 2,
    Pair.suspend: 2,
    Pair.succeed: 1,
    Pair.freeze: 2,
    Pair.dispute: 1,
    Pair.govern: 4,
    Pair.keys: 1,
    Pair.wait: 5,
    Pair.another_grant: 3,
}


@cache
def _first_pair() -> Pair:
    return Pair()


def fresh_pair() -> Pair:
    """A network where nothing happened yet but that members joined."""
    return deepcopy(_first_pair())


def walk(pair: Pair, seed: int, steps: int) -> Pair:
    """Takes so many actions, some in one block and some in blocks of their own, and compares everything after each block."""
    source = random.Random(seed)
    for action in source.choices(list(WEIGHTS), list(WEIGHTS.values()), k=steps):
        action(pair, source.choice)
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
