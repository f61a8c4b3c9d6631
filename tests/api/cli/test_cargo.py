from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from api.cli.demo.cargo import COMMITTED_AS_OF, STORY_DAYS, example_places, load_cargo
from ledger.errors import InputError

_DAY = timedelta(days=1)


def _at(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("today", "committed"),
    [
        (COMMITTED_AS_OF + 5 * _DAY, False),
        (COMMITTED_AS_OF + 22 * _DAY, True),
        (COMMITTED_AS_OF + 90 * _DAY, True),
        (COMMITTED_AS_OF + 400 * _DAY, False),
        (COMMITTED_AS_OF + 4000 * _DAY, False),
    ],
)
def test_whatever_the_date_the_shipments_are_fresh_and_the_story_ends_before_now(today: date, committed: bool) -> None:
    cargo = load_cargo(_at(today))
    start = datetime.fromtimestamp(cargo.start_ms / 1000, UTC).date()
    found = [what for declarations in cargo.declarations.values() for what in declarations]
    assert {name: len(declarations) for name, declarations in cargo.declarations.items()} == {
        "exporter-a": 10,
        "exporter-b": 32,
        "exporter-c": 10,
        "exporter-d": 8,
    }
    assert start + STORY_DAYS * _DAY < today
    assert all(start - 300 * _DAY < date.fromisoformat(what.export_date) < start for what in found)
    plums = cargo.declarations["exporter-a"][0]
    assert (plums.number[9:], str(plums.total)) == ("519123456", "USD 36,250.00")
    assert (plums.number == "090820260519123456" and plums.export_date == "2026-06-11") == committed


def test_the_examples_beside_an_installation_serve_as_well_as_a_checkouts(tmp_path: Path) -> None:
    checkout, installed = example_places()
    beside = tmp_path / "prefix" / "share" / "tallystick" / "examples"
    assert installed.parts[-3:] == beside.parts[-3:]
    shutil.copytree(checkout, beside)
    for today in (COMMITTED_AS_OF + 90 * _DAY, COMMITTED_AS_OF + 400 * _DAY):
        assert load_cargo(_at(today), [tmp_path / "none", beside]) == load_cargo(_at(today), [checkout])


def test_no_examples_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="examples-missing"):
        load_cargo(_at(COMMITTED_AS_OF + 90 * _DAY), [tmp_path])
