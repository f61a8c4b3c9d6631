from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError, Refused
from nodes.credit.assess import Assessment, Inputs, assess, converted
from nodes.credit.facts import Flows
from nodes.credit.parameters import WHOLE, Parameters, parameters_of

CONTENT: dict[str, Any] = {
    "currency": "USD",
    "weights": {"collections": 200_000, "payments": 50_000, "exports": 150_000, "imports": 25_000},
    "services": True,
    "capital": False,
    "class_factors": {"A": 1_000_000, "B": 500_000, "C": 0},
    "penalty_haircut_ppm": 100_000,
    "cap_minor": 50_000_000_00,
    "floor_minor": 10_000_00,
    "missing_as_zero": [],
    "rates": [],
    "rate_source": None,
    "rates_of": None,
}
PARAMETERS = parameters_of(CONTENT)
INPUTS = Inputs(
    year=2025,
    currency="USD",
    collections=Flows(goods_minor=1_073_300_00, services_minor=20_500_50, capital_minor=999_999_99),
    payments=Flows(goods_minor=310_000_25, services_minor=12_000_00, capital_minor=5_000_00),
    exports_minor=1_110_400_40,
    imports_minor=305_000_00,
    enterprise_class="A",
    penalties=1,
)


def changed(**fields: Any) -> Parameters:
    return parameters_of({**CONTENT, **fields})


def refused(inputs: Inputs, parameters: Parameters = PARAMETERS) -> Refused:
    with pytest.raises(Refused) as error:
        assess(inputs, parameters)
    return error.value


def steps(found: Assessment) -> dict[str, tuple[int, int]]:
    return {step.name: (step.before_minor, step.after_minor) for step in found.steps}


def test_every_contribution_names_its_input_weight_product_and_rounding() -> None:
    found = assess(INPUTS, PARAMETERS)
    rows = {each.name: (each.amount_minor, each.weight_ppm, each.product, each.contribution_minor) for each in found.contributions}
    assert rows == {
        "collections": (109_380_050, 200_000, 21_876_010_000_000, 21_876_010),
        "payments": (32_200_025, 50_000, 1_610_001_250_000, 1_610_001),
        "exports": (111_040_040, 150_000, 16_656_006_000_000, 16_656_006),
        "imports": (30_500_000, 25_000, 762_500_000_000, 762_500),
    }
    assert [each.remainder_ppm for each in found.contributions] == [0, 250_000, 0, 0]
    assert found.base_minor == 40_904_517
    assert found.limit_minor == 36_814_065
    assert steps(found) == {
        "class": (40_904_517, 40_904_517),
        "penalties": (40_904_517, 36_814_065),
        "cap": (36_814_065, 36_814_065),
        "floor": (36_814_065, 36_814_065),
    }


@pytest.mark.parametrize(
    ("services", "capital", "collected"), [(False, False, 107_330_000), (True, False, 109_380_050), (True, True, 209_380_049)]
)
def test_services_and_capital_items_count_where_the_parameters_say_so(services: bool, capital: bool, collected: int) -> None:
    found = assess(INPUTS, changed(services=services, capital=capital))
    assert (found.services, found.capital) == (services, capital)
    collections = found.contributions[0]
    assert collections.amount_minor == collected
    assert [(part.input, part.counts) for part in collections.parts] == [
        ("collections.goods", True),
        ("collections.services", services),
        ("collections.capital", capital),
    ]


@pytest.mark.parametrize(("letter", "limit"), [("A", 36_814_065), ("B", 18_407_032), ("C", 0)])
def test_the_class_decides_what_part_is_lent_on(letter: Any, limit: int) -> None:
    assert assess(replace(INPUTS, enterprise_class=letter), PARAMETERS).limit_minor == limit


def test_each_penalty_takes_its_haircut_and_never_more_than_all() -> None:
    limits = [assess(replace(INPUTS, penalties=count), changed(floor_minor=0)).limit_minor for count in (0, 1, 2, 10, 50)]
    assert limits == [40_904_517, 36_814_065, 32_723_613, 0, 0]


def test_a_limit_is_cut_at_the_cap_and_one_below_the_floor_is_none() -> None:
    assert assess(INPUTS, changed(cap_minor=30_000_000)).limit_minor == 30_000_000
    below = assess(INPUTS, changed(floor_minor=36_814_066))
    assert (below.limit_minor, below.steps[-1].reason) == (0, "below the floor")
    assert assess(INPUTS, changed(floor_minor=36_814_065)).limit_minor == 36_814_065


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("exports_minor", None, "exports"),
        ("imports_minor", None, "imports"),
        ("collections", Flows(goods_minor=1, capital_minor=1), "collections.services"),
        ("payments", Flows(services_minor=1), "payments.goods"),
        ("penalties", None, "penalties"),
        ("enterprise_class", None, "class"),
    ],
)
def test_a_missing_input_is_refused_by_name(field: str, value: Any, name: str) -> None:
    error = refused(replace(INPUTS, **{field: value}))
    assert (error.code, error.message) == ("input-missing", f"the answer does not say: {name}")


