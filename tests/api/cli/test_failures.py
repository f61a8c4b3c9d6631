from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli import members
from tests.api.cli.conftest import Tallystick


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing-like-it"],
        ["audit"],
        ["audit", "--home"],
        ["audit", "--home", ".", "--surely-not"],
        ["blocks", "show", "minus-one", "--home", "."],
        ["blocks", "show", "-1", "--home", "."],
        ["members"],
        ["verify", "--trust", "t.json"],
        ["init", "--home", "x", "--network", "n"],
    ],
)
def test_wrong_usage_is_exit_2_and_one_sentence(tallystick: Tallystick, arguments: list[str]) -> None:
    failed = tallystick(*arguments)
    assert failed.status == 2
    assert failed.out == ""
    assert failed.err.startswith("tallystick: usage: ")
    assert "--help" in failed.err


def test_help_is_an_answer(tallystick: Tallystick) -> None:
    helped = tallystick("--help")
    assert helped.status == 0
    for command in ("demo", "init", "serve", "user", "client", "members", "declarations", "records", "blocks", "prove", "verify", "audit"):
        assert command in helped.out


def test_a_home_that_is_not_there_is_exit_2(tallystick: Tallystick, tmp_path: Path) -> None:
    failed = tallystick("audit", "--home", tmp_path / "nowhere", "--json")
    assert (failed.status, failed.out) == (2, "")
    assert failed.err.startswith("tallystick: no-home: ")
    assert "tallystick init" in failed.err


def test_a_home_with_a_wrong_field_names_file_and_field(tallystick: Tallystick, founded: Path) -> None:
    file = founded / "bank-a" / "tallystick.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("port = ", 'port = "x" # '), encoding="utf-8")
    failed = tallystick("members", "list", "--home", founded / "bank-a")
    assert failed.status == 2
    assert "tallystick.toml" in failed.err and "api.port" in failed.err


def test_a_home_that_others_may_enter_is_refused(tallystick: Tallystick, founded: Path) -> None:
    (founded / "bank-a").chmod(0o755)
    failed = tallystick("user", "list", "--home", founded / "bank-a")
    assert failed.status == 1
    assert failed.err.startswith("tallystick: home-mode: ")


def test_a_ledger_that_never_began_cannot_be_reached(tallystick: Tallystick, founded: Path) -> None:
    failed = tallystick("audit", "--home", founded / "bank-a")
    assert failed.status == 3
    assert failed.err.startswith("tallystick: database-unreachable: ")


def test_a_fault_of_the_program_shows_no_traceback(
    tallystick: Tallystick, founded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("a private value")

    monkeypatch.setattr(members, "reading", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed = tallystick("members", "list", "--home", founded / "bank-a")
    assert failed.status == 1
    assert failed.err.startswith("tallystick: internal: ")
    assert "Traceback" not in failed.err and "a private value" not in failed.err
    (log,) = tmp_path.glob("tallystick-*.log")
    assert str(log) in failed.err
    assert "a private value" in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o077 == 0


def test_a_reader_that_goes_away_ends_the_command_quietly(played_demo: Path) -> None:
    command = f'"{sys.executable}" -m api.cli records show $1 --home "$2" --json | head -c 1'
    block = subprocess.run(
        [sys.executable, "-m", "api.cli", "blocks", "show", "3", "--home", str(played_demo / "bank-a"), "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    record_id = block.stdout.split('"record_id": "')[1][:64]
    ended = subprocess.run(
        ["bash", "-c", command, "bash", record_id, str(played_demo / "bank-a")], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "{"
    assert ended.stderr == ""
