from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.errors import InputError, Refused
from nodes.financings.apply import ApplicationLine
from nodes.financings.steps import CollectionUse, Pledge
from nodes.money import Money
from tests.nodes.lending import DAY, LATER, Desk, Lending, lending, usd

REGISTERED = usd("36250.00")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    with lending(tmp_path_factory.mktemp("market") / "net") as network:
        yield network


def lent(desk: Desk, declaration: str, amount: Money) -> str:
    outcome = desk.financings.apply(desk.maker, [ApplicationLine(declaration, amount)], product="", reference="")
    assert outcome.id is not None, outcome
    desk.financings.intake(desk.maker, outcome.id)
    desk.sign(desk.financings.approve(desk.maker, outcome.id, Pledge("a", "1", DAY)).id)
    desk.sign(desk.financings.disburse(desk.maker, outcome.id, disbursed_on=DAY, matures_on=LATER, reference="").id)
    return outcome.id


def collected(desk: Desk, declaration: str, amount: Money) -> str:
    return desk.sign(desk.financings.collections.record(desk.maker, declaration, amount, LATER, "C").id).record_id


def repay(desk: Desk, financing: str, amount: Money, *uses: CollectionUse) -> None:
    task = desk.financings.repay(desk.maker, financing, [amount], source="collections", paid_on=LATER, reference="", collections=uses)
    desk.sign(task.id)


def available(desk: Desk, financing: str) -> Money | None:
    return desk.financings.get(financing).lines[0].available


def test_a_collection_that_one_lender_records_lowers_what_both_may_finance(market: Lending) -> None:
    declaration = market.granted(REGISTERED, market.a, market.b)
    first = lent(market.a, declaration, usd("10000.00"))
    second = lent(market.b, declaration, usd("10000.00"))
    assert available(market.a, first) == available(market.b, second) == usd("16240.00")
    record_id = collected(market.a, declaration, REGISTERED)
    market.b.node.reader.catch_up()
    assert available(market.a, first) == available(market.b, second) == usd("0.00")
    line = ApplicationLine(declaration)
    outcome = market.b.financings.apply(market.b.maker, [line], product="", reference="", dry_run=True)
    assert outcome.code == "exhausted"
    assert market.b.financings.collections.list(declaration) == []
    market.authority.reader.catch_up()
    assert market.authority.reader.parts_of(record_id)["collection"].content["amount_minor"] == REGISTERED.amount_minor


def test_repaying_from_a_collection_frees_nothing_twice(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    financing = lent(desk, declaration, usd("36250.00"))
    collection = collected(desk, declaration, usd("36250.00"))
    repay(desk, financing, usd("36250.00"), CollectionUse(collection, usd("36250.00")))
    assert desk.financings.get(financing).state == "PAID_OFF"
    assert available(desk, financing) == usd("0.00")


def test_several_collections_repay_together_and_each_gives_no_more_than_it_has(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    financing = lent(desk, declaration, usd("10000.00"))
    first, second = (collected(desk, declaration, amount) for amount in (usd("4000.00"), usd("5000.00")))
    uses = CollectionUse(first, usd("4000.00")), CollectionUse(second, usd("5000.00"))
    repay(desk, financing, usd("9000.00"), *uses)
    left = {each.id: each.unused for each in desk.financings.collections.list(declaration)}
    assert left == {first: 1_000, second: 0}
    assert desk.financings.get(financing).total("outstanding") == usd("1000.00")
    with pytest.raises(Refused) as refused:
        repay(desk, financing, usd("1000.00"), CollectionUse(second, usd("1000.00")))
    assert refused.value.code == "exceeds-collected" and "USD 0.00 unused" in refused.value.message


def test_a_collection_of_another_declaration_repays_nothing(market: Lending) -> None:
    desk, declaration, other = market.a, market.granted(REGISTERED), market.granted(REGISTERED)
    financing = lent(desk, declaration, usd("10000.00"))
    lent(desk, other, usd("10000.00"))
    elsewhere = collected(desk, other, usd("10000.00"))
    with pytest.raises(InputError, match="collections-differ"):
        repay(desk, financing, usd("10000.00"), CollectionUse(elsewhere, usd("10000.00")))


def test_a_collection_in_another_currency_or_on_no_day_is_refused(market: Lending) -> None:
    desk, declaration = market.a, market.granted(REGISTERED)
    lent(desk, declaration, usd("10000.00"))
    with pytest.raises(InputError, match="currency-differs"):
        desk.financings.collections.record(desk.maker, declaration, Money.parse("EUR", "5.00"), LATER, "")
    with pytest.raises(InputError, match="bad-field"):
        desk.financings.collections.record(desk.maker, declaration, usd("5.00"), "2026-02-30", "")
