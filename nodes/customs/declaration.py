"""The declaration as this registry keeps it: parsed, checked, in one spelling; and the plaintext of its sealed part.

Whatever instance exists holds its rules: one currency, a total that is the sum of its lines, a financeable amount within it, a
valid number and credit code. `to_sealed` is a promise of format: version 1 holds integers and strings only, and `from_sealed`
takes nothing that `to_sealed` would not write.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from stdnum.cn import uscc

from ledger.errors import InputError
from ledger.limits import AMOUNT_MINOR_MAX, IMPORT_DECLARATION_LINES_MAX, IMPORT_FIELD_CHARS_MAX, REPLACES_MAX
from nodes.customs.codes import COUNTRIES, CURRENCY_DIGITS
from nodes.money import Money

SEALED_VERSION: Final = 1
EXPORT_NUMBER: Final = re.compile(r"[0-9]{4}20[0-9]{2}0[0-9]{9}", re.ASCII)
DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{0,8}[1-9])?", re.ASCII)

Text = Annotated[str, StringConstraints(max_length=IMPORT_FIELD_CHARS_MAX)]
NamedText = Annotated[str, StringConstraints(min_length=1, max_length=IMPORT_FIELD_CHARS_MAX)]
Amount = Annotated[int, Field(gt=0, le=AMOUNT_MINOR_MAX)]
Office = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}\z")]
Strict = ConfigDict(strict=True, extra="forbid", frozen=True)


class DeclarationLine(BaseModel):
    """One item. `quantity` and `price` are decimal strings without trailing zeros; `price`, `origin`, `destination` may be empty."""

    model_config = Strict

    item_no: Annotated[int, Field(ge=1, le=IMPORT_DECLARATION_LINES_MAX)]
    hs_code: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}([0-9]{2})?\z")]
    name: NamedText
    model: Text
    quantity: Text
    unit: Text
    price: Text
    total_minor: Amount
    origin: str
    destination: str

    @field_validator("quantity")
    @classmethod
    def _a_quantity_is_above_zero(cls, value: str) -> str:
        if DECIMAL.fullmatch(value) is None or value == "0":
            raise ValueError("not a decimal above zero")
        return value

    @field_validator("price")
    @classmethod
    def _a_price_is_a_decimal(cls, value: str) -> str:
        if value and DECIMAL.fullmatch(value) is None:
            raise ValueError("not a decimal")
        return value

    @field_validator("origin", "destination")
    @classmethod
    def _a_country_is_known(cls, value: str) -> str:
        if value and value not in COUNTRIES:
            raise ValueError("not a country")
        return value


class CustomsDeclaration(BaseModel):
    """An export declaration that customs accepted.

    `number` has 18 digits; amounts are in the minor unit of `currency`; dates are yyyy-mm-dd in customs' time (UTC+8).
    `total_minor` is the sum of the lines, `financeable_minor` the receivable part of it: all of it, or under processing with
    supplied materials the processing fee only. `replaces` are the numbers that this one takes the place of. Empty strings stand for what
    the exporter may leave out.
    """

    model_config = Strict

    number: str
    exporter_uscc: str
    exporter_name: NamedText
    exporter_customs_code: Text
    buyer: Text
    contract: Text
    bill_of_lading: Text
    office: Office
    port: Text
    trade_mode: Office
    trans_mode: Text
    transport_mode: Text
    transport_name: Text
    destination_country: str
    export_date: str
    declared_date: str
    currency: str
    total_minor: Amount
    financeable_minor: Amount
    lines: Annotated[tuple[DeclarationLine, ...], Field(min_length=1, max_length=IMPORT_DECLARATION_LINES_MAX)]
    replaces: Annotated[tuple[str, ...], Field(max_length=REPLACES_MAX)] = ()

    @field_validator("replaces")
    @classmethod
    def _what_it_replaces_are_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(EXPORT_NUMBER.fullmatch(each) is None for each in value) or len(set(value)) != len(value):
            raise ValueError("not different export declaration numbers")
        return value

    @field_validator("number")
    @classmethod
    def _the_number_is_an_export_number(cls, value: str) -> str:
        if EXPORT_NUMBER.fullmatch(value) is None:
            raise ValueError("not an export declaration number")
        return value

    @field_validator("exporter_uscc")
    @classmethod
    def _the_credit_code_checks(cls, value: str) -> str:
        if not uscc.is_valid(value) or uscc.compact(value) != value:
            raise ValueError("not a unified social credit code")
        return value

    @field_validator("export_date", "declared_date")
    @classmethod
    def _a_date_is_a_day(cls, value: str) -> str:
        if value and (date.fromisoformat(value).isoformat() != value or value < "2000-01-01"):
            raise ValueError("not a day since 2000 as yyyy-mm-dd")
        return value

    @model_validator(mode="after")
    def _the_whole_agrees(self) -> Self:
        if not self.export_date or self.destination_country not in COUNTRIES or self.currency not in CURRENCY_DIGITS:
            raise ValueError("export date, destination or currency is not one")
        if [line.item_no for line in self.lines] != list(range(1, len(self.lines) + 1)):
            raise ValueError("the lines are not numbered from 1")
        if self.total_minor != sum(line.total_minor for line in self.lines):
            raise ValueError("the total is not the sum of the lines")
        if self.number in self.replaces:
            raise ValueError("a declaration does not replace itself")
        if self.financeable_minor > self.total_minor:
            raise ValueError("more is financeable than was declared")
        return self

    @property
    def total(self) -> Money:
        return Money(self.currency, self.total_minor)

    @property
    def financeable(self) -> Money:
        return Money(self.currency, self.financeable_minor)

    def to_sealed(self) -> dict[str, Any]:
        """The plaintext of the sealed `declaration` part, for canonical JSON: integers, strings, and the list of lines."""
        return {"v": SEALED_VERSION, **self.model_dump(mode="json")}

    @classmethod
    def from_sealed(cls, value: object) -> Self:
        """From an opened part. Raises `InputError` (`declaration-malformed`), also for a version that this code does not know."""
        if not isinstance(value, dict) or type(value.get("v")) is not int or value["v"] != SEALED_VERSION:
            raise InputError("declaration-malformed", f"the sealed declaration is not an object of version {SEALED_VERSION}")
        fields = {name: item for name, item in value.items() if name != "v"}
        for name in ("lines", "replaces"):
            if isinstance(fields.get(name), list):
                fields[name] = tuple(fields[name])
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole"
            raise InputError("declaration-malformed", f"the sealed declaration does not hold its rules at {where}") from error
