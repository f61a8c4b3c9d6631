"""The manual for operators: its commands run as they stand on a played demo, and its tables are what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from nodes.backups.rebuilding import NOT_ON_THE_LEDGER
from nodes.private import private_schema

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_commands_run_as_they_stand(spoilt_demo: Path, tmp_path: Path) -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    blocks = re.findall(r"```console runnable\n(.*?)```", text, flags=re.DOTALL)
    commands = [command for block in blocks for command in re.findall(r"^\$ (.+)$", block, flags=re.MULTILINE)]
    place = tmp_path / "place"
    (place / "var").mkdir(parents=True)
    (place / "var" / "demo").symlink_to(spoilt_demo)
    (place / "var" / "passphrase").write_text("three geese over the salt marsh\n", encoding="utf-8")
    (place / ".venv").symlink_to(sys.prefix)
    assert {command.split()[1] for command in commands} >= {"migrate", "backup", "recover"}
    for command in commands:
        finished = subprocess.run(["bash", "-euc", command], cwd=place, capture_output=True, text=True, check=False, timeout=300)
        assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
    assert (place / "var" / "bank-a-again" / "tallystick.toml").exists()


def test_what_does_not_come_back_is_listed_as_the_command_tells_it() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    declared = private_schema().declared.tables
    missing = [row for name in NOT_ON_THE_LEDGER if (row := f"| `{name}` | {declared[name].comment} |") not in text]
    assert missing == []
