"""Any number of sound synthetic declarations, written to a file as a stream: the input of import and memory measurements.

    python -m loadtest.declarations --count 100000 --out declarations.xml

Each has a number, a contract and amounts of its own, two lines, and one of four exporters; the same count gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO

from nodes.customs.columns import COLUMNS

SERIALS = 1_000_000_000
EXPORTERS = (
    ("91210804MA0X6T3N5P", "营口望海果品有限公司"),
    ("91370702MA3C8Q7D21", "潍坊鸢都纺织品有限公司"),
    ("91210213MA0Y4H8K1Q", "大连渤岸机械制造有限公司"),
    ("91320506MA1W9F2R7Y", "苏州澄湖电子有限公司"),
)


def heads_and_lines(count: int, last_export: date) -> Iterator[tuple[dict[str, str], list[dict[str, str]]]]:
    """`count` declarations as texts by element name, exported within the 120 days up to `last_export`."""
    if not 0 <= count < SERIALS:
        raise ValueError(f"an office has {SERIALS} serial numbers a year")
    for serial in range(count):
        uscc, name = EXPORTERS[serial % len(EXPORTERS)]
        day = last_export - timedelta(days=serial % 120)
        head = {
            "EntryId": f"4200{day.year}0{serial:09d}",
            "IEFlag": "E",
            "CustomMaster": "4200",
            "TradeCoScc": uscc,
            "TradeName": name,
            "OverseasConsigneeEname": f"BUYER {serial % 997}",
            "ContrNo": f"L{serial:09d}",
            "BillNo": f"TLYL{serial:09d}",
            "TradeMode": "0110",
            "TradeCountry": "USA",
            "IEDate": f"{day:%Y%m%d}",
        }
        yield head, [_line(position, 1_000 + (serial * 7 + position) % 9_000) for position in (1, 2)]


def _line(position: int, quantity: int) -> dict[str, str]:
    return {
        "GNo": str(position),
        "CodeTS": "6302609000",
        "GName": "棉制毛巾",
        "GQty": str(quantity),
        "GUnit": "035",
        "DeclPrice": "7.80",
        "DeclTotal": f"{quantity * 780 // 100}.{quantity * 780 % 100:02d}",
        "TradeCurr": "USD",
    }


def write_xml(target: TextIO, count: int, last_export: date) -> None:
    """`count` messages in an envelope."""
    target.write('<?xml version="1.0" encoding="UTF-8"?>\n<Declarations>\n')
    for head, lines in heads_and_lines(count, last_export):
        rows = "".join(f"<DecList>{_elements(line)}</DecList>" for line in lines)
        target.write(f"<DecMessage><DecHead>{_elements(head)}</DecHead><DecLists>{rows}</DecLists></DecMessage>\n")
    target.write("</Declarations>\n")


def _elements(texts: dict[str, str]) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())


def write_csv(target: TextIO, count: int, last_export: date) -> None:
    """`count` declarations, two rows each."""
    writer = csv.writer(target)
    writer.writerow([column.english for column in COLUMNS])
    for head, lines in heads_and_lines(count, last_export):
        writer.writerows([(head | line).get(column.element, "") for column in COLUMNS] for line in lines)


def write_declarations(path: Path, count: int, last_export: date) -> None:
    """Write them as what the name of the file ends in: `.xml` or `.csv`."""
    with path.open("w", encoding="utf-8", newline="") as target:
        (write_csv if path.suffix == ".csv" else write_xml)(target, count, last_export)


def main() -> None:
    """Write one file."""
    arguments = argparse.ArgumentParser(description="Write synthetic declarations.")
    arguments.add_argument("--count", type=int, required=True)
    arguments.add_argument("--last-export", type=date.fromisoformat, default=date(2026, 10, 31))
    arguments.add_argument("--out", type=Path, required=True)
    chosen = arguments.parse_args()
    write_declarations(chosen.out, chosen.count, chosen.last_export)


if __name__ == "__main__":
    main()
