from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shares import STEP, WHOLE, in_steps
from ledger.errors import InputError, Refused
from ledger.limits import AMOUNT_MINOR_MAX
from nodes.financings.amounts import (
    LoanLine,
    Use,
    amount_of_share,
    applied,
    collected_share,
    covers,
    drawn,
    exact_share,
    kept,
    repaid,
    spread,
    used_up,
)

REGISTERED = st.integers(1, AMOUNT_MINOR_MAX) | st.integers(1, 5_000)
PLUM = 3_625_000


def test_a_use_is_rounded_up_to_a_step_of_the_amount_registered() -> None:
    assert applied(1_000_000, PLUM, WHOLE).share == 276_000


def test_what_frees_is_rounded_down_and_the_last_of_it_frees_all() -> None:
    line = LoanLine(PLUM, 1_000_000, 0, 276_000, 1_000_000, 0)
    assert repaid(400_000, line).share == 110_000
    rest = replace(line, drawn=166_000, repaid_minor=400_000)
    assert repaid(600_000, rest) == repaid(None, rest)
    assert repaid(None, rest).share == 166_000


def test_a_repayment_of_less_than_a_step_frees_nothing_yet() -> None:
    assert repaid(3_624, LoanLine(PLUM, 1_000_000, 0, 276_000, 1_000_000, 0)).share == 0


def test_what_is_drawn_and_owed_to_nobody_is_freed() -> None:
    assert repaid(None, LoanLine(PLUM, 1_000_000, 0, 1_000, 1_000_000, 1_000_000)).share == 1_000


@given(REGISTERED, st.integers(0, 10 * WHOLE))
def test_all_that_is_left_is_exactly_the_share_and_never_more_money_than_it_covers(registered: int, available: int) -> None:
    use = applied(None, registered, available)
    assert use.share == (available or STEP)
    assert covers(use.share, use.amount_minor, registered)
    assert not covers(use.share, use.amount_minor + 1, registered)


@given(REGISTERED, st.integers(1, WHOLE), st.data())
def test_an_application_that_the_ledger_would_grant_is_covered_and_in_steps(registered: int, available: int, data: st.DataObject) -> None:
    use = applied(data.draw(st.integers(1, registered)), registered, available)
    if use.share <= available:
        assert covers(use.share, use.amount_minor, registered)
        assert in_steps(use.share, available)
    else:
        assert not covers(available, use.amount_minor, registered) or use.amount_minor > amount_of_share(available, registered)


@given(REGISTERED, st.integers(1, WHOLE))
def test_whoever_asks_for_the_exact_rest_in_money_gets_it(registered: int, available: int) -> None:
    rest = amount_of_share(available, registered)
    if rest > 0:
        assert applied(rest, registered, available).share <= available
        if exact_share(rest + 1, registered) <= 10 * WHOLE:
            assert applied(rest + 1, registered, available).share > available


@given(REGISTERED, st.integers(1, WHOLE), st.data())
def test_what_a_line_keeps_is_covered_and_what_it_lets_go_is_in_steps(registered: int, held: int, data: st.DataObject) -> None:
    most = amount_of_share(held, registered)
    use = kept(data.draw(st.integers(0, most) | st.none()), held, most, registered)
    assert covers(use.share, use.amount_minor, registered)
    assert in_steps(held - use.share, held)
    with pytest.raises(Refused, match="exceeds-hold"):
        kept(most + 1, held, most + 1, registered)


@pytest.mark.parametrize("amount_minor", [0, -1])
def test_an_application_for_nothing_is_refused(amount_minor: int) -> None:
    with pytest.raises(InputError, match="amount-invalid"):
        applied(amount_minor, PLUM, WHOLE)


def test_a_total_pays_the_first_lines_first_and_never_more_than_all_owe() -> None:
    assert spread(15, [10, 0, 20]) == [10, 0, 5]
    with pytest.raises(Refused, match="exceeds-drawn"):
        spread(31, [10, 0, 20])


@given(REGISTERED, st.data())
def test_a_collection_of_what_was_lent_is_enough_to_pay_it_off(registered: int, data: st.DataObject) -> None:
    lent = data.draw(st.integers(1, registered))
    assert collected_share(lent, registered) >= applied(lent, registered, WHOLE).share


