"""Writes the example workbook of credit facts: `examples/credit-facts/facts.xlsx`, the template filled in for the example exporters.

The facts are invented, and agree with nothing but themselves. Volumes are in US dollars, penalties in yuan.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nodes.credit.columns import LAYOUTS
from nodes.credit.files import sheet_of
from nodes.spreadsheets import write_workbook

EXAMPLES = Path(__file__).parent
TARGET = EXAMPLES / "credit-facts" / "facts.xlsx"

# Thousands of dollars in 2025: goods, services and capital items collected, the same paid, exports, imports.
VOLUMES = (
    (2_146, 41, 0, 620, 24, 10, 2_221, 610),
    (18_930, 355, 1_200, 9_410, 180, 0, 19_480, 9_300),
    (5_275, 0, 0, 3_160, 60, 0, 6_020, 3_095),
    (860, 12, 0, 75, 5, 0, 842, 71),
)
DIRECTORY_SINCE = ("2014-03-18", "2009-07-01", "2016-11-30", "2021-05-06")


def exporters() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((EXAMPLES / "exporters.json").read_text(encoding="utf-8"))
    return found


def rows() -> Iterator[dict[str, str]]:
    """Every fact, as the API would take it."""
    for exporter, volumes, since in zip(exporters(), VOLUMES, DIRECTORY_SINCE, strict=True):
        uscc = {"uscc": exporter["uscc"]}
        yield {"kind": "basic", **uscc, "name": exporter["name"], "directory_status": "在册", "directory_since": since}
        yield {"kind": "class", **uscc, "class_since": since, "class": "A"}
        for year, tenths in (("2024", 9), ("2025", 10)):
            yield {"kind": "year", **uscc, "year": year, "currency": "USD", **amounts(volumes, tenths)}
        for month in range(1, 11):
            goods = f"{volumes[0] * (80 + 5 * month) * 10 // 12}.50"
            yield {"kind": "month", **uscc, "month": f"2026-{month:02d}", "currency": "USD", "collections_goods": goods}
    third, fourth = exporters()[2], exporters()[3]
    yield {"kind": "class", "uscc": third["uscc"], "class_since": "2024-06-01", "class": "B", "class_reason": "贸易信贷报告逾期"}
    penalty = {"kind": "penalty", "currency": "CNY", "description": "未按规定报告贸易信贷"}
    yield {
        **penalty,
        "uscc": third["uscc"],
        "penalty_reference": "示例罚字〔2024〕7号",
        "decided_on": "2024-05-20",
        "penalty_amount": "30000",
    }
    repaired = {"penalty_reference": "示例罚字〔2022〕3号", "decided_on": "2022-02-14", "repaired_on": "2023-02-20"}
    yield {**penalty, "uscc": fourth["uscc"], "penalty_amount": "8000", **repaired}


def amounts(volumes: tuple[int, ...], tenths: int) -> dict[str, str]:
    kinds = ("goods", "services", "capital")
    names = [*(f"collections_{kind}" for kind in kinds), *(f"payments_{kind}" for kind in kinds), "exports", "imports"]
    return {name: f"{volume * 100 * tenths}.00" for name, volume in zip(names, volumes, strict=True)}


def main(target: Path) -> None:
    found = list(rows())
    sheets = [
        sheet_of(layout, [[row.get(column.english, "") for column in layout.columns] for row in found if row["kind"] == layout.kind])
        for layout in LAYOUTS.values()
    ]
    write_workbook(target, sheets)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
