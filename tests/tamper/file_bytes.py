"""Every byte of a ledger's SQLite file changed, below whatever SQLite makes of it: the audit, or opening the ledger, says so, or else the
byte is one that holds nothing of the ledger, and every row is what it was.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any, Final

from ledger.errors import TallystickError
from ledger.store import LedgerStore
from tests.ledger.small_ledger import url_of
from tests.tamper.rows import KEYS
from tests.tamper.trying import Trying, made
from tests.tamper.unused import FREE_PAGE, FREED, GAP, TAIL, unused

HEADER: Final = "in the file's header, of what SQLite writes and does not read, or reads only before it writes"
WORDS: Final = "in the list of tables: a word or number of it that makes the tables no other ones for who reads them"
INDEX: Final = "in an index, which SQLite's own check takes for right all the same; the audit reads the rows"
SLACK: Final = (GAP, FREED, TAIL, FREE_PAGE, HEADER, WORDS, INDEX)
_HEADER_BYTES: Final = 100
_INDEX_PAGES: Final = (2, 10)
# Most of what holds nothing is alike: so many times fewer of it are tried.
_UNUSED_STEP: Final = 16
_MASK: Final = 0x01


def try_file(name: str, step: int = 1) -> tuple[Counter[str], list[str]]:
    """Every so many of the bytes: what was counted, and whatever was not as it must be."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with made(name) as ledger, closing(Trying(ledger)) as trying:
        data = trying.right
        free, rows = unused(data), _rows(trying)
        used = [at for at in range(len(data)) if at not in free]
        for at in [*used[::step], *sorted(free)[:: step * _UNUSED_STEP]]:
            counts["bytes changed"] += 1
            trying.write(data[:at] + bytes([data[at] ^ _MASK]) + data[at + 1 :])
            found = _found(trying)
            reason = free.get(at) or _reason(data, at)
            if found and at in free:
                wrong.append(f"{name}, byte {at}: holds nothing, and is found: {found}")
            elif found:
                counts[found] += 1
            elif reason is None or _rows(trying) != rows:
                wrong.append(f"{name}, byte {at}: is not found")
            else:
                counts["slack"] += 1
                counts[f"slack: {reason}"] += 1
    return counts, wrong


def _found(trying: Trying) -> str:
    """How a change is found; empty where it is not."""
    try:
        with closing(LedgerStore(url_of(trying.path), read_only=True)):
            pass
    except TallystickError:
        return "found where the ledger is opened"
    return "" if trying.audit().ok else "found by the audit"


def _reason(data: bytes, at: int) -> str | None:
    """Why a byte of this place may be slack."""
    if at < _HEADER_BYTES:
        return HEADER
    page_bytes = int.from_bytes(data[16:18], "big")
    if at < page_bytes:
        return WORDS
    return INDEX if data[at - at % page_bytes] in _INDEX_PAGES else None


def _rows(trying: Trying) -> dict[str, list[Any]]:
    """Every row, read from the tables themselves and not from an index."""
    with closing(sqlite3.connect(trying.path)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY rowid").fetchall() for table in KEYS}  # noqa: S608  # names of ours
