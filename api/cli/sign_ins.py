"""How people sign in to nodes that were just made: shown once, and where many are made for one machine, kept in a file for its owner."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.cli.output import print_table
from nodes.home import write_file
from nodes.seats import SignIn

FILE_NAME: Final = "sign-ins.json"


def show_sign_ins(sign_ins: Sequence[SignIn], title: str) -> None:
    """A table with the secrets."""
    rows = [(each.node, each.address, each.user, each.role, each.secret) for each in sign_ins]
    print_table(["node", "address", "user", "role", "secret"], rows, title=title)


def write_sign_ins(directory: Path, sign_ins: Sequence[SignIn]) -> None:
    """Beside the homes, mode 0600."""
    content = json.dumps([each.to_json() for each in sign_ins], ensure_ascii=False, indent=2)
    write_file(directory / FILE_NAME, content + "\n")
