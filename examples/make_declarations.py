"""Writes the example declarations: sixty of four exporters, in every form of file that the importer reads.

    python examples/make_declarations.py --as-of 2026-10-31 --out examples/declarations

The same date gives the same bytes; nothing is random, every choice comes from a hash of what it is for. Exports lie in the five
months before the date, because a declaration can be financed for twelve months after its export only. The exporters, buyers and
shipments are invented, after one real shipment: 11.25 t of greenhouse plums for 36,250.00 USD, Yingkou to Indonesia, June 2019.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import Any

from nodes.customs.codes import CURRENCY_DIGITS, OLD_COUNTRIES, OLD_CURRENCIES
from nodes.customs.columns import COLUMNS

HERE = Path(__file__).parent
PLUM_DAYS_BEFORE = 142
PLUM_SERIAL = 519_123_456
RATES = {"USD": 100, "EUR": 92, "GBP": 79, "CNY": 710, "JPY": 15_000, "KRW": 135_000}
"""Hundredths of the currency for one dollar: round figures, only to give realistic amounts."""


@dataclass
class Declaration:
    """Texts by the names of the DecHead and DecList elements."""

    head: dict[str, str]
    lines: list[dict[str, str]] = field(default_factory=list)


def choose(purpose: str, count: int) -> int:
    """A number from 0 below `count`, the same whenever it is for the same purpose."""
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "big") % count


def exporters() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((HERE / "exporters.json").read_text("utf-8"))
    return found


def plums(as_of: date) -> Declaration:
    """The plum shipment, as many days before the date as June 11th is before October 31st."""
    day = as_of - timedelta(days=PLUM_DAYS_BEFORE)
    exporter = exporters()[0]
    head = _head(exporter, "0908", "0908", day, PLUM_SERIAL, ("PT BUAH NUSANTARA", "IDN"))
    line = _line(1, ["0809400000", "温室李子", "鲜；一级；纸箱装", "035"], 11_250, "3.2222", "36250.00", "USD", "IDN")
    return Declaration(head, [line])


def pool(exporter_id: str, count: int, as_of: date) -> list[Declaration]:
    """`count` declarations of one exporter, from 3 to 147 days before the date."""
    exporter = next(found for found in exporters() if found["id"] == exporter_id)
    trade = json.loads((HERE / "trade.json").read_text("utf-8"))[exporter_id]
    return [_declaration(exporter, trade, index, as_of) for index in range(count)]


def _declaration(exporter: dict[str, Any], trade: dict[str, Any], index: int, as_of: date) -> Declaration:
    label = f"{exporter['id']}/{index}"
    day = as_of - timedelta(days=3 + choose(f"{label}/day", 145))
    serial = 500_000_000 + index * 100_000 + choose(f"{label}/serial", 100_000)
    buyer = trade["buyers"][choose(f"{label}/buyer", len(trade["buyers"]))]
    currency = trade["currencies"][index % len(trade["currencies"])]
    head = _head(exporter, trade["office"], trade["port"], day, serial, (buyer[0], buyer[1]))
    count = 1 + choose(f"{label}/lines", min(4, len(trade["goods"])))
    target_cents = (9_000 + choose(f"{label}/target", 430) * 1_000 + choose(f"{label}/rest", 1_000)) * 100
    first = choose(f"{label}/goods", len(trade["goods"]))
    lines = []
    for position in range(1, count + 1):
        goods = trade["goods"][(first + position) % len(trade["goods"])]
        price = goods[4] * RATES[currency] // 100
        if CURRENCY_DIGITS[currency] == 0:
            price //= 100
        quantity = max(1, target_cents // count // goods[4])
        lines.append(_line(position, goods, quantity, _decimal(price, currency), _decimal(price * quantity, currency), currency, buyer[1]))
    return Declaration(head, lines)


def _head(exporter: dict[str, Any], office: str, port: str, day: date, serial: int, buyer: tuple[str, str]) -> dict[str, str]:
    label = f"{exporter['id']}/{serial}"
    return {
        "EntryId": f"{office}{day.year}0{serial:09d}",
        "IEFlag": "E",
        "CustomMaster": office,
        "IEPort": port,
        "TradeCoScc": exporter["uscc"],
        "TradeCode": exporter["customs_code"],
        "TradeName": exporter["name"],
        "OwnerName": exporter["name"],
        "AgentName": "示例报关有限公司",
        "OverseasConsigneeEname": buyer[0],
        "ContrNo": f"{exporter['id'][-1].upper()}{day:%y%m}-{choose(label + '/contract', 9000) + 1000}",
        "BillNo": f"TLYS{choose(label + '/bill', 90_000_000) + 10_000_000}",
        "TrafMode": "2",
        "TrafName": f"TALLY {choose(label + '/vessel', 9) + 1}/{choose(label + '/voyage', 900) + 100}W",
        "TradeMode": "0110",
        "TransMode": str((1, 3, 3)[choose(label + "/terms", 3)]),
        "TradeCountry": buyer[1],
        "TradeAreaCode": buyer[1],
        "IEDate": f"{day:%Y%m%d}",
        "DDate": f"{day - timedelta(days=1 + choose(label + '/declared', 3)):%Y%m%d}",
    }


def _line(position: int, goods: Sequence[Any], quantity: int, price: str, total: str, currency: str, destination: str) -> dict[str, str]:
    return {
        "GNo": str(position),
        "CodeTS": goods[0],
        "GName": goods[1],
        "GModel": goods[2],
        "GQty": str(quantity),
        "GUnit": goods[3],
        "DeclPrice": price,
        "DeclTotal": total,
        "TradeCurr": currency,
        "OriginCountry": "CHN",
        "DestinationCountry": destination,
    }


def _decimal(amount: int, currency: str) -> str:
    digits = CURRENCY_DIGITS[currency]
    return f"{amount // 10**digits}.{amount % 10**digits:0{digits}d}" if digits else str(amount)


def under_supplied_materials(declaration: Declaration, percent: int) -> Declaration:
    """The same shipment in dollars under processing with supplied materials, with a fee of that many hundredths of each line."""
    lines = [
        line | {"WorkUsd": f"{cents // 100}.{cents % 100:02d}"}
        for line in declaration.lines
        for cents in [int(line["DeclTotal"].replace(".", "")) * percent // 100]
    ]
    return Declaration(declaration.head | {"TradeMode": "0214"}, lines)


def with_old_codes(declaration: Declaration) -> Declaration:
    """The same declaration in the numeric codes that customs used before August 2018."""
    currency = {new: old for old, new in OLD_CURRENCIES.items()}
    country = {new: old for old, new in OLD_COUNTRIES.items()}
    coded = {
        "TradeCurr": currency,
        "TradeCountry": country,
        "TradeAreaCode": country,
        "OriginCountry": country,
        "DestinationCountry": country,
    }

    def recode(texts: dict[str, str]) -> dict[str, str]:
        return {name: coded[name][text] if name in coded else text for name, text in texts.items()}

    return Declaration(recode(declaration.head), [recode(line) for line in declaration.lines])


def with_long_dates(declaration: Declaration) -> Declaration:
    """The same declaration with dates as yyyy-MM-dd, as some clients write them."""
    dates = {name: f"{text[:4]}-{text[4:6]}-{text[6:]}" for name, text in declaration.head.items() if name in ("IEDate", "DDate")}
    return Declaration(declaration.head | dates, declaration.lines)


def message(declaration: Declaration, prefix: str = "") -> str:
    """One DecMessage; `prefix` ends in a colon where there is one."""

    def element(name: str, text: str, indent: int) -> str:
        return f"{' ' * indent}<{prefix}{name}>{escape(text, quote=False)}</{prefix}{name}>\n"

    head = "".join(element(name, text, 4) for name, text in declaration.head.items())
    lines = "".join(
        f"    <{prefix}DecList>\n{''.join(element(name, text, 6) for name, text in line.items())}    </{prefix}DecList>\n"
        for line in declaration.lines
    )
    body = f"  <{prefix}DecHead>\n{head}  </{prefix}DecHead>\n  <{prefix}DecLists>\n{lines}  </{prefix}DecLists>\n"
    return f"<{prefix}DecMessage>\n{body}</{prefix}DecMessage>\n"


def xml(messages: str, encoding: str = "UTF-8") -> bytes:
    """A whole XML file."""
    return f'<?xml version="1.0" encoding="{encoding}"?>\n{messages}'.encode(encoding)


def enveloped(declarations: Sequence[Declaration], name: str = "DecEnvelope") -> str:
    """Messages in an outer element."""
    return f"<{name}>\n{''.join(message(declaration) for declaration in declarations)}</{name}>\n"


def table(declarations: Sequence[Declaration], *, chinese: bool) -> str:
    """A CSV file: a row for each line, the head repeated."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([column.chinese if chinese else column.english for column in COLUMNS])
    for declaration in declarations:
        for line in declaration.lines:
            writer.writerow([(declaration.head | line).get(column.element, "") for column in COLUMNS])
    return target.getvalue()


