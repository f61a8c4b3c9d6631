"""An amount of money: an ISO 4217 currency and a count of its minor unit. Never a float, never negative.

`{"currency": "USD", "value": "36250.00"}` is its JSON form: a decimal string with exactly the currency's digits, so that one
amount has one spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

from ledger.errors import InputError
from ledger.limits import AMOUNT_MINOR_MAX
from nodes.customs.codes import digits_of

_PLAIN: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,9}))?", re.ASCII)


def minor_units(value: str, currency: str, *, exact_digits: bool) -> int:
    """A decimal string as a count of minor units.

    With `exact_digits` the fraction must be written with exactly the currency's digits (the HTTP interface); without, it may be
    shorter, and longer where the rest is zeros (customs writes four decimals for every currency). A sign, an exponent, a leading
    zero, a thousands separator or digits of another script are refused. Raises `InputError` (`amount-invalid`,
    `currency-unknown`).
    """
    digits = digits_of(currency)
    found = _PLAIN.fullmatch(value)
    if found is None:
        raise InputError("amount-invalid", "the amount is not a plain decimal number")
    whole, fraction = found.group(1), found.group(2) or ""
    if exact_digits and len(fraction) != digits:
        raise InputError("amount-invalid", f"an amount in {currency} is written with {digits} decimal places", hint=_example(currency))
    if fraction[digits:].strip("0"):
        raise InputError("amount-invalid", f"the amount has more than the {digits} decimal places of {currency}")
    amount_minor = int(whole + fraction[:digits].ljust(digits, "0"))
    if amount_minor > AMOUNT_MINOR_MAX:
        raise InputError("amount-invalid", "the amount is beyond any that a declaration can have")
    return amount_minor


def decimal_text(amount_minor: int, currency: str) -> str:
    """A count of minor units as a decimal string with exactly the currency's digits."""
    digits = digits_of(currency)
    if digits == 0:
        return str(amount_minor)
    whole, fraction = divmod(amount_minor, 10**digits)
    return f"{whole}.{fraction:0{digits}d}"


def decimal_of(amount_minor: int, currency: str) -> Decimal:
    """A count of minor units, of either sign, as a number with the currency's digits: for spreadsheets."""
    return Decimal(amount_minor).scaleb(-digits_of(currency))


def _example(currency: str) -> str:
    return f'for example "{decimal_text(36_250 * 10 ** digits_of(currency), currency)}"'


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`amount_minor` of `currency`'s minor unit, from zero to `AMOUNT_MINOR_MAX`."""

    currency: str
    amount_minor: int

    def __post_init__(self) -> None:
        digits_of(self.currency)
        if type(self.amount_minor) is not int or not 0 <= self.amount_minor <= AMOUNT_MINOR_MAX:
            raise InputError("amount-invalid", "an amount is a whole number of minor units from zero to 10**15")

    @classmethod
    def parse(cls, currency: str, value: str) -> Self:
        """From the two strings of the JSON form. Raises `InputError` (`amount-invalid`, `currency-unknown`)."""
        return cls(currency, minor_units(value, currency, exact_digits=True))

    @classmethod
    def from_json(cls, value: object) -> Self:
        """From the JSON form; other or further fields are refused. Raises `InputError` as `parse` does."""
        if not isinstance(value, Mapping) or set(value) != {"currency", "value"}:
            raise InputError("amount-invalid", "money is an object with exactly the fields currency and value")
        fields: Mapping[str, Any] = value
        if type(fields["currency"]) is not str or type(fields["value"]) is not str:
            raise InputError("amount-invalid", "the currency and the value of money are strings")
        return cls.parse(fields["currency"], fields["value"])

    def to_json(self) -> dict[str, str]:
        """`{"currency": "USD", "value": "36250.00"}`."""
        return {"currency": self.currency, "value": decimal_text(self.amount_minor, self.currency)}

    def __str__(self) -> str:
        """For people: `USD 36,250.00`."""
        whole, dot, fraction = decimal_text(self.amount_minor, self.currency).partition(".")
        return f"{self.currency} {int(whole):,}{dot}{fraction}"


@dataclass(frozen=True, slots=True)
class SignedMoney:
    """A change of an amount: `amount_minor` of either sign, written `{"currency": "USD", "value": "-250.00"}`."""

    currency: str
    amount_minor: int

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Raises `InputError` as `Money.from_json` does."""
        written = value.get("value") if isinstance(value, Mapping) else None
        if isinstance(value, Mapping) and isinstance(written, str) and written.startswith("-"):
            money = Money.from_json({**value, "value": written[1:]})
            return cls(money.currency, -money.amount_minor)
        money = Money.from_json(value)
        return cls(money.currency, money.amount_minor)

    def to_json(self) -> dict[str, str]:
        sign = "-" if self.amount_minor < 0 else ""
        return {"currency": self.currency, "value": sign + decimal_text(abs(self.amount_minor), self.currency)}
