"""Which declaration numbers came before, in memory that does not grow: 18 digits each, in a temporary database on disk.

The numbers are those of one import; what an earlier import registered is the ledger's to know (`already-registered`).
"""

from __future__ import annotations

import sqlite3
from typing import Final, Self

_CACHE_KIB: Final = 1_024


class DuplicateGuard:
    """A set of 18-digit numbers. SQLite keeps it in an unnamed temporary file, which goes with `close`."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary database: cached up to the size below, the rest on disk.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")

    def first(self, number: str) -> bool:
        """Remember an 18-digit number; whether it is new."""
        return self._connection.execute("INSERT OR IGNORE INTO numbers VALUES (?)", (int(number),)).rowcount == 1

    def __contains__(self, number: str) -> bool:
        return self._connection.execute("SELECT 1 FROM numbers WHERE number = ?", (int(number),)).fetchone() is not None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
