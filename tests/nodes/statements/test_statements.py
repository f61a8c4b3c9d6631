from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal

import pytest

from ledger.errors import InputError
from nodes.financings.apply import ApplicationLine
from nodes.financings.steps import CollectionUse, Pledge
from nodes.money import Money
from nodes.statements.financings import HEADERS, TOTALS, Stated, financing_statement, totals
from nodes.statements.period import Period, month, period
from tests.nodes.lending import DAY, Desk, Lending, lending, usd

OCTOBER, NOVEMBER, DECEMBER = (month(f"2026-{number}") for number in (10, 11, 12))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("statements") / "net") as network:
        yield network


def lent(market: Lending, desk: Desk, amount: Money, branch: str, disbursed_on: str) -> tuple[str, str]:
    """A loan on a declaration of its own: both ids."""
    declaration = market.granted(usd("50000.00"), desk)
    line = ApplicationLine(declaration, amount)
    outcome = desk.financings.apply(desk.maker, [line], product="packing", branch=branch, reference="R")
    assert outcome.id is not None
    desk.financings.intake(desk.maker, outcome.id)
    desk.sign(desk.financings.approve(desk.maker, outcome.id, Pledge("a", "1", DAY)).id)
    task = desk.financings.disburse(desk.maker, outcome.id, disbursed_on=disbursed_on, matures_on="2027-06-30", reference="")
    desk.sign(task.id)
    return outcome.id, declaration


def repaid(desk: Desk, financing: str, amount: Money, paid_on: str) -> None:
    task = desk.financings.repay(desk.maker, financing, [amount], source="own-funds", paid_on=paid_on, reference="")
    desk.sign(task.id)


@pytest.fixture(scope="module")
def played(market: Lending) -> dict[str, str]:
    """Two branches lend in October and November, and one loan is repaid in part."""
    first, _ = lent(market, market.a, usd("20000.00"), "Dalian", "2026-10-20")
    second, _ = lent(market, market.a, usd("10000.00"), "Shenyang", "2026-11-02")
    repaid(market.a, first, usd("5000.00"), "2026-11-10")
    repaid(market.a, second, usd("10000.00"), "2026-12-01")
    market.a.node.reader.catch_up()
    return {"first": first, "second": second}


def amounts(market: Lending, span: Period, branch: str | None = None) -> list[tuple[str, tuple[int, ...]]]:
    return [(row.financing.branch, row.amounts_minor) for row in financing_statement(market.a.node, span, branch=branch)]


def test_a_month_opens_with_what_the_one_before_closed_with(market: Lending, played: dict[str, str]) -> None:
    assert amounts(market, OCTOBER) == [("Dalian", (0, 2_000_000, 0, 0, 2_000_000))]
    november = [("Dalian", (2_000_000, 0, 500_000, 0, 1_500_000)), ("Shenyang", (0, 1_000_000, 0, 0, 1_000_000))]
    assert amounts(market, NOVEMBER) == november
    assert amounts(market, DECEMBER, "Shenyang") == [("Shenyang", (1_000_000, 0, 1_000_000, 0, 0))]
    assert amounts(market, month("2027-01")) == [("Dalian", (1_500_000, 0, 0, 0, 1_500_000))]
    assert amounts(market, month("2026-09")) == []


def test_a_row_says_of_its_financing_what_the_financing_says_itself(market: Lending, played: dict[str, str]) -> None:
    found = {row.financing.id: row.financing for row in financing_statement(market.a.node, NOVEMBER)}
    assert (found[played["first"]].state, found[played["second"]].state) == ("REPAYING", "PAID_OFF")
    for financing_id, stated in found.items():
        whole = market.a.financings.get(financing_id)
        assert stated == Stated(**{field.name: getattr(whole, field.name) for field in fields(Stated)})


def test_totals_are_by_branch_and_currency(market: Lending, played: dict[str, str]) -> None:
    rows = financing_statement(market.a.node, NOVEMBER)
    found = [dict(zip(TOTALS, cells, strict=True)) for cells in totals(rows)]
    assert [(each["branch"], each["financings"], each["closing"]) for each in found] == [
        ("Dalian", 1, Decimal("15000.00")),
        ("Shenyang", 1, Decimal("10000.00")),
    ]
    assert len(rows[0].cells()) == len(HEADERS)


def test_another_bank_has_none_of_it(market: Lending, played: dict[str, str]) -> None:
    assert financing_statement(market.b.node, NOVEMBER) == []


def test_a_collection_and_the_repayment_from_it_stand_in_their_month(market: Lending) -> None:
    desk = market.a
    financing, declaration = lent(market, desk, usd("30000.00"), "Dalian", "2026-10-05")
    task = desk.financings.collections.record(desk.maker, declaration, usd("12000.00"), "2026-11-20", "C-1")
    collection = desk.sign(task.id).record_id
    uses = [CollectionUse(collection, usd("12000.00"))]
    task = desk.financings.repay(
        desk.maker, financing, [usd("12000.00")], source="collections", paid_on="2026-11-21", reference="", collections=uses
    )
    desk.sign(task.id)
    desk.node.reader.catch_up()
    row = next(row for row in financing_statement(desk.node, NOVEMBER) if row.financing.id == financing)
    assert row.amounts_minor == (3_000_000, 0, 1_200_000, 0, 1_800_000)


@pytest.mark.parametrize(
    ("first", "last"), [("2026-11-02", "2026-11-01"), ("2026-02-30", "2026-03-01"), ("2025-01-01", "2026-11-01"), ("", "2026-01-01")]
)
def test_a_period_that_is_none_is_refused(first: str, last: str) -> None:
    with pytest.raises(InputError, match="bad-period"):
        period(first, last)


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "0000-01", "202611", "2026-1"])
def test_a_month_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="bad-period"):
        month(text)


def test_a_month_has_its_own_last_day() -> None:
    assert (month("2028-02").last, month("2026-02").last) == ("2028-02-29", "2026-02-28")
