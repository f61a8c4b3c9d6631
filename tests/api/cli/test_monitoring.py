from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ledger.clock import SystemClock
from nodes.look_ups import LookUps
from nodes.private import PrivateStore
from tests.api.cli.conftest import Tallystick


def test_the_authority_lists_what_the_demo_raised(played_demo: Path, tallystick: Tallystick) -> None:
    found = tallystick("alerts", "list", "--home", played_demo / "authority", "--json").json["items"]
    assert {"double-attempt", "refused-duplicate", "over-limit-attempt"} <= {each["code"] for each in found}
    assert not {each["code"] for each in found} & {"amount-off-share", "part-unreadable"}
    closed = tallystick("alerts", "list", "--state", "closed", "--home", played_demo / "authority", "--json").json["items"]
    assert [(each["code"], each["state"]) for each in closed] == [("double-attempt", "closed")]


def test_figures_are_told_in_a_table(played_demo: Path, tallystick: Tallystick) -> None:
    stages = tallystick("monitoring", "stages", "--home", played_demo / "authority", "--json").json["items"]
    assert [each["stage"] for each in stages] == ["apply-to-intake", "intake-to-approve", "approve-to-disburse", "apply-to-disburse"]
    assert all(each["count"] for each in stages)
    told = tallystick("monitoring", "summary", "--home", played_demo / "authority")
    assert told.out.splitlines()[0].split("\t")[0] == "currency"
    assert "USD" in told.out


def test_another_members_home_has_none_of_it(founded: Path, tallystick: Tallystick) -> None:
    for command in (("monitoring", "summary"), ("monitoring", "stages"), ("alerts", "list"), ("look-ups", "check")):
        finished = tallystick(*command, "--home", founded / "bank-a")
        assert (finished.status, "wrong-seat" in finished.err) == (1, True)


def test_a_log_of_look_ups_that_was_changed_is_found(founded: Path, tallystick: Tallystick) -> None:
    home = founded / "authority"
    with closing(PrivateStore(f"sqlite:///{home / 'private.db'}")) as private:
        for subject in ("a", "b"):
            LookUps(private, SystemClock()).add(who="w", role="checker", resource="GET /v1/x", subject=subject, purpose="", enterprises=())
    whole = tallystick("look-ups", "check", "--home", home, "--json")
    assert (whole.status, whole.json["ok"], whole.json["entries"]) == (0, True, 2)
    assert "2 entries" in tallystick("look-ups", "check", "--home", home).out
    with closing(sqlite3.connect(home / "private.db")) as private_file:
        private_file.execute("DELETE FROM look_ups WHERE place = 1")
        private_file.commit()
    broken = tallystick("look-ups", "check", "--home", home, "--json")
    assert (broken.status, broken.json["first_bad"]) == (1, 1)
    assert "look-ups-broken" in broken.err
