from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from stdnum.cn import uscc

from ledger.errors import InputError
from nodes.customs.declaration import CustomsDeclaration
from nodes.customs.duplicates import DuplicateGuard
from nodes.customs.files import read_declarations
from nodes.customs.results import Parsed, Rejected
from nodes.money import Money

EXAMPLES = Path(__file__).parents[3] / "examples"
BAD = json.loads((EXAMPLES / "bad" / "expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def declarations() -> list[CustomsDeclaration]:
    found = []
    with DuplicateGuard() as guard:
        for path in sorted((EXAMPLES / "declarations").iterdir()):
            if path.suffix != ".md":
                for item in read_declarations(path, path.name, guard=guard):
                    assert isinstance(item, Parsed), (path.name, item)
                    found.append(item.declaration)
    return found


@pytest.mark.parametrize(("script", "folder"), [("make_declarations.py", "declarations"), ("make_bad_files.py", "bad")])
def test_making_the_examples_again_gives_the_same_bytes(tmp_path: Path, script: str, folder: str) -> None:
    subprocess.run([sys.executable, EXAMPLES / script, "--as-of", "2026-10-31", "--out", tmp_path], check=True, timeout=300)
    kept = {path.name: path.read_bytes() for path in (EXAMPLES / folder).iterdir() if path.suffix != ".md"}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_sixty_declarations_of_four_exporters_are_all_good(declarations: list[CustomsDeclaration]) -> None:
    exporters = json.loads((EXAMPLES / "exporters.json").read_text("utf-8"))
    assert all(uscc.is_valid(exporter["uscc"]) for exporter in exporters)
    assert [exporter["custody"] for exporter in exporters] == [False, True, True, True]
    counted = Counter(declaration.exporter_uscc for declaration in declarations)
    assert [counted[exporter["uscc"]] for exporter in exporters] == [10, 32, 10, 8]
    assert {declaration.currency for declaration in declarations} == {"USD", "EUR", "GBP", "JPY", "KRW", "CNY"}
    assert max(len(declaration.lines) for declaration in declarations) > 1


def test_the_plum_shipment_is_among_them(declarations: list[CustomsDeclaration]) -> None:
    (plums,) = (found for found in declarations if found.number == "090820260519123456")
    assert plums.total == Money.parse("USD", "36250.00")
    assert (plums.lines[0].quantity, plums.destination_country, plums.export_date) == ("11250", "IDN", "2026-06-11")


def test_exports_lie_in_the_five_months_before_and_amounts_are_those_of_trade(declarations: list[CustomsDeclaration]) -> None:
    for declaration in declarations:
        assert date(2026, 5, 31) <= date.fromisoformat(declaration.export_date) < date(2026, 10, 31)
        assert declaration.declared_date <= declaration.export_date
        if declaration.currency == "USD":
            assert 8_000_00 <= declaration.total_minor <= 480_000_00


def test_a_declaration_under_supplied_materials_is_financeable_by_its_fee(declarations: list[CustomsDeclaration]) -> None:
    supplied = [found for found in declarations if found.trade_mode == "0214"]
    assert supplied
    assert all(found.financeable_minor < found.total_minor for found in supplied)


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_file_gets_the_codes_that_are_expected(name: str) -> None:
    items = read_declarations(EXAMPLES / "bad" / name, name)
    if isinstance(BAD[name], str):
        with pytest.raises(InputError) as refusal:
            next(items)
        assert refusal.value.code == BAD[name]
    else:
        assert [item.code if isinstance(item, Rejected) else "ok" for item in items] == BAD[name]


def test_every_bad_file_has_its_expectation() -> None:
    assert set(BAD) == {path.name for path in (EXAMPLES / "bad").iterdir()} - {"README.md", "expected.json"}


def test_the_rest_of_a_file_goes_on_after_a_refusal() -> None:
    assert sum(expected == ["ok", expected[1], "ok"] for expected in BAD.values() if isinstance(expected, list) and len(expected) > 1) >= 20
