from __future__ import annotations

import pytest

from ledger.errors import InputError
from nodes.customs.codes import COUNTRIES, CURRENCY_DIGITS, OLD_COUNTRIES, OLD_CURRENCIES, country_of, currency_of, digits_of


@pytest.mark.parametrize(
    ("old", "new"),
    [("502", "USD"), ("300", "EUR"), ("303", "GBP"), ("116", "JPY"), ("110", "HKD"), ("142", "CNY"), ("132", "SGD"), ("133", "KRW")],
)
def test_an_old_currency_code_is_its_iso_code(old: str, new: str) -> None:
    assert currency_of(old) == currency_of(new) == currency_of(new.lower()) == new


@pytest.mark.parametrize(
    ("old", "new"), [("502", "USA"), ("116", "JPN"), ("133", "KOR"), ("112", "IDN"), ("110", "HKG"), ("344", "RUS"), ("304", "DEU")]
)
def test_an_old_country_code_is_its_iso_code(old: str, new: str) -> None:
    assert country_of(old) == country_of(new) == new


@pytest.mark.parametrize("text", ["", "US", "840", "300", "999", "USDX"])
def test_an_unknown_country_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        country_of(text)
    assert refusal.value.code == "country-unknown"


@pytest.mark.parametrize("text", ["", "US", "840", "156", "XAU", "000"])
def test_an_unknown_currency_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        currency_of(text)
    assert refusal.value.code == "currency-unknown"


def test_the_tables_lead_only_to_codes_that_are_known() -> None:
    assert set(OLD_CURRENCIES.values()) <= set(CURRENCY_DIGITS)
    assert set(OLD_COUNTRIES.values()) <= COUNTRIES
    assert len(COUNTRIES) == 249
    assert {code for code, digits in CURRENCY_DIGITS.items() if digits == 0} == {"JPY", "KRW", "VND"}
    assert digits_of("BHD") == digits_of("KWD") == 3
