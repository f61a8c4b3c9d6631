from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shares import STEP, in_steps, share_of_amount
from ledger.errors import Refused
from ledger.limits import AMOUNT_MINOR_MAX
from nodes.financings.adjusted_amounts import corrected, taken_back, written_off
from nodes.financings.amounts import LoanLine, Use, covers, recovered, repaid

STEPS = st.lists(st.tuples(st.sampled_from(["repay", "recover", "lose", "back", "up", "down"]), st.integers(0, 12)), max_size=12)


def lent(registered_minor: int, amount_minor: int) -> LoanLine:
    return LoanLine(registered_minor, amount_minor, 0, share_of_amount(amount_minor, registered_minor), amount_minor, 0)


def after(line: LoanLine, what: str, twelfths: int) -> LoanLine:
    """The line after a step of so many twelfths of what there is: all of it at twelve."""
    owed, lost = line.outstanding_minor, line.lost_minor
    if what in ("repay", "recover"):
        pool = owed or (lost if what == "recover" else 0)
        use = (repaid if what == "repay" else recovered)(pool * twelfths // 12, line)
        from_drawn = min(use.share, line.drawn)
        assert in_steps(use.share, line.drawn + (line.lost if what == "recover" else 0)) or use.share == line.drawn
        back = max(0, use.amount_minor - owed)
        line = replace(line, drawn=line.drawn - from_drawn, lost=line.lost - (use.share - from_drawn), lost_minor=lost - back)
        return replace(line, repaid_minor=line.repaid_minor + use.amount_minor)
    if what == "lose":
        use = written_off(owed * twelfths // 12, line)
        assert in_steps(use.share, line.drawn)
        return moved(line, use, 1) if use.share else line
    if what == "back":
        use = taken_back(lost * twelfths // 12, line)
        assert in_steps(use.share, line.lost)
        return moved(line, use, -1) if use.share else line
    use = corrected(owed * twelfths // 12 * (1 if what == "up" else -1), line, 0)
    assert in_steps(abs(use.share), line.drawn)
    return replace(line, drawn=line.drawn + use.share, adjusted_minor=line.adjusted_minor + use.amount_minor) if use.share else line


def moved(line: LoanLine, use: Use, sign: int) -> LoanLine:
    line = replace(line, drawn=line.drawn - sign * use.share, lost=line.lost + sign * use.share)
    return replace(line, lost_minor=line.lost_minor + sign * use.amount_minor)


@given(st.integers(1_000, AMOUNT_MINOR_MAX), st.integers(1, 1_000), STEPS)
def test_shares_cover_what_is_owed_and_lost_whatever_is_repaid_given_up_taken_back_and_corrected(
    registered: int, thousandths: int, steps: list[tuple[str, int]]
) -> None:
    line = lent(registered, max(1, registered * thousandths // 1_000))
    for what, twelfths in steps:
        line = after(line, what, twelfths)
        assert line.drawn >= 0
        assert line.lost >= 0
        assert covers(line.drawn, line.outstanding_minor, registered)
        assert covers(line.drawn + line.lost, line.outstanding_minor + line.lost_minor, registered)


def test_all_that_is_outstanding_is_given_up_with_all_that_is_drawn() -> None:
    line = lent(3_625_000, 1_000_000)
    assert written_off(None, line) == Use(line.drawn, 1_000_000)
    gone = replace(line, drawn=0, lost=line.drawn, lost_minor=1_000_000)
    assert taken_back(None, gone) == Use(line.drawn, 1_000_000)


def test_more_than_there_is_is_refused() -> None:
    line = lent(3_625_000, 1_000_000)
    with pytest.raises(Refused, match="exceeds-drawn"):
        written_off(1_000_001, line)
    with pytest.raises(Refused, match="exceeds-drawn"):
        taken_back(1, line)
    with pytest.raises(Refused, match="exceeds-drawn"):
        corrected(-1_000_001, line, 0)


def test_the_last_repayment_leaves_drawn_what_a_loss_beside_it_needs() -> None:
    line = replace(lent(3_625_000, 1_000_000), lost=1_000, lost_minor=4_000, repaid_minor=1_000)
    left = line.drawn - repaid(None, line).share
    assert covers(left + line.lost, line.lost_minor, line.registered_minor)
    assert left == STEP
