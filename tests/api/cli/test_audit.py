from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from api.cli import audit
from ledger.audit import Manner
from ledger.errors import VerificationFailed
from nodes.auditing import report
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


def test_the_report_is_written_and_signed_by_the_member(played_demo: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    told = tallystick("audit", "--home", played_demo / "bank-a", "--jobs", "2", "--sample", "3", "--report", tmp_path / "report")
    assert told.status == 0, told.err
    assert "opened parts agree with the ledger" in told.out
    names = ["audit-report.json", "audit-report.pdf", "audit-sample.csv"]
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == names
    assert all(name in told.out.replace("\n", "") for name in names)
    document = (tmp_path / "report" / names[0]).read_bytes()
    assert report.check(document, (played_demo / "trust.json").read_bytes()).member == "bank-a"
    checked = tallystick("verify", tmp_path / "report" / names[0], "--trust", played_demo / "trust.json", "--json").json["files"][0]
    assert (checked["ok"], checked["code"]) == (True, None)
    assert checked["proves"][0].startswith("member 'bank-a' signed this report of an audit up to block ")
    assert "word of the member" in checked["does_not_prove"][0]
    (tmp_path / "changed.json").write_bytes(document.replace(b'"made_at":"2', b'"made_at":"3', 1))
    changed = tallystick("verify", tmp_path / "changed.json", "--trust", played_demo / "trust.json")
    assert changed.status == 1
    assert "DOES NOT HOLD: report-not-signed" in changed.out
    assert (tmp_path / "report" / names[1]).read_bytes().startswith(b"%PDF-")
    assert len((tmp_path / "report" / names[2]).read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("update headers set checkpoint = 'rubbish'", "bad-note"),
        ("update headers set leaf = x'7b7d' where height = (select max(height) from headers)", "malformed-header"),
    ],
    ids=["notes", "the newest header"],
)
def test_what_is_found_is_told_where_no_report_can_be_made_of_it(
    spoilt_demo: Path, tallystick: Tallystick, tmp_path: Path, damage: str, code: str
) -> None:
    with sqlite3.connect(spoilt_demo / "bank-a" / "ledger.db") as connection:
        connection.execute(damage)
    connection.close()
    audited = tallystick("audit", "--home", spoilt_demo / "bank-a", "--report", tmp_path / "report", "--json")
    assert audited.status == 1
    assert audited.json["findings"]
    assert code in audited.err


def test_an_exporters_home_makes_a_report_that_nobody_signs(played_demo: Path, tallystick: Tallystick, tmp_path: Path) -> None:
    assert tallystick("audit", "--home", played_demo / "exporter-a", "--report", tmp_path, "--json").status == 0
    with pytest.raises(VerificationFailed, match="report-unsigned"):
        report.check((tmp_path / "audit-report.json").read_bytes(), (played_demo / "trust.json").read_bytes())


def test_there_is_nothing_to_resume_before_an_audit_was_stopped(played_demo: Path, tallystick: Tallystick) -> None:
    told = tallystick("audit", "--home", played_demo / "auditor", "--resume")
    assert told.status != 0
    assert "no-snapshot" in told.err


def test_ctrl_c_stops_an_audit_and_the_next_one_goes_on(spoilt_demo: Path, tallystick: Tallystick, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt comes at a height, as if it were pressed there."""
    home = spoilt_demo / "bank-b"

    def interrupted(**given: Any) -> Manner:
        def press(height: int, last: int) -> None:
            if height == 9:
                signal.raise_signal(signal.SIGINT)

        return Manner(**{**given, "on_progress": press})

    monkeypatch.setattr(audit, "Manner", interrupted)
    stopped = tallystick("audit", "--home", home, "--json")
    assert (stopped.status, "audit-stopped" in stopped.err) == (1, True)
    monkeypatch.setattr(audit, "Manner", Manner)
    found = tallystick("audit", "--home", home, "--resume", "--json")
    assert found.status == 0, found.err
    assert found.json["resumed_from"] == 9
    assert not (home / audit.SNAPSHOT_FILE).exists()
