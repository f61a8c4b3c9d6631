from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.api.cli.conftest import Tallystick


def test_every_replica_of_the_demo_follows_from_genesis(story: dict[str, Any], played_demo: Path, tallystick: Tallystick) -> None:
    for member in ("authority", "bank-c", "exporter-a"):
        audited = tallystick("audit", "--home", played_demo / member, "--json")
        assert audited.status == 0, audited.err
        report = audited.json
        assert set(report) == {"ok", "height", "records", "first_bad_height", "findings"}
        assert (report["ok"], report["height"], report["first_bad_height"], report["findings"]) == (True, story["height"], None, [])


@pytest.mark.parametrize("height", [7, 30])
def test_a_changed_result_is_found_and_its_height_is_named(spoilt_demo: Path, tallystick: Tallystick, height: int) -> None:
    home = spoilt_demo / "bank-a"
    with sqlite3.connect(home / "ledger.db") as connection:
        leaf = connection.execute("select leaf from records where height = ? order by position limit 1", (height,)).fetchone()[0]
        changed = leaf.replace(b'"code":"ok"', b'"code":"no"')
        assert changed != leaf
        connection.execute("update records set leaf = ? where leaf = ?", (changed, leaf))
    connection.close()
    audited = tallystick("audit", "--home", home, "--json")
    assert audited.status == 1
    assert audited.json["ok"] is False
    assert audited.json["first_bad_height"] == height
    assert {"height", "record_id", "code", "reason"} == set(audited.json["findings"][0])
    told = tallystick("audit", "--home", home)
    assert told.status == 1
    assert f"first bad height is {height}" in told.out
