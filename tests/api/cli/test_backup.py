from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.api.cli.conftest import Tallystick, served

WORDS = "three geese over the salt marsh"


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(WORDS + "\n", encoding="utf-8")
    return file


def test_a_home_is_backed_up_beside_its_running_node_and_recovered(
    tallystick: Tallystick, founded: Path, passphrase: Path, tmp_path: Path
) -> None:
    home, file = founded / "authority", tmp_path / "authority.backup"
    left_over = tmp_path / ".authority.backup.tmp"
    left_over.touch()
    left_over.chmod(0o666)
    with served(home):
        made = tallystick("backup", "--home", home, "-o", file, "--passphrase-file", passphrase, "--json")
        assert made.status == 0, made.err
    assert made.json["node"] == "authority" and made.json["rows"] > 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"Forex" not in file.read_bytes()
    put_back = tallystick("recover", "--home", tmp_path / "new", "--backup", file, "--passphrase-file", passphrase, "--json")
    assert put_back.status == 0, put_back.err
    assert (put_back.json["files"], put_back.json["rows"]) == (made.json["files"], made.json["rows"])
    users = tallystick("user", "list", "--home", tmp_path / "new", "--json").json
    assert users == tallystick("user", "list", "--home", home, "--json").json and users
    assert (tmp_path / "new" / "node.secret").read_bytes() == (home / "node.secret").read_bytes()


def test_a_backup_is_never_overwritten_and_its_passphrase_never_weak(
    tallystick: Tallystick, founded: Path, passphrase: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"kept")
    refused = tallystick("backup", "--home", founded / "bank-a", "-o", there, "--passphrase-file", passphrase)
    assert refused.status == 1 and refused.err.startswith("tallystick: file-exists: ")
    assert there.read_bytes() == b"kept"
    passphrase.write_text("short\n", encoding="utf-8")
    weak = tallystick("backup", "--home", founded / "bank-a", "-o", tmp_path / "new", "--passphrase-file", passphrase)
    assert weak.status == 2 and weak.err.startswith("tallystick: weak-secret: ")
    assert not (tmp_path / "new").exists()


def test_another_passphrase_or_file_recovers_nothing(tallystick: Tallystick, founded: Path, passphrase: Path, tmp_path: Path) -> None:
    file = tmp_path / "bank-a.backup"
    assert tallystick("backup", "--home", founded / "bank-a", "-o", file, "--passphrase-file", passphrase).status == 0
    passphrase.write_text(WORDS + "es\n", encoding="utf-8")
    wrong = tallystick("recover", "--home", tmp_path / "new", "--backup", file, "--passphrase-file", passphrase)
    assert wrong.status == 1 and wrong.err.startswith("tallystick: passphrase-wrong: ")
    other = tallystick("recover", "--home", tmp_path / "new", "--backup", passphrase, "--passphrase-file", passphrase)
    assert other.status == 2 and other.err.startswith("tallystick: not-a-backup: ")
    assert not (tmp_path / "new").exists()
    for arguments in ([], ["--backup", str(file), "--from-ledger"]):
        assert tallystick("recover", "--home", tmp_path / "new", *arguments).status == 2


def test_a_lost_private_database_is_rebuilt_and_its_people_restored(tallystick: Tallystick, spoilt_demo: Path, tmp_path: Path) -> None:
    home = spoilt_demo / "bank-b"
    for path in home.glob("private.db*"):
        path.unlink()
    rebuilt = tallystick("recover", "--home", home, "--from-ledger")
    assert rebuilt.status == 0, rebuilt.err
    assert "idempotency" in rebuilt.out and "tallystick user restore maker" in rebuilt.out
    sign_ins = json.loads((spoilt_demo / "sign-ins.json").read_text(encoding="utf-8"))
    secret = next(each["secret"] for each in sign_ins if (each["node"], each["user"]) == ("bank-b", "maker"))
    (tmp_path / "secret").write_text(secret, encoding="utf-8")
    restored = tallystick("user", "restore", "maker", "--home", home, "--secret-file", tmp_path / "secret", "--json")
    assert restored.status == 0, restored.err
    assert tallystick("user", "list", "--home", home).out.count("maker") >= 1
    again = tallystick("recover", "--home", home, "--from-ledger")
    assert again.status == 1 and again.err.startswith("tallystick: private-exists: ")
