from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from contracts.shares import RATIO_ONE, carried, share_of_amount
from ledger.limits import AMOUNT_MINOR_MAX
from nodes.financings.amounts import LoanLine, covers, repaid
from nodes.financings.carried import Base, carried_base

AMOUNTS = st.integers(1_000, AMOUNT_MINOR_MAX)
TWELFTHS = st.lists(st.integers(0, 12), max_size=8)


def ratio_of(old: int, new: int) -> int:
    return -(-old * RATIO_ONE // new)


@given(st.lists(AMOUNTS, min_size=2, max_size=5))
def test_a_successors_amount_is_within_the_bounds_that_the_ratios_give(registered: list[int]) -> None:
    base = Base(registered[0], registered[0])
    for old, new in itertools.pairwise(registered):
        base = carried_base(base, ratio_of(old, new))
        assert base.least_minor <= new <= base.most_minor


@given(AMOUNTS, AMOUNTS, st.integers(1, 1_000), TWELFTHS)
def test_what_is_repaid_on_a_carried_line_never_frees_more_than_was_paid_back(
    old: int, new: int, thousandths: int, steps: list[int]
) -> None:
    amount = max(1, old * thousandths // 1_000)
    ratio = ratio_of(old, new)
    base = carried_base(Base(old, old), ratio)
    drawn = carried(share_of_amount(amount, old), ratio)
    line = LoanLine(base.least_minor, amount, 0, drawn, amount, 0, registered_most_minor=base.most_minor)
    for twelfths in steps:
        use = repaid(line.outstanding_minor * twelfths // 12, line)
        line = replace(line, drawn=line.drawn - use.share, repaid_minor=line.repaid_minor + use.amount_minor)
        assert line.drawn >= 0
        assert covers(line.drawn, line.outstanding_minor, new), "by the true amount, which the bank need not know"
    assert line.drawn - repaid(None, line).share == 0