def files(as_of: date) -> dict[str, bytes]:
    """Every example file by its name."""
    a, b, c, d = (pool(f"exporter-{letter}", count, as_of) for letter, count in (("a", 9), ("b", 32), ("c", 10), ("d", 8)))
    d[2] = under_supplied_materials(d[2], 18)
    d[3].head["TradeMode"] = "9710"
    refund_style = Declaration(d[0].head | {"EntryId": d[0].head["EntryId"] + "001"}, d[0].lines)
    namespace = ' xmlns:dec="http://www.chinaport.gov.cn/dec"'
    prefixed = "".join(message(with_long_dates(found), "dec:") for found in b[:20])
    return {
        "exporter-a-plums.xml": xml(message(plums(as_of))),
        "exporter-a.xml": xml(enveloped(a)),
        "exporter-b-namespace.xml": xml(f"<dec:Package{namespace}>\n{prefixed}</dec:Package>\n"),
        "exporter-b.csv": ("\ufeff" + table(b[20:], chinese=True)).encode(),
        "exporter-c-gb18030.xml": xml(enveloped(c[:5], "Signature"), "GB18030"),
        "exporter-c-old-codes.xml": xml(enveloped([with_old_codes(found) for found in c[5:]])),
        "exporter-d.csv": table([refund_style, *d[1:6]], chinese=False).encode("gb18030"),
        "exporter-d.xml": xml(enveloped(d[6:])),
    }


def main() -> None:
    """Write every file into a directory."""
    arguments = argparse.ArgumentParser(description="Write the example declarations.")
    arguments.add_argument("--as-of", type=date.fromisoformat, default=date(2026, 10, 31))
    arguments.add_argument("--out", type=Path, default=HERE / "declarations")
    chosen = arguments.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, content in files(chosen.as_of).items():
        (chosen.out / name).write_bytes(content)


if __name__ == "__main__":
    main()
