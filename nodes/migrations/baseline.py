"""Writes the statements of the baseline revisions from today's tables: `make migrations`. Only until there is a release: then what a
released database holds is history, and a change is a new revision.

python -m nodes.migrations.baseline            writes
python -m nodes.migrations.baseline --check    exits 1 where a file is not what the tables say
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy.dialects import postgresql, sqlite

from ledger.migrating import baseline
from ledger.tables import SCHEMA
from nodes.private import private_schema


def files() -> dict[Path, str]:
    """Every file of statements, and what it should hold."""
    dialects = (sqlite.dialect(), postgresql.dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy leaves them untyped
    return {
        schema.versions / f"r0001_baseline.{dialect.name}.sql": baseline(schema, dialect)
        for schema in (SCHEMA, private_schema())
        for dialect in dialects
    }


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
