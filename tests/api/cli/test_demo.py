from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from tests.api.cli.conftest import Tallystick

IN_ORDER = [
    "customs files",
    "consent",
    "enquires about 29",
    "applies for a loan",
    "approves: maker and checker",
    "pays out",
    "refused line by line",
    "all that is left",
    "at the same time: exactly one wins",
    "forged number",
    "another exporter's number",
    "said to be worth",
    "import declaration",
    "customs voided",
    "too late",
    "free again",
    "is repaid from that",
    "from its own funds",
    "the other lender",
    "closed for both",
    "revokes its consent",
    "next enquiry",
    "next application",
    "contributions named",
    "is told what became",
    "stands on the new declaration",
    "which takes it over",
    "disputes it",
    "has 0900",
    "order is lifted",
    "Bank C is suspended",
    "repaid all the same",
    "within a day",
    "alerts of",
    "sealed money and public shares agree",
    "auditor replays",
    "proof files hold",
]


def test_every_scene_came_as_it_must(story: dict[str, Any]) -> None:
    assert story["ok"] is True
    assert [scene for scene in story["scenes"] if scene["got"] != scene["expected"]] == []


def test_the_story_is_told_in_its_order(story: dict[str, Any]) -> None:
    names = [scene["name"] for scene in story["scenes"]]
    places = [next(place for place, name in enumerate(names) if words in name) for words in IN_ORDER]
    assert places == sorted(places)


def test_the_document_has_the_fixed_shape(story: dict[str, Any]) -> None:
    assert set(story) == {"ok", "network", "height", "members", "scenes", "proofs"}
    assert all(set(scene) == {"name", "expected", "got", "record_ids"} for scene in story["scenes"])
    assert set(story["members"]) == {"authority", "bank-a", "bank-b", "bank-c", "exporter-a", "auditor"}
    assert len(story["network"]) == 64
    assert story["height"] > 50


def test_every_record_that_a_scene_names_is_in_the_auditors_replica(
    story: dict[str, Any], played_demo: Path, tallystick: Tallystick
) -> None:
    named = {record_id for scene in story["scenes"] for record_id in scene["record_ids"]}
    assert len(named) > 30
    for record_id in sorted(named)[::7]:
        shown = tallystick("records", "show", record_id, "--home", played_demo / "auditor", "--json")
        assert shown.status == 0, shown.err
        assert shown.json["record_id"] == record_id


def test_the_race_is_in_one_block_and_has_one_winner(story: dict[str, Any], played_demo: Path, tallystick: Tallystick) -> None:
    race = next(scene for scene in story["scenes"] if "exactly one wins" in scene["name"])
    shown = [tallystick("records", "show", each, "--home", played_demo / "auditor", "--json").json for each in race["record_ids"]]
    assert {each["signers"][0]["member"] for each in shown} == {"bank-b", "bank-c"}
    assert len({each["height"] for each in shown}) == 1
    assert sorted(each["result"]["code"] for each in shown) == ["exhausted", "ok"]


def test_every_replica_holds_the_same_last_block(story: dict[str, Any], played_demo: Path, tallystick: Tallystick) -> None:
    hashes = {
        tallystick("blocks", "show", story["height"], "--home", played_demo / member, "--json").json["hash"] for member in story["members"]
    }
    assert len(hashes) == 1


def test_sign_ins_are_for_their_owner_alone(played_demo: Path) -> None:
    file = played_demo / "sign-ins.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    users = {(each["node"], each["user"]) for each in json.loads(file.read_text(encoding="utf-8"))}
    assert {
        ("bank-a", "maker"),
        ("bank-a", "checker"),
        ("authority", "exporter-b"),
        ("exporter-a", "maker"),
        ("auditor", "viewer"),
    } <= users


def test_a_directory_with_something_in_it_is_left_alone(tallystick: Tallystick, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep", encoding="utf-8")
    refused = tallystick("demo", "--home", tmp_path)
    assert refused.status == 1
    assert refused.err.startswith("tallystick: home-not-empty: ")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_engine_that_is_not_here_is_named(tallystick: Tallystick, tmp_path: Path) -> None:
    refused = tallystick("demo", "--home", tmp_path / "new", "--engine", "follow")
    assert (refused.status, refused.err.split(":")[1]) == (1, " engine-unknown")
    assert not (tmp_path / "new").exists()
