"""Putting a home back from a backup: into a new directory, with its private database on SQLite or PostgreSQL, whichever it came from.

Nothing is left of an attempt that fails: the rows go in within one transaction, and the configuration, without which a directory is no
home, is written last.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from ledger.database import connect
from ledger.errors import InputError, Unreachable, VerificationFailed
from ledger.migrating import migrate_inside
from ledger.schema import BASELINE, require_empty
from nodes.backups.envelope import damaged, read_sealed
from nodes.backups.lines import data, decode, value
from nodes.backups.making import ATTACHMENTS, FILES, KEYS, Backup
from nodes.home import CONFIG_NAME, Home
from nodes.home_config import HomeConfig, StorageSection
from nodes.private import private_schema
from nodes.private_files import make_private_directory

IN_HOME: Final = "home"
_NAME: Final = re.compile(r"[0-9a-z][0-9a-z.-]{0,127}\Z")
_ROWS_AT_ONCE: Final = 200
_Line = dict[str, Any]


class _Lines:
    """The lines of a backup, with the one that comes next in sight."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines = lines
        self.next: _Line = next(lines, {})

    def take(self) -> _Line:
        taken, self.next = self.next, next(self._lines, {})
        return taken


def restore(file: BinaryIO, passphrase: bytes, path: Path, *, ledger_url: str | None = None, private_url: str | None = None) -> Backup:
    """Makes a home from a backup. The addresses replace those of its configuration; `home` stands for SQLite in the home.

    Raises `Refused` (`home-not-empty`, `database-not-empty`), `InputError` (`not-a-backup`), `NotPermitted` (`passphrase-wrong`),
    `VerificationFailed` (`backup-damaged`, `database-too-new`), `Unreachable` (`database-unreachable`, `file-not-written`).
    """
    made, config = restore_unfinished(file, passphrase, path, ledger_url=ledger_url, private_url=private_url)
    Home(path).write_config(config)
    return made


def restore_unfinished(
    file: BinaryIO, passphrase: bytes, path: Path, *, ledger_url: str | None = None, private_url: str | None = None
) -> tuple[Backup, HomeConfig]:
    """As `restore`, but for the configuration: the directory becomes a home when the caller writes it."""
    home = Home(path)
    home.check_free()
    with leaving_nothing(path):
        try:
            return _restore(_Lines(decode(read_sealed(file, passphrase))), home, ledger_url, private_url)
        except (KeyError, TypeError) as error:
            raise damaged() from error


@contextmanager
def leaving_nothing(path: Path) -> Iterator[None]:
    """A new home that is not finished leaves nothing in its directory, and the directory only where it was there before."""
    existed = path.exists()
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        if existed:
            make_private_directory(path)
        raise


def _restore(lines: _Lines, home: Home, ledger_url: str | None, private_url: str | None) -> tuple[Backup, HomeConfig]:
    about = lines.take()["backup"]
    if about["v"] != 1:
        raise InputError("not-a-backup", "this backup has a format that this program does not know", hint="use a newer program")
    _check_revision(about["schema"])
    home.make()
    config_text, files = _restore_files(lines, home)
    config = _config(config_text, ledger_url, private_url)
    engine = connect(home.private_url(config))
    try:
        require_empty(engine)
        rows = _restore_rows(lines, engine, about["schema"], files)
    except SQLAlchemyError as error:
        raise Unreachable("database-unreachable", "the private database cannot be written", hint="check its disk and rights") from error
    finally:
        engine.dispose()
    return Backup(about["network"], about["node"], about["schema"], files, rows), config


def _check_revision(revision: str) -> None:
    head = private_schema().head
    if not BASELINE <= revision <= head:
        message = f"the backup has schema {revision}, this program knows {head}"
        raise VerificationFailed("database-too-new", message, hint="restore it with the newer program")


def _restore_files(lines: _Lines, home: Home) -> tuple[bytes, int]:
    """Writes every file but the configuration, which is given back, and counts them."""
    config, count = b"", 0
    while "file" in lines.next:
        entry = lines.take()
        target = _place(home, entry["file"])
        if target.name == CONFIG_NAME:
            config = b"".join(_content(lines, entry["bytes"]))
        else:
            make_private_directory(target.parent)
            _write(target, _content(lines, entry["bytes"]))
        count += 1
    return config, count


def _place(home: Home, name: str) -> Path:
    """Where a file belongs: the backup is authentic, but whoever made it may not write outside of the home."""
    *room, last = name.split("/")
    if not (room in ([KEYS], [ATTACHMENTS]) or (not room and last in FILES)) or _NAME.match(last) is None:
        raise damaged()
    return home.path / name


def _content(lines: _Lines, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = data(lines.take(), "data")
        size -= len(piece)
        yield piece
    if size:
        raise damaged()


def _write(target: Path, content: Iterator[bytes]) -> None:
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"{target.name} could not be written: {error.strerror}"
        raise Unreachable("file-not-written", message, hint=f"make room and access for {target}") from error


def _config(text: bytes, ledger_url: str | None, private_url: str | None) -> HomeConfig:
    try:
        config = HomeConfig.model_validate(tomllib.loads(text.decode("utf-8")))
    except (ValidationError, ValueError) as error:
        raise damaged() from error
    had = config.storage
    storage = StorageSection(ledger_url=_replaced(had.ledger_url, ledger_url), private_url=_replaced(had.private_url, private_url))
    return config.model_copy(update={"storage": storage})


def _replaced(had: str | None, given: str | None) -> str | None:
    return had if given is None else None if given == IN_HOME else given


def _restore_rows(lines: _Lines, engine: sa.Engine, revision: str, files: int) -> int:
    """Makes the tables of the backup's revision, fills them, checks that the backup ends here, and migrates: all in one transaction."""
    count = 0
    with engine.begin() as connection:
        migrate_inside(connection, private_schema(), revision)
        tables = sa.MetaData()
        tables.reflect(connection)
        while "table" in lines.next:
            entry = lines.take()
            count += _restore_table(lines, connection, tables.tables[entry["table"]], entry["columns"])
        if lines.take() != {"end": {"files": files, "rows": count}} or lines.next:
            raise damaged()
        if revision != private_schema().head:
            migrate_inside(connection, private_schema())
        _count_on(connection)
    return count


def _restore_table(lines: _Lines, connection: sa.Connection, table: sa.Table, columns: list[str]) -> int:
    insert, count, waiting = sa.insert(table), 0, list[_Line]()
    while "row" in lines.next:
        row = lines.take()["row"]
        if len(row) != len(columns):
            raise damaged()
        waiting.append({name: value(stored) for name, stored in zip(columns, row, strict=True)})
        if len(waiting) == _ROWS_AT_ONCE:
            connection.execute(insert, waiting)
            waiting.clear()
        count += 1
    if waiting:
        connection.execute(insert, waiting)
    return count


def _count_on(connection: sa.Connection) -> None:
    """PostgreSQL numbers rows by sequences beside the tables, which know nothing of the rows that were put back."""
    if connection.dialect.name != "postgresql":
        return
    for table in private_schema().declared.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            following = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(sequence, following, False)))