def test_all_missing_inputs_are_named_at_once() -> None:
    message = refused(replace(INPUTS, exports_minor=None, penalties=None)).message
    assert message.endswith("exports, penalties")


def test_a_missing_input_counts_as_zero_only_where_the_parameters_name_it() -> None:
    gone = replace(INPUTS, exports_minor=None)
    found = assess(gone, changed(missing_as_zero=["exports"]))
    exports = found.contributions[2]
    assert (exports.contribution_minor, exports.parts[0].assumed, exports.parts[0].told_minor) == (0, True, None)
    assert refused(gone, changed(missing_as_zero=["imports"])).code == "input-missing"
    assert assess(replace(INPUTS, penalties=None), changed(missing_as_zero=["penalties"])).steps[1].reason == "not known"


def test_what_weighs_nothing_or_does_not_count_may_be_missing() -> None:
    weights = {**CONTENT["weights"], "imports": 0}
    assert assess(replace(INPUTS, imports_minor=None), changed(weights=weights)).limit_minor
    assert assess(replace(INPUTS, collections=Flows(goods_minor=1, services_minor=1)), PARAMETERS).limit_minor
    assert assess(replace(INPUTS, penalties=None), changed(penalty_haircut_ppm=0)).limit_minor


def test_amounts_in_another_currency_are_converted_and_rounded_down() -> None:
    rates = {"rates": [{"currency": "JPY", "rate_ppb": 6_543_210}], "rate_source": "own treasury", "rates_of": "2026-10-26"}
    parameters = changed(**rates)
    assert converted(1_000_000, "JPY", parameters) == 654_321
    assert converted(152, "JPY", parameters) == 99
    found = assess(replace(INPUTS, currency="JPY"), parameters)
    assert (found.told_currency, found.currency, found.rate_ppb) == ("JPY", "USD", 6_543_210)
    assert refused(replace(INPUTS, currency="EUR"), parameters).code == "rate-missing"


@pytest.mark.parametrize(
    "fields",
    [
        {"weights": {**CONTENT["weights"], "exports": -1}},
        {"weights": {**CONTENT["weights"], "exports": 0.5}},
        {"weights": {**CONTENT["weights"], "exports": True}},
        {"class_factors": {"A": 1_000_001, "B": 0, "C": 0}},
        {"penalty_haircut_ppm": 1_000_001},
        {"floor_minor": 2, "cap_minor": 1},
        {"missing_as_zero": ["exports", "exports"]},
        {"missing_as_zero": ["class"]},
        {"rates": [{"currency": "EUR", "rate_ppb": 1}]},
        {"rates": [{"currency": "USD", "rate_ppb": 1}], "rate_source": "x", "rates_of": "2026-01-01"},
        {"turnover": 1},
    ],
)
def test_parameters_that_contradict_themselves_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="parameters-invalid"):
        changed(**fields)


def test_a_currency_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="currency-unknown"):
        changed(currency="QQQ")


amounts = st.integers(0, 10**15)
flows = st.builds(Flows, goods_minor=amounts, services_minor=amounts, capital_minor=amounts)
inputs = st.builds(
    Inputs,
    year=st.just(2025),
    currency=st.just("USD"),
    collections=flows,
    payments=flows,
    exports_minor=amounts,
    imports_minor=amounts,
    enterprise_class=st.sampled_from(["A", "B", "C"]),
    penalties=st.integers(0, 20),
)


@given(inputs, st.integers(0, 10**15))
def test_a_limit_lies_within_its_bounds_and_rounding_only_ever_takes(told: Inputs, cap: int) -> None:
    found = assess(told, changed(cap_minor=cap, floor_minor=0))
    assert 0 <= found.limit_minor <= min(cap, found.base_minor)
    for each in found.contributions:
        assert each.product == each.contribution_minor * WHOLE + each.remainder_ppm
        assert each.amount_minor == sum(part.amount_minor for part in each.parts if part.counts)
    more = assess(replace(told, exports_minor=(told.exports_minor or 0) + 1_000), changed(cap_minor=cap, floor_minor=0))
    assert more.limit_minor >= found.limit_minor
