from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.cli.conftest import Tallystick
from tests.api.cli.test_proofs import record_of


def test_a_bank_reads_its_own_application_and_the_auditor_does_not(
    story: dict[str, Any], played_demo: Path, tallystick: Tallystick
) -> None:
    record_id = record_of(story, "Bank A applies for a loan")
    own = tallystick("records", "show", record_id, "--home", played_demo / "bank-a", "--json").json
    others = tallystick("records", "show", record_id, "--home", played_demo / "auditor", "--json").json
    assert own["parts"]["application"]["currency"] == "USD"
    assert others["parts"] == {}
    assert own["record"] == others["record"]
    assert own["result"]["code"] == "ok"


def test_a_refused_application_stands_with_its_code(story: dict[str, Any], played_demo: Path, tallystick: Tallystick) -> None:
    shown = tallystick("records", "show", record_of(story, "refused line by line"), "--home", played_demo / "bank-c", "--json").json
    assert {line["code"] for line in shown["result"]["lines"]} == {"exhausted", "exceeds-available"}


def test_secret_parts_are_shown_to_nobody(story: dict[str, Any], played_demo: Path, tallystick: Tallystick) -> None:
    consent = record_of(story, "exporters give banks")
    for member in ("authority", "bank-a", "exporter-a"):
        shown = tallystick("records", "show", consent, "--home", played_demo / member, "--json").json
        assert [name for name in shown["parts"] if name.startswith("secret")] == []
        assert any(name.startswith("secret") for name in shown["record"]["sealed"])


def test_a_record_is_told_to_people_too(story: dict[str, Any], played_demo: Path, tallystick: Tallystick) -> None:
    told = tallystick("records", "show", record_of(story, "Bank A pays out"), "--home", played_demo / "bank-a")
    assert told.status == 0
    for line in ("type: financing.disburse", "signed by: bank-a (make)", "signed by: bank-a (check)", "part loan:"):
        assert line in told.out
    assert "\x1b" not in told.out


def test_a_block_shows_its_header_and_records(played_demo: Path, tallystick: Tallystick) -> None:
    first = tallystick("blocks", "show", "0", "--home", played_demo / "bank-b", "--json").json
    second = tallystick("blocks", "show", "1", "--home", played_demo / "bank-b", "--json").json
    assert second["header"]["previous"] == first["hash"]
    assert [record["type"] for record in second["records"]] == ["enterprise.enrol"]
    told = tallystick("blocks", "show", "1", "--home", played_demo / "bank-b").out
    assert "enterprise.enrol\tauthority\tok" in told


def test_what_is_not_there_is_refused_and_a_wrong_id_is_wrong_input(played_demo: Path, tallystick: Tallystick) -> None:
    home = ("--home", played_demo / "bank-b", "--json")
    for arguments, status, code in (
        (("records", "show", "0" * 64), 1, "unknown-record"),
        (("records", "show", "X"), 2, "bad-id"),
        (("blocks", "show", "100000"), 1, "unknown-height"),
        (("network", "block"), 1, "no-engine-block"),
    ):
        failed = tallystick(*arguments, *home)
        assert (failed.status, failed.out) == (status, "")
        assert failed.err.startswith(f"tallystick: {code}: ")


def test_members_are_listed_and_no_exporter_is_among_them(played_demo: Path, tallystick: Tallystick) -> None:
    items = tallystick("members", "list", "--home", played_demo / "auditor", "--json").json["items"]
    assert {item["member"]: item["role"] for item in items} == {
        "auditor": "auditor",
        "authority": "authority",
        "bank-a": "bank",
        "bank-b": "bank",
        "bank-c": "bank",
    }
    assert "bank-b\tbank" in tallystick("members", "list", "--home", played_demo / "auditor").out
