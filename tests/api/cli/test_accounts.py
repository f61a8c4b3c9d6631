from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.api.cli.conftest import Tallystick

SECRET = "several words that nobody guesses"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\nthe rest is not read\n", encoding="utf-8")
    return file


def test_a_person_is_added_listed_rotated_and_disabled(tallystick: Tallystick, founded: Path, secret_file: Path) -> None:
    home = ("--home", founded / "bank-a", "--json")
    added = tallystick("user", "add", "li-wei", "--role", "maker", "--name", "李伟", "--secret-file", secret_file, *home)
    assert added.status == 0, added.err
    assert SECRET not in added.out
    rotated = tallystick("user", "rotate", "li-wei", "--secret-file", secret_file, *home).json
    assert rotated["key_id"] != added.json["key_id"]
    assert tallystick("user", "disable", "li-wei", *home).json["disabled"] is True
    listed = {each["id"]: each for each in tallystick("user", "list", *home).json["items"]}
    assert set(listed) == {"checker", "li-wei", "maker"}
    assert (listed["li-wei"]["disabled"], listed["li-wei"]["name"]) == (True, "李伟")


def test_a_program_gets_its_secret_once_and_a_new_one_on_demand(tallystick: Tallystick, founded: Path) -> None:
    home = ("--home", founded / "bank-a", "--json")
    added = tallystick("client", "add", "core", "--scope", "ledger:read", *home).json
    assert (added["scopes"], added["role"]) == ("ledger:read", "service")
    assert len(added["secret"]) > 40
    assert tallystick("client", "rotate", "core", *home).json["secret"] != added["secret"]
    assert "secret" not in tallystick("client", "list", *home).json["items"][0]
    assert tallystick("client", "disable", "core", *home).json["disabled"] is True


def test_people_and_programs_are_not_mistaken_for_each_other(tallystick: Tallystick, founded: Path) -> None:
    home = ("--home", founded / "bank-a")
    assert tallystick("client", "disable", "maker", *home).err.startswith("tallystick: bad-account: ")
    assert tallystick("client", "add", "maker", *home).err.startswith("tallystick: account-exists: ")
    assert tallystick("user", "disable", "nobody", *home).err.startswith("tallystick: unknown-account: ")


def test_a_weak_or_missing_secret_makes_no_user(
    tallystick: Tallystick, founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ("--home", founded / "bank-a", "--json")
    weak = tmp_path / "weak"
    weak.write_text("password1234", encoding="utf-8")
    for options in (["--secret-file", weak], ["--secret-file", tmp_path / "missing"], []):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
        failed = tallystick("user", "add", "li-wei", "--role", "viewer", *options, *home)
        assert (failed.status, failed.out) == (2, "")
    assert len(tallystick("user", "list", *home).json["items"]) == 2


def test_a_secret_may_come_on_stdin(tallystick: Tallystick, founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(SECRET.encode() + b"\r\n")))
    assert tallystick("user", "add", "li-wei", "--role", "viewer", "--home", founded / "bank-a").status == 0
