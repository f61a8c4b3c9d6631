"""The search itself: canaries in each encoding, in a file and in a table, are found; what only looks alike is not."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.privacy.leak_search import Wanted, search_file, search_files, secrets_wanted

NAME = "金丝雀果品有限公司"
NUMBER = "090820260999999999"
MINOR = 123_456_789
HIDDEN: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "gb18030": lambda text: text.encode("gb18030"),
    "json escapes": lambda text: ascii(text).encode(),
    "JSON escapes": lambda text: "".join(f"\\u{ord(char):04X}" for char in text).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "hex of gb18030": lambda text: text.encode("gb18030").hex().encode(),
    "base64": lambda text: base64.b64encode(text.encode() + b"?>"),
    "base64, a byte later": lambda text: base64.b64encode(b"x" + text.encode() + b"?>"),
    "base64, two bytes later": lambda text: base64.b64encode(b"xy" + text.encode() + b"?>"),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode() + b"?>"),
    "base64url, a byte later": lambda text: base64.urlsafe_b64encode(b"x" + text.encode() + b"?>"),
    "base64url, two bytes later": lambda text: base64.urlsafe_b64encode(b"xy" + text.encode() + b"?>"),
    "base64 of utf-16": lambda text: base64.b64encode(b"x" + text.encode("utf-16-le")),
}
AMOUNTS = ("1234567.89", "1,234,567.89", "123456789")


@pytest.fixture
def wanted() -> Wanted:
    return secrets_wanted([NAME, NUMBER], [(MINOR, 2)])


def in_a_file(path: Path, value: bytes) -> Path:
    path.write_bytes(b"\x00 before it " + value + b" and after it")
    return path


def in_a_table(path: Path, value: bytes | int | str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE canary (id INTEGER PRIMARY KEY, value)")
        connection.executemany("INSERT INTO canary (value) VALUES (?)", [("one",), (value,), ("another",)])
        connection.commit()
    return path


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("secret", [NAME, NUMBER, *AMOUNTS])
def test_a_canary_is_found_in_each_encoding(tmp_path: Path, wanted: Wanted, secret: str, hidden: str) -> None:
    value = HIDDEN[hidden](secret)
    for path in (in_a_file(tmp_path / "canary.log", value), in_a_table(tmp_path / "canary.db", value)):
        assert {hit.secret for hit in search_file(path, wanted)} == {secret}


@pytest.mark.parametrize("order", ["little", "big"])
def test_an_amount_is_found_as_eight_bytes(tmp_path: Path, wanted: Wanted, order: str) -> None:
    value = MINOR.to_bytes(8, "little" if order == "little" else "big")
    for path in (in_a_file(tmp_path / "canary.log", value), in_a_table(tmp_path / "canary.db", value)):
        assert {hit.encoding for hit in search_file(path, wanted)} == {f"int64-{order}"}


def test_an_amount_is_found_as_a_number_in_a_table(tmp_path: Path, wanted: Wanted) -> None:
    assert {hit.encoding for hit in search_file(in_a_table(tmp_path / "canary.db", MINOR), wanted)} == {"integer"}


def test_what_only_the_write_ahead_log_holds_is_found(tmp_path: Path, wanted: Wanted) -> None:
    with closing(sqlite3.connect(tmp_path / "canary.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE canary (value)")
        connection.execute("INSERT INTO canary VALUES (?)", (MINOR,))
        connection.commit()
        assert (tmp_path / "canary.db-wal").stat().st_size
        assert {hit.encoding for hit in search_file(tmp_path / "canary.db", wanted)} == {"integer"}


def test_a_log_that_is_moved_into_its_database_while_the_search_is_under_way_is_found_there(tmp_path: Path, wanted: Wanted) -> None:
    with closing(sqlite3.connect(tmp_path / "canary.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE canary (value)")
        connection.execute("INSERT INTO canary VALUES (?)", (NUMBER,))
        connection.commit()
        listed = sorted(tmp_path.iterdir())
        assert [path.name for path in listed] == ["canary.db", "canary.db-shm", "canary.db-wal"]
    assert [path.name for path in tmp_path.iterdir()] == ["canary.db"]
    assert {(hit.place, hit.secret) for hit in search_files(listed, wanted)} == {("canary.db", NUMBER)}


def test_logs_are_read_before_their_databases(tmp_path: Path, wanted: Wanted) -> None:
    read: list[str] = []

    class Watched(type(tmp_path)):  # type: ignore[misc]  # the class of paths that the system has
        def read_bytes(self) -> bytes:
            read.append(self.name)
            return b""

    search_files([Watched(name) for name in ("a.db", "a.db-shm", "a.db-wal", "b.db", "b.db-wal")], wanted)
    assert read == ["a.db-wal", "b.db-wal", "a.db", "a.db-shm", "b.db"]


def test_a_missing_file_that_is_no_log_stops_the_search(tmp_path: Path, wanted: Wanted) -> None:
    with pytest.raises(FileNotFoundError):
        search_files([tmp_path / "canary.db"], wanted)


def test_a_value_that_a_database_keeps_in_pieces_is_found(tmp_path: Path, wanted: Wanted) -> None:
    # The name stands across the border of two overflow pages for one of these lengths.
    found = [
        any(hit.secret == NAME for hit in search_file(in_a_table(tmp_path / f"{length}.db", "x" * length + NAME), wanted))
        for length in range(8_100, 8_300, 5)
    ]
    assert all(found)


@pytest.mark.parametrize("alike", [b"a123456789", b"9123456789", b"123456789f", b"1234567890", b"1234567.8", "金丝雀果品".encode()])
def test_what_only_looks_alike_is_not_found(tmp_path: Path, wanted: Wanted, alike: bytes) -> None:
    assert not search_file(in_a_file(tmp_path / "canary.log", alike), wanted)
