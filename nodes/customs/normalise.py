"""From the texts of a file to a declaration, or a refusal: every rule that a declaration must pass before it is registered.

Refusals (`InputError.code`): `not-cleared`, `number-format`, `not-export`, `uscc-invalid`, `mixed-currency`, `amount-invalid`,
`date-invalid`, `currency-unknown`, `country-unknown`, `field-missing`, `field-too-long`, `field-invalid`, `no-lines`,
`too-many-lines`, `receivable-unknown`. A message names the field, never its value.

The receivable part follows the supervision mode (监管方式). Where goods are sold, it is all that was declared. Under processing with
supplied materials (来料加工) the buyer owns the materials and owes the processing fee only: the sum of `WorkUsd` (工缴费) over the
lines, which customs has in US dollars, so it can be told only on a declaration in that currency. Of any other mode (samples,
donations, repairs, leasing, returns) it cannot be told whether anybody owes anything, and the declaration is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Final

from pydantic import ValidationError
from stdnum.cn import uscc

from ledger.errors import InputError
from ledger.limits import AMOUNT_MINOR_MAX, IMPORT_DECLARATION_LINES_MAX, IMPORT_FIELD_CHARS_MAX, REPLACES_MAX
from nodes.customs.codes import country_of, currency_of, digits_of
from nodes.customs.columns import NAMES, REPLACES
from nodes.customs.declaration import CustomsDeclaration, DeclarationLine
from nodes.customs.results import Item, Parsed, RawDeclaration, Rejected
from nodes.money import minor_units

GOODS_MODES: Final = frozenset({"0110", "0615", "0654", "0715", "1039", "4019", "5015", "9610", "9710", "9810"})
"""General trade, processing with imported materials, market procurement, border trade, and e-commerce exports."""
FEE_MODES: Final = frozenset({"0214", "0255", "5014"})
"""Processing with supplied materials, its transfers, and the same within special zones."""

_NUMBER: Final = re.compile(r"([0-9]{4}20[0-9]{2}[01][0-9]{9})(0[0-9]{2})?", re.ASCII)
_USCC: Final = re.compile(r"[0-9A-Z]{18}", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})", re.ASCII)
_DECIMAL: Final = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)
_OFFICE: Final = re.compile(r"[0-9]{4}", re.ASCII)
_HS: Final = re.compile(r"[0-9]{8}([0-9]{2})?", re.ASCII)
_ITEM: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_EARLIEST: Final = date(2000, 1, 1)


def item_of(position: int, raw: RawDeclaration) -> Item:
    """The result for one declaration as written."""
    if raw.problem is not None:
        return Rejected(position, raw.number_text, *raw.problem)
    try:
        return Parsed(position, raw.number_text, normalise(raw.head, raw.lines))
    except InputError as error:
        return Rejected(position, raw.number_text, error.code, error.message)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole"
        return Rejected(position, raw.number_text, "field-invalid", f"the declaration does not hold its rules at {where}")


def root_number(text: str) -> str | None:
    """The 18-digit number of one written with 18 digits, or with 21 as tax-refund files do; None where it is neither."""
    found = _NUMBER.fullmatch(text.strip())
    return found.group(1) if found else None


def normalise(head: Mapping[str, str], lines: list[dict[str, str]]) -> CustomsDeclaration:
    """A declaration from texts by element name. Raises `InputError` with one of the codes above, for the first rule broken."""
    fields = _Fields(head)
    number = _export_number(fields)
    credit_code = _credit_code(fields)
    export_date = _day(fields, "IEDate")
    declared_date = _day(fields, "DDate") if fields.text("DDate") else None
    if abs(export_date.year - int(number[4:8])) > 1:
        raise InputError("date-invalid", "export_date is years away from the year in the declaration number")
    if not lines:
        raise InputError("no-lines", "the declaration has no lines")
    if len(lines) > IMPORT_DECLARATION_LINES_MAX:
        raise InputError("too-many-lines", f"the declaration has more than {IMPORT_DECLARATION_LINES_MAX} lines")
    rows = [_Fields(line, f" in line {position}") for position, line in enumerate(lines, 1)]
    currency = _one_currency(rows)
    items = tuple(_line(row, position, currency) for position, row in enumerate(rows, 1))
    total_minor = sum(item.total_minor for item in items)
    if total_minor > AMOUNT_MINOR_MAX:
        raise InputError("amount-invalid", "the total is beyond any that a declaration can have")
    trade_mode = fields.code("TradeMode", _OFFICE)
    return CustomsDeclaration(
        number=number,
        exporter_uscc=credit_code,
        exporter_name=fields.required("TradeName"),
        exporter_customs_code=fields.text("TradeCode"),
        buyer=fields.text("OverseasConsigneeEname"),
        contract=fields.text("ContrNo"),
        bill_of_lading=fields.text("BillNo"),
        office=fields.code("CustomMaster", _OFFICE),
        port=fields.text("IEPort"),
        trade_mode=trade_mode,
        trans_mode=fields.text("TransMode"),
        transport_mode=fields.text("TrafMode"),
        transport_name=fields.text("TrafName"),
        destination_country=country_of(fields.required("TradeCountry")),
        export_date=export_date.isoformat(),
        declared_date=declared_date.isoformat() if declared_date else "",
        currency=currency,
        total_minor=total_minor,
        financeable_minor=_receivable(trade_mode, rows, currency, total_minor),
        lines=items,
        replaces=_replaced(fields, number),
    )


class _Fields:
    """Texts of the head or of one line: white space folded, control characters and excess length refused."""

    def __init__(self, texts: Mapping[str, str], where: str = "") -> None:
        self._texts = texts
        self._where = where

    def name(self, element: str) -> str:
        return NAMES[element] + self._where

    def text(self, element: str) -> str:
        """The text, or an empty one where the field is absent."""
        written = self._texts.get(element, "")
        if len(written) > IMPORT_FIELD_CHARS_MAX:
            raise InputError("field-too-long", f"{self.name(element)} has more than {IMPORT_FIELD_CHARS_MAX} characters")
        folded = " ".join(written.split())
        if not folded.isprintable() and any(unicodedata.category(character) in ("Cc", "Cs") for character in folded):
            raise InputError("field-invalid", f"{self.name(element)} has control characters")
        return folded

    def required(self, element: str) -> str:
        text = self.text(element)
        if not text:
            raise InputError("field-missing", f"{self.name(element)} is missing")
        return text

    def code(self, element: str, pattern: re.Pattern[str]) -> str:
        text = self.required(element)
        if pattern.fullmatch(text) is None:
            raise InputError("field-invalid", f"{self.name(element)} does not have the form of such a code")
        return text


def _export_number(fields: _Fields) -> str:
    text = fields.text("EntryId")
    if not text:
        raise InputError("not-cleared", "the declaration has no number: customs has not accepted it")
    root = root_number(text)
    if root is None:
        raise InputError("number-format", "the declaration number does not have 18 digits: office, year, direction, serial")
    if fields.required("IEFlag").upper() != "E" or root[8] != "0":
        raise InputError("not-export", "the declaration is not one of export")
    return root


def _replaced(fields: _Fields, number: str) -> tuple[str, ...]:
    """The numbers that this declaration takes the place of, separated by semicolons."""
    written = [each.strip() for each in fields.text(REPLACES).replace("\N{FULLWIDTH SEMICOLON}", ";").split(";") if each.strip()]
    roots = [root_number(each) for each in written]
    known = tuple(dict.fromkeys(root for root in roots if root is not None and root[8] == "0" and root != number))
    if len(known) != len(roots) or len(known) > REPLACES_MAX:
        raise InputError("field-invalid", f"{fields.name(REPLACES)}: at most {REPLACES_MAX} other export declaration numbers, each once")
    return known


def _credit_code(fields: _Fields) -> str:
    text = fields.required("TradeCoScc").upper()
    if _USCC.fullmatch(text) is None or not uscc.is_valid(text):
        raise InputError("uscc-invalid", "exporter_uscc is not a unified social credit code with a valid check character")
    return text


def _day(fields: _Fields, element: str) -> date:
    found = _DATE.fullmatch(fields.required(element))
    try:
        day = date(*(int(part) for part in found.groups())) if found else date.min
    except ValueError:
        day = date.min
    if day == date.min:
        raise InputError("date-invalid", f"{fields.name(element)} is not a day as yyyymmdd or yyyy-mm-dd")
    if day < _EARLIEST:
        raise InputError("date-invalid", f"{fields.name(element)} is before 2000")
    return day


def _one_currency(rows: list[_Fields]) -> str:
    currencies = {currency_of(row.required("TradeCurr")) for row in rows}
    if len(currencies) > 1:
        raise InputError("mixed-currency", "the lines are not all in one currency")
    return currencies.pop()


def _line(row: _Fields, position: int, currency: str) -> DeclarationLine:
    if row.text("GNo") and (_ITEM.fullmatch(row.text("GNo")) is None or int(row.text("GNo")) != position):
        raise InputError("field-invalid", f"{row.name('GNo')} is not its place among the lines")
    total_minor = _amount(row, "DeclTotal", currency)
    quantity = _decimal(row, row.required("GQty"), "GQty")
    if quantity == "0":
        raise InputError("amount-invalid", f"{row.name('GQty')} is zero")
    price = _decimal(row, row.text("DeclPrice"), "DeclPrice") if row.text("DeclPrice") else ""
    if price:
        _agree(row, quantity, price, total_minor, currency)
    return DeclarationLine(
        item_no=position,
        hs_code=row.code("CodeTS", _HS),
        name=row.required("GName"),
        model=row.text("GModel"),
        quantity=quantity,
        unit=row.text("GUnit"),
        price=price,
        total_minor=total_minor,
        origin=country_of(row.text("OriginCountry")) if row.text("OriginCountry") else "",
        destination=country_of(row.text("DestinationCountry")) if row.text("DestinationCountry") else "",
    )


def _amount(row: _Fields, element: str, currency: str) -> int:
    try:
        amount_minor = minor_units(row.required(element), currency, exact_digits=False)
    except InputError as error:
        if error.code != "amount-invalid":
            raise
        raise InputError("amount-invalid", f"{row.name(element)}: {error.message}") from error
    if amount_minor == 0:
        raise InputError("amount-invalid", f"{row.name(element)} is zero")
    return amount_minor


def _decimal(row: _Fields, text: str, element: str) -> str:
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise InputError("amount-invalid", f"{row.name(element)} is not a plain decimal number")
    whole, fraction = found.group(1).lstrip("0") or "0", (found.group(2) or "").rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def _agree(row: _Fields, quantity: str, price: str, total_minor: int, currency: str) -> None:
    """A unit price is often the total divided and rounded: the product may be off by that rounding and by one minor unit."""
    places = len(price.partition(".")[2])
    slack = Fraction(quantity) / (2 * 10**places) + Fraction(1, 10 ** digits_of(currency))
    if abs(Fraction(quantity) * Fraction(price) - Fraction(total_minor, 10 ** digits_of(currency))) > slack:
        raise InputError("amount-invalid", f"{row.name('DeclTotal')} is not quantity times unit price")


def _receivable(trade_mode: str, rows: list[_Fields], currency: str, total_minor: int) -> int:
    if trade_mode in GOODS_MODES:
        return total_minor
    if trade_mode not in FEE_MODES:
        raise InputError("receivable-unknown", "under this trade_mode it cannot be told what the buyer owes")
    if currency != "USD" or not any(row.text("WorkUsd") for row in rows):
        raise InputError("receivable-unknown", "under processing with supplied materials only the fee is owed, and it is not given")
    fee_minor = sum(_amount(row, "WorkUsd", currency) for row in rows if row.text("WorkUsd"))
    if fee_minor > total_minor:
        raise InputError("amount-invalid", "processing_fee_usd is more than the declared total")
    return fee_minor
