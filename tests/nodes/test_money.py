from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InputError
from ledger.limits import AMOUNT_MINOR_MAX
from nodes.customs.codes import CURRENCY_DIGITS
from nodes.money import Money, minor_units


@pytest.mark.parametrize(
    ("currency", "value", "amount_minor"),
    [("USD", "36250.00", 3_625_000), ("USD", "0.01", 1), ("JPY", "120000", 120_000), ("KWD", "1.005", 1_005), ("USD", "0.00", 0)],
)
def test_an_amount_with_the_currencys_digits_is_read_and_written_back(currency: str, value: str, amount_minor: int) -> None:
    money = Money.parse(currency, value)
    assert money.amount_minor == amount_minor
    assert money.to_json() == {"currency": currency, "value": value}


@given(st.sampled_from(sorted(CURRENCY_DIGITS)), st.integers(0, AMOUNT_MINOR_MAX))
def test_the_json_form_holds_every_amount(currency: str, amount_minor: int) -> None:
    money = Money(currency, amount_minor)
    assert Money.from_json(money.to_json()) == money


@pytest.mark.parametrize(
    "value",
    [
        "36250",
        "36250.0",
        "36250.000",
        "36,250.00",
        "-1.00",
        "+1.00",
        "1e3",
        "01.00",
        ".50",
        "1.",
        "",
        " 1.00",
        "1.00\n",
        "１.00",
        "1_0.00",
        "NaN",
    ],
)
def test_another_spelling_of_dollars_is_refused(value: str) -> None:
    with pytest.raises(InputError) as refusal:
        Money.parse("USD", value)
    assert refusal.value.code == "amount-invalid"


def test_yen_have_no_decimals() -> None:
    with pytest.raises(InputError):
        Money.parse("JPY", "1.0")
    assert minor_units("1200.0000", "JPY", exact_digits=False) == 1_200


def test_customs_may_write_more_zeros_but_no_more_digits() -> None:
    assert minor_units("36250.5000", "USD", exact_digits=False) == 3_625_050
    with pytest.raises(InputError) as refusal:
        minor_units("36250.5050", "USD", exact_digits=False)
    assert refusal.value.code == "amount-invalid"


def test_an_amount_beyond_the_limit_is_refused() -> None:
    assert Money("USD", AMOUNT_MINOR_MAX).amount_minor == AMOUNT_MINOR_MAX
    with pytest.raises(InputError):
        Money("USD", AMOUNT_MINOR_MAX + 1)
    with pytest.raises(InputError):
        Money.parse("USD", "10000000000000.01")


@pytest.mark.parametrize("amount", [-1, True, 1.0, "1"])
def test_only_a_whole_number_counts_minor_units(amount: object) -> None:
    with pytest.raises(InputError):
        Money("USD", amount)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [None, "USD 1.00", {"currency": "USD"}, {"currency": "USD", "value": 1}, {"currency": "USD", "value": "1.00", "x": ""}]
)
def test_money_of_another_shape_is_refused(value: object) -> None:
    with pytest.raises(InputError) as refusal:
        Money.from_json(value)
    assert refusal.value.code == "amount-invalid"


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InputError) as refusal:
        Money("XPL", 1)
    assert refusal.value.code == "currency-unknown"


def test_people_read_thousands() -> None:
    assert str(Money("USD", 3_625_000)) == "USD 36,250.00"
    assert str(Money("JPY", 1_234_567)) == "JPY 1,234,567"