@pytest.mark.parametrize("amount_minor", [0, 10 * PLUM + 1])
def test_a_collection_is_above_zero_and_within_ten_times_the_registered_amount(amount_minor: int) -> None:
    with pytest.raises(InputError, match="amount-invalid"):
        collected_share(amount_minor, PLUM)


@given(REGISTERED, st.lists(st.tuples(st.integers(0, WHOLE), st.integers(0, AMOUNT_MINOR_MAX)), min_size=1, max_size=5), st.data())
def test_collections_give_exactly_what_is_repaid_and_none_more_than_it_has(
    registered: int, cited: list[tuple[int, int]], data: st.DataObject
) -> None:
    most = sum(unused for unused, _ in cited)
    share = data.draw(st.integers(0, most))
    takes = used_up(share, cited, registered)
    assert sum(takes) == share
    assert all(0 <= take <= unused for take, (unused, _) in zip(takes, cited, strict=True))
    with pytest.raises(Refused, match="exceeds-collected"):
        used_up(most + 1, cited, registered)


@dataclass
class Loan:
    """One bank's financing in a ghost ledger: shares as the rules would keep them, money as the banks would count it."""

    line: LoanLine

    def draw(self, data: st.DataObject) -> None:
        use = drawn(data.draw(st.integers(0, self.line.undrawn_minor) | st.none()), self.line)
        assert 0 <= use.share <= self.line.held
        assert in_steps(use.share, self.line.held)
        held, lent = self.line.held - use.share, self.line.disbursed_minor + use.amount_minor
        self.line = replace(self.line, held=held, drawn=self.line.drawn + use.share, disbursed_minor=lent)

    def repay(self, data: st.DataObject) -> None:
        use = repaid(data.draw(st.integers(0, self.line.outstanding_minor) | st.none()), self.line)
        assert 0 <= use.share <= self.line.drawn
        assert in_steps(use.share, self.line.drawn)
        repaid_minor = self.line.repaid_minor + use.amount_minor
        self.line = replace(self.line, drawn=self.line.drawn - use.share, repaid_minor=repaid_minor)
        if self.line.outstanding_minor == 0:
            assert self.line.drawn == 0


@given(REGISTERED, st.integers(1_000, WHOLE), st.data())
def test_what_all_banks_lend_and_are_owed_never_exceeds_what_was_financeable(registered: int, ceiling: int, data: st.DataObject) -> None:
    loans: list[Loan] = []
    for _ in range(data.draw(st.integers(1, 15))):
        step = data.draw(st.sampled_from(["apply", "draw", "draw", "repay", "finish"]))
        if step == "apply":
            available = ceiling - sum(loan.line.held + loan.line.drawn for loan in loans)
            use = applied(data.draw(st.integers(1, registered) | st.none()), registered, available)
            if use.share <= available:
                loans.append(Loan(LoanLine(registered, use.amount_minor, use.share, 0, 0, 0)))
        elif loans:
            loan = data.draw(st.sampled_from(loans))
            if step == "draw":
                loan.draw(data)
            elif step == "repay":
                loan.repay(data)
            else:
                loan.line = replace(loan.line, held=0)
        for loan in loans:
            assert covers(loan.line.drawn, loan.line.outstanding_minor, registered)
        assert sum(loan.line.outstanding_minor for loan in loans) <= amount_of_share(ceiling, registered)
        assert sum(loan.line.held + loan.line.drawn for loan in loans) <= ceiling


def test_what_was_lent_and_repaid_in_between_does_not_stretch_the_rest_of_an_approval() -> None:
    # 3 of 4 are left of the approval, but rounding up the first tranche used what the shares that are still held would need for them.
    line = LoanLine(registered_minor=1_000, approved_minor=4, held=2_000, drawn=0, disbursed_minor=1, repaid_minor=1)
    assert drawn(None, line) == Use(2_000, 2)
    with pytest.raises(Refused, match="exceeds-hold"):
        drawn(3, line)


def test_the_last_tranche_takes_exactly_what_is_held() -> None:
    line = LoanLine(registered_minor=PLUM, approved_minor=1_000_000, held=277_500, drawn=0, disbursed_minor=0, repaid_minor=0)
    assert drawn(None, line) == drawn(1_000_000, line) == Use(277_500, 1_000_000)
    assert drawn(400_000, line) == Use(111_000, 400_000)
