"""Finding given words and amounts in bytes, in whatever encoding they may have been left there.

A text is looked for in UTF-8, UTF-16 (both orders), GB18030, JSON escapes, hex of UTF-8, GB18030 and UTF-16, and base64 and base64url of
these at each of the three alignments. An amount is looked for as decimal text, with thousands separators and as minor units, each in all
these encodings, and as an integer.

What is too short would be found by chance, so there are floors. A text has at least seven characters, or four Chinese ones. Minor units
below a million, and round ones that a share may equal (multiples of a thousand up to ten million), are looked for with a decimal point
only. Eight-byte integers are looked for in raw bytes from 2**24 on; in the cells of tables, where they are compared as numbers, from a
million on. Digits of up to eleven places count only where no letter or digit stands beside them: digests in hex are full of digits.

SQLite keeps an integer in as few bytes as hold it, and a long value in pieces. So every cell of every table is searched too.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

KEY_BYTES = 7
TEXT_CHARS_MIN = 7
CHINESE_CHARS_MIN = 4
MINOR_MIN = 1_000_000
SHARES_MAX = 10_000_000
RAW_INTEGER_MIN = 1 << 24
LONG_DIGITS = 12
LONG_CELL_BYTES = 400
_WORD = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
SQLITE = b"SQLite format 3\0"
WAL, SHM = "-wal", "-shm"
BUSY_S = 120


@dataclass(frozen=True, order=True)
class Hit:
    """`secret` was found in `place` (a file, or a table of it), encoded in this way."""

    place: str
    encoding: str
    secret: str


@dataclass
class Wanted:
    """What is looked for: patterns by their first bytes, and integers."""

    patterns: dict[bytes, list[tuple[bytes, str, str, bool]]] = field(default_factory=dict)
    integers: dict[int, str] = field(default_factory=dict)

    def add_text(self, text: str) -> bool:
        """Whether the text is long enough to be looked for."""
        least = TEXT_CHARS_MIN if text.isascii() else CHINESE_CHARS_MIN
        if len(text) < least:
            return False
        # A short number may be the end of a longer one: 54000.00 stands in 654000.00, which is something else.
        alone = text.replace(".", "").replace(",", "").isdecimal() and len(text) < LONG_DIGITS
        for encoding, pattern in encodings(text):
            self._add(pattern, encoding, text, alone and encoding == "utf-8")
        return True

    def add_amount(self, amount_minor: int, digits: int) -> None:
        """An amount in the minor unit of a currency with so many decimal places."""
        for form in decimal_forms(amount_minor, digits):
            self.add_text(form)
        if amount_minor < MINOR_MIN or (amount_minor % 1_000 == 0 and amount_minor <= SHARES_MAX):
            return
        self.add_text(str(amount_minor))
        self.integers[amount_minor] = str(amount_minor)
        if amount_minor >= RAW_INTEGER_MIN:
            for order in ("little", "big"):
                self._add(amount_minor.to_bytes(8, order), f"int64-{order}", str(amount_minor), alone=False)

    def _add(self, pattern: bytes, encoding: str, secret: str, alone: bool) -> None:
        if len(pattern) >= KEY_BYTES:
            self.patterns.setdefault(pattern[:KEY_BYTES], []).append((pattern, encoding, secret, alone))

    def search(self, data: bytes, place: str) -> Iterator[Hit]:
        """One pass, whatever the number of patterns: each window of the shortest length is looked up in a table."""
        table = self.patterns
        for at in range(len(data) - KEY_BYTES + 1):
            if (key := data[at : at + KEY_BYTES]) in table:
                for pattern, encoding, secret, alone in table[key]:
                    if data.startswith(pattern, at) and not (alone and _in_a_word(data, at, at + len(pattern))):
                        yield Hit(place, encoding, secret)


def decimal_forms(amount_minor: int, digits: int) -> list[str]:
    """As people write an amount: 1234567.89 and 1,234,567.89. Without decimal places only the one with separators: see minor units."""
    whole, rest = divmod(amount_minor, 10**digits)
    if digits == 0:
        return [f"{whole:,}"]
    return list(dict.fromkeys([f"{whole}.{rest:0{digits}d}", f"{whole:,}.{rest:0{digits}d}"]))


def encodings(text: str) -> Iterator[tuple[str, bytes]]:
    """The text in each encoding, with its name. What two encodings write alike comes once."""
    seen: set[bytes] = set()
    for name, pattern in _encodings(text):
        if pattern not in seen:
            seen.add(pattern)
            yield name, pattern


def _encodings(text: str) -> Iterator[tuple[str, bytes]]:
    plain = {name: text.encode(name) for name in ("utf-8", "utf-16-le", "utf-16-be", "gb18030")}
    yield from plain.items()
    escapes = "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in text)
    yield "json-escapes", escapes.encode()
    yield "json-escapes-upper", "".join(char if char.isascii() else f"\\u{ord(char):04X}" for char in text).encode()
    yield "json-escapes-all", "".join(f"\\u{ord(char):04x}" for char in text).encode()
    yield "json-escapes-all-upper", "".join(f"\\u{ord(char):04X}" for char in text).encode()
    for name, data in plain.items():
        yield f"hex({name})", data.hex().encode()
        yield f"HEX({name})", data.hex().upper().encode()
        for shift in range(3):
            core = _base64_core(data, shift)
            yield f"base64({name})+{shift}", core
            yield f"base64url({name})+{shift}", core.translate(bytes.maketrans(b"+/", b"-_"))


def _base64_core(data: bytes, shift: int) -> bytes:
    """Those characters that follow from the data alone where `shift` bytes stand before it in its group of three."""
    first, last = -(-8 * shift // 6), 8 * (shift + len(data)) // 6
    return base64.b64encode(bytes(shift) + data)[first:last]


def _in_a_word(data: bytes, start: int, end: int) -> bool:
    return data[start - 1 : start] != b"" and (data[start - 1] in _WORD or (end < len(data) and data[end] in _WORD))


def search_tree(root: Path, wanted: Wanted) -> set[Hit]:
    """Every byte of every file under a directory, and every cell of every SQLite database."""
    return search_files((path for path in root.rglob("*") if not path.is_dir()), wanted)


def search_files(paths: Iterable[Path], wanted: Wanted) -> set[Hit]:
    """Every byte of files, and the cells of SQLite databases, whether or not somebody has them open.

    What stands in a write-ahead log may be moved into its database at any time, so logs are read first: then it is seen in one of them.
    """
    found: set[Hit] = set()
    for path in sorted(paths, key=lambda path: (not path.name.endswith(WAL), path)):
        found |= search_file(path, wanted)
    return found


def search_file(path: Path, wanted: Wanted) -> set[Hit]:
    """Every byte of a file, and its cells where it is an SQLite database. Where databases may be open see `search_files`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        # Whoever closes a database last deletes its log and the log's index, once all of the log is in the database.
        if path.name.endswith((WAL, SHM)):
            return set()
        raise
    found = set(wanted.search(data, path.name))
    if data.startswith(SQLITE):
        for table, cell in cells(path):
            place = f"{path.name}:{table}"
            if isinstance(cell, int):
                if cell in wanted.integers:
                    found.add(Hit(place, "integer", wanted.integers[cell]))
            elif len(cell) > LONG_CELL_BYTES:
                # A short cell stands in the file in one piece; a long one may not.
                found.update(wanted.search(cell, place))
    return found


def cells(path: Path) -> Iterator[tuple[str, int | bytes]]:
    """Every value of every table: integers, and text and blobs as bytes. The write-ahead log is taken into account."""
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=BUSY_S)) as connection:
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = bytes
        tables = [name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the database itself
                yield from ((table, value) for value in row if isinstance(value, int | bytes))


def secrets_wanted(texts: Iterable[str], amounts: Iterable[tuple[int, int]]) -> Wanted:
    """`amounts` are minor units with the number of decimal places of their currency."""
    wanted = Wanted()
    for text in texts:
        wanted.add_text(text)
    for amount_minor, digits in amounts:
        wanted.add_amount(amount_minor, digits)
    return wanted
