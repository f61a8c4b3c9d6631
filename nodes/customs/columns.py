"""The fields of a declaration file, defined once: DecMessage element, CSV column in two languages, and whether it must be there.

The XML reader takes the elements, the CSV reader the columns, and a spreadsheet template can be written from the same list.
In CSV a row is one line of a declaration; the columns of the head are repeated on every row of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One field. `element` is its name in DecHead or DecList; `english` and `chinese` are the headers that CSV may carry."""

    part: Literal["head", "line"]
    element: str
    english: str
    chinese: str
    required: bool


# No element of the message: customs re-declares under a new number, and says which one it replaces beside the message.
REPLACES: Final = "Replaces"

COLUMNS: Final[tuple[Column, ...]] = (
    Column("head", "EntryId", "declaration_number", "报关单号", True),
    Column("head", "IEFlag", "import_export_flag", "进出口标志", True),
    Column("head", "TradeCoScc", "exporter_uscc", "境内发货人统一社会信用代码", True),
    Column("head", "TradeCode", "exporter_customs_code", "境内发货人海关代码", False),
    Column("head", "TradeName", "exporter_name", "境内发货人名称", True),
    Column("head", "OverseasConsigneeEname", "buyer", "境外收货人", False),
    Column("head", "ContrNo", "contract", "合同协议号", False),
    Column("head", "BillNo", "bill_of_lading", "提运单号", False),
    Column("head", "CustomMaster", "office", "申报地海关", True),
    Column("head", "IEPort", "port", "出境关别", False),
    Column("head", "TradeMode", "trade_mode", "监管方式", True),
    Column("head", "TransMode", "trans_mode", "成交方式", False),
    Column("head", "TrafMode", "transport_mode", "运输方式", False),
    Column("head", "TrafName", "transport_name", "运输工具名称及航次号", False),
    Column("head", "TradeCountry", "destination_country", "运抵国", True),
    Column("head", "IEDate", "export_date", "出口日期", True),
    Column("head", "DDate", "declared_date", "申报日期", False),
    Column("head", REPLACES, "replaces", "替代报关单号", False),
    Column("line", "GNo", "item_no", "项号", False),
    Column("line", "CodeTS", "hs_code", "商品编号", True),
    Column("line", "GName", "goods_name", "商品名称", True),
    Column("line", "GModel", "goods_model", "规格型号", False),
    Column("line", "GQty", "quantity", "成交数量", True),
    Column("line", "GUnit", "unit", "成交单位", False),
    Column("line", "DeclPrice", "unit_price", "单价", False),
    Column("line", "DeclTotal", "line_total", "总价", True),
    Column("line", "TradeCurr", "currency", "币制", True),
    Column("line", "OriginCountry", "origin_country", "原产国", False),
    Column("line", "DestinationCountry", "line_destination_country", "最终目的国", False),
    Column("line", "WorkUsd", "processing_fee_usd", "工缴费", False),
)

HEAD_ELEMENTS: Final = frozenset(column.element for column in COLUMNS if column.part == "head" and column.element != REPLACES)
LINE_ELEMENTS: Final = frozenset(column.element for column in COLUMNS if column.part == "line")
BY_HEADER: Final = {name: column for column in COLUMNS for name in (column.english, column.chinese)}
NAMES: Final = {column.element: column.english for column in COLUMNS}


def column_of(header: str) -> Column | None:
    """The column that a header names, in English (any case) or Chinese; None where it names none."""
    return BY_HEADER.get(header.strip().lower())


def template_headers(language: Literal["en", "zh"]) -> list[str]:
    """The header row of an empty file to fill in, in the order of `COLUMNS`."""
    return [column.chinese if language == "zh" else column.english for column in COLUMNS]
