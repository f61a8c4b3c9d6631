"""The rows that credit facts come in, defined once: a table for each kind, with headers in English and Chinese, and how a row is read.

The same columns stand in the spreadsheet (a sheet for each kind), in CSV (a file for each kind, told by its header) and in the API (an
object for each row); every value is text. A cell that is empty says that nothing is known. `withdrawn` says that what was recorded about
the same thing was wrong, and needs only the cells that name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from stdnum.cn import uscc as uscc_rules
from stdnum.exceptions import ValidationError as NumberError

from ledger.errors import InputError
from nodes.credit.facts import Fact, Kind, fact_of
from nodes.credit.profiles import Entry
from nodes.customs.codes import digits_of
from nodes.money import minor_units

Form = Literal["text", "day", "month", "year", "amount", "currency", "word"]


@dataclass(frozen=True, slots=True)
class Column:
    """`names`: the column is part of what names the fact's subject. `words` are the values that a `word` may have, as typed and as kept."""

    field: str
    english: str
    chinese: str
    form: Form
    required: bool = False
    names: bool = False
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The table of one kind. `title` and `chinese` name its sheet."""

    kind: Kind
    chinese: str
    columns: tuple[Column, ...]


_USCC: Final = Column("uscc", "uscc", "统一社会信用代码", "text", required=True, names=True)
_WITHDRAWN: Final = Column("withdrawn", "withdrawn", "撤销", "word", words=(("yes", "yes"), ("是", "yes"), ("no", ""), ("否", "")))
_CURRENCY: Final = Column("currency", "currency", "币种", "currency")
_DIRECTORY: Final = (("listed", "listed"), ("在册", "listed"), ("removed", "removed"), ("注销", "removed"))
_CLASSES: Final = tuple((letter, letter) for letter in "ABC")
_COLLECTIONS: Final = (
    Column("collections.goods_minor", "collections_goods", "货物收汇", "amount"),
    Column("collections.services_minor", "collections_services", "服务收汇", "amount"),
    Column("collections.capital_minor", "collections_capital", "资本项目收汇", "amount"),
)
_PAYMENTS: Final = (
    Column("payments.goods_minor", "payments_goods", "货物付汇", "amount"),
    Column("payments.services_minor", "payments_services", "服务付汇", "amount"),
    Column("payments.capital_minor", "payments_capital", "资本项目付汇", "amount"),
)

LAYOUTS: Final[Mapping[Kind, Layout]] = {
    layout.kind: layout
    for layout in (
        Layout(
            "basic",
            "基本信息",
            (
                _USCC,
                Column("name", "name", "企业名称", "text", required=True),
                Column("directory", "directory_status", "名录状态", "word", required=True, words=_DIRECTORY),
                Column("directory_since", "directory_since", "名录状态起始日", "day", required=True),
                _WITHDRAWN,
            ),
        ),
        Layout(
            "class",
            "企业分类",
            (
                _USCC,
                Column("since", "class_since", "分类起始日", "day", required=True, names=True),
                Column("enterprise_class", "class", "企业分类", "word", required=True, words=_CLASSES),
                Column("reason", "class_reason", "分类原因", "text"),
                _WITHDRAWN,
            ),
        ),
        Layout(
            "year",
            "年度收支",
            (
                _USCC,
                Column("year", "year", "年度", "year", required=True, names=True),
                _CURRENCY,
                *_COLLECTIONS,
                *_PAYMENTS,
                Column("exports_minor", "exports", "出口额", "amount"),
                Column("imports_minor", "imports", "进口额", "amount"),
                _WITHDRAWN,
            ),
        ),
        Layout(
            "month",
            "月度收汇",
            (_USCC, Column("month", "month", "月份", "month", required=True, names=True), _CURRENCY, *_COLLECTIONS, _WITHDRAWN),
        ),
        Layout(
            "penalty",
            "行政处罚",
            (
                _USCC,
                Column("reference", "penalty_reference", "处罚文号", "text", required=True, names=True),
                Column("decided_on", "decided_on", "处罚日期", "day", required=True),
                Column("description", "description", "违规事项", "text", required=True),
                _CURRENCY,
                Column("amount_minor", "penalty_amount", "处罚金额", "amount"),
                Column("repaired_on", "repaired_on", "信用修复日期", "day"),
                _WITHDRAWN,
            ),
        ),
    )
}
DEFAULT_CURRENCY: Final = "USD"

_DAY: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})", re.ASCII)
_MONTH: Final = re.compile(r"([0-9]{4})-?([0-9]{2})(?:-01)?", re.ASCII)
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)


def column_of(layout: Layout, header: str) -> Column | None:
    """The column that a header names, in English (any case) or Chinese."""
    name = header.strip().lower()
    return next((column for column in layout.columns if name in (column.english, column.chinese)), None)


def entry_of(layout: Layout, cells: Mapping[str, str]) -> Entry:
    """What one row records. `cells` are text by the columns' English names; one that is left out is empty.

    Raises `InputError`: `uscc-invalid`, `field-missing`, `field-unknown`, `field-invalid`, `amount-invalid`, `currency-unknown`.
    """
    unknown = sorted(set(cells) - {column.english for column in layout.columns})
    if unknown:
        raise InputError("field-unknown", f"a row of {layout.kind} has no column {unknown[0][:40]!r}")
    texts = {column.field: cells.get(column.english, "").strip() for column in layout.columns}
    withdrawn = bool(_word(_WITHDRAWN, texts["withdrawn"])) if texts["withdrawn"] else False
    for column in layout.columns:
        if column.required and not texts[column.field] and (column.names or not withdrawn):
            raise InputError("field-missing", f"{column.english} is empty")
    uscc = _uscc(texts["uscc"])
    values = _values(layout, {field: text for field, text in texts.items() if text and field not in ("uscc", "withdrawn")})
    if withdrawn:
        key = "".join(str(values[column.field]) for column in layout.columns if column.names and column is not _USCC)
        return Entry(uscc, layout.kind, key, None)
    fact = _fact(layout, values)
    return Entry(uscc, layout.kind, fact.key, fact)


def _values(layout: Layout, texts: Mapping[str, str]) -> dict[str, str | int]:
    columns = {column.field: column for column in layout.columns}
    currency = texts.get("currency", "").upper() or DEFAULT_CURRENCY
    return {field: _value(columns[field], text, currency) for field, text in texts.items()}


def _fact(layout: Layout, values: Mapping[str, str | int]) -> Fact:
    content: dict[str, object] = {"kind": layout.kind}
    if layout.kind in ("year", "month"):
        content |= {"currency": DEFAULT_CURRENCY, "collections": {}} | ({"payments": {}} if layout.kind == "year" else {})
    elif "amount_minor" in values:
        content["currency"] = DEFAULT_CURRENCY
    for field, value in values.items():
        group, dot, name = field.partition(".")
        if dot:
            inner = content[group]
            assert isinstance(inner, dict), "the groups were made above"
            inner[name] = value
        else:
            content[field] = value
    try:
        return fact_of(content)
    except InputError as error:
        raise InputError("field-invalid", error.message) from error


def _value(column: Column, text: str, currency: str) -> str | int:
    if column.form == "amount":
        try:
            return minor_units(text, currency, exact_digits=False)
        except InputError as error:
            raise InputError(error.code, f"{column.english}: {error.message}") from error
    if column.form == "currency":
        digits_of(text.upper())
        return text.upper()
    if column.form == "day":
        return _day(column, text)
    if column.form == "month":
        found = _MONTH.fullmatch(text)
        if found is None:
            raise _invalid(column, "is no month", "YYYY-MM")
        return f"{found[1]}-{found[2]}"
    if column.form == "year":
        if _YEAR.fullmatch(text) is None:
            raise _invalid(column, "is no year", "YYYY")
        return int(text)
    return _word(column, text) if column.form == "word" else text


def _day(column: Column, text: str) -> str:
    found = _DAY.fullmatch(text)
    if found is None:
        raise _invalid(column, "is no day", "YYYY-MM-DD")
    try:
        return date(*map(int, found.groups())).isoformat()
    except ValueError as error:
        raise _invalid(column, "is no day of the calendar", "YYYY-MM-DD") from error


def _word(column: Column, text: str) -> str:
    kept = {typed.lower(): kept for typed, kept in column.words}.get(text.lower())
    if kept is None:
        raise _invalid(column, "is none of its words", ", ".join(typed for typed, _ in column.words))
    return kept


def _uscc(text: str) -> str:
    try:
        number: str = uscc_rules.validate(text)
    except NumberError as error:
        raise InputError("uscc-invalid", "the unified social credit code is not valid") from error
    return number


def _invalid(column: Column, why: str, hint: str) -> InputError:
    return InputError("field-invalid", f"{column.english} {why}", hint=hint)
