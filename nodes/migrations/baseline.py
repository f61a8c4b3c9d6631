"""Writes the statements of the newest revision of the private database from today's tables: `make migrations`. Only until there is a
release with it: then what a released database holds is history, and a change is a new revision.

The baseline (`0001`) to `0003` are history already. `0004` makes every table that came since; a column that comes to an older table is
written into the revision by hand.

python -m nodes.migrations.baseline            writes
python -m nodes.migrations.baseline --check    exits 1 where a file is not what the tables say
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import postgresql, sqlite

from ledger.migrating import baseline
from nodes.private import private_schema

_OLDER: Final = ("r0001_baseline", "r0002_proofs", "r0003_events")
_NEWEST: Final = "r0004_sign_in"
_MADE: Final = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)


def files() -> dict[Path, str]:
    """Every file of statements, and what it should hold."""
    schema = private_schema()
    found = {}
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]  # SQLAlchemy leaves them untyped
        made = [(schema.versions / f"{name}.{dialect.name}.sql").read_text(encoding="utf-8") for name in _OLDER]
        older = {table for text in made for table in _MADE.findall(text)}
        newer = set(schema.declared.tables) - older
        found[schema.versions / f"{_NEWEST}.{dialect.name}.sql"] = baseline(schema, dialect, newer)
    return found


def stale() -> list[Path]:
    """The files that are not what the tables say."""
    return [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    found = stale()
    for path in found:
        if "--check" in arguments:
            sys.stderr.write(f"{path.parent.parent.parent.name}/{path.name} is not what the tables say; run `make migrations`\n")
        else:
            path.write_text(files()[path], encoding="utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
