"""Two members ask for one thing at the same time, each at a node of its own: one gets it, the other is told so, and nobody asks twice."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import DEEP
from tests.ledger.comet.ring import WAIT_S, ring
from tests.ledger.small_ledger import ANNE, BOB, code_of

RACES = 1_000 if DEEP else 100
AT_ONCE = 20


def test_of_two_who_race_for_one_key_exactly_one_has_it(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        won = {ANNE: 0, BOB: 0}
        for start in range(0, RACES, AT_ONCE):
            racing = []
            for number in range(start, start + AT_ONCE):
                # Now the one is first at its node, now the other.
                order = [(0, ANNE), (1, BOB)][:: 1 if number % 2 else -1]
                racing.append([(by, made.engines[place].submit(made.author.put(f"race-{number}", by))) for place, by in order])
            for pair in racing:
                codes = {by: code_of(future.exception(WAIT_S) or future.result()) for by, future in pair}
                assert sorted(codes.values()) == ["ok", "taken"]
                won[next(by for by, code in codes.items() if code == "ok")] += 1
        assert min(won.values()) > 0, "nobody raced"
        made.agree(0, 1, 2, 3)
