from __future__ import annotations

from pathlib import Path

import pytest

from nodes.credit.columns import LAYOUTS
from nodes.credit.files import read_facts
from nodes.spreadsheets import sheet_names
from tests.api.cli.conftest import Tallystick
from tests.nodes.small_network import AUTHORITY, BANK_A, found

EXAMPLES = Path(__file__).parents[3] / "examples" / "credit-facts"


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return dict(found(tmp_path_factory.mktemp("credit") / "net", AUTHORITY, BANK_A).homes)


def test_the_template_is_a_workbook_to_fill_in(tallystick: Tallystick, tmp_path: Path) -> None:
    path = tmp_path / "credit.xlsx"
    assert tallystick("credit", "template", "-o", path).status == 0
    assert sheet_names(path) == [layout.chinese for layout in LAYOUTS.values()]
    assert tallystick("credit", "template", "-o", tmp_path / "credit.csv").status == 2


def test_the_examples_are_recorded_and_change_nothing_when_they_come_again(tallystick: Tallystick, homes: dict[str, Path]) -> None:
    command = ("credit", "import", "--home", homes["authority"], EXAMPLES / "facts.xlsx", EXAMPLES / "years.csv", "--json")
    first = tallystick(*command)
    assert first.status == 0, first.err
    report = first.json
    assert (report["refused"], report["total"]) == (0, len(report["items"]))
    by_file = {name: {item["result"] for item in report["items"] if item["file"] == name} for name in ("facts.xlsx", "years.csv")}
    assert by_file == {"facts.xlsx": {"recorded"}, "years.csv": {"unchanged"}}
    assert {item["result"] for item in tallystick(*command).json["items"]} == {"unchanged"}


def test_a_row_that_is_refused_ends_in_status_one_and_stops_no_other(
    tallystick: Tallystick, homes: dict[str, Path], tmp_path: Path
) -> None:
    file = tmp_path / "months.csv"
    file.write_text("uscc,month,collections_goods\n91210800MA0000001L,2026-05,1.00\n91210800MA0000001L,May,1.00\n", encoding="utf-8")
    broken = tmp_path / "broken.csv"
    broken.write_text("nothing,of,this\n", encoding="utf-8")
    finished = tallystick("credit", "import", "--home", homes["authority"], file, broken)
    assert finished.status == 1
    assert finished.out.splitlines()[1].split("\t")[:5] == ["months.csv", "month", "2", "91210800MA0000001L", "recorded"]
    assert "field-invalid" in finished.out and "columns-wrong" in finished.out
    assert finished.out.splitlines()[-1] == "1 accepted, 2 refused, of 3"


def test_only_the_authority_keeps_facts(tallystick: Tallystick, homes: dict[str, Path], tmp_path: Path) -> None:
    finished = tallystick("credit", "import", "--home", homes["bank-a"], EXAMPLES / "years.csv")
    assert (finished.status, finished.err.split(": ")[1]) == (1, "wrong-seat")
    missing = tallystick("credit", "import", "--home", homes["authority"], tmp_path / "missing.csv")
    assert (missing.status, missing.err.split(": ")[1]) == (2, "file-unreadable")


def test_the_example_files_say_the_same_of_the_same_years() -> None:
    with (EXAMPLES / "facts.xlsx").open("rb") as book, (EXAMPLES / "years.csv").open("rb") as table:
        entries = [row.entry for row in read_facts(book)]
        years = [row.entry for row in read_facts(table)]
    assert None not in years and years == [entry for entry in entries if entry is not None and entry.kind == "year"]
