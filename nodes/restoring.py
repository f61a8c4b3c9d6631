"""A home made from an archive: the ledger from the archive, by a replay that believes nothing, and the rest from a member's own backup or
old home. Without those it is a replica at rest, for whoever wants to audit, prove or export.

All of it or nothing: the ledger goes in within one transaction, the configuration, without which a directory is no home, is written
last, and a failure empties what was filled. An operator that would go on from an older ledger than it has made is refused: that
would be a fork. Afterwards every table that follows from the ledger is made again from it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from contracts.ruleset import RULEBOOK
from ledger import canonical
from ledger.archive import Progress
from ledger.archive_replay import Opening, check_trust, fill, read_opening
from ledger.checkpoint_text import said
from ledger.clock import Clock
from ledger.database import connect, parsed_url
from ledger.errors import InputError, Refused, TallystickError, Unreachable, VerificationFailed
from ledger.file_lock import FileLock
from ledger.schema import require_empty
from ledger.store import LedgerStore
from ledger.writer_lock import WriterLock
from nodes.backups.making import back_up
from nodes.backups.restoring import IN_HOME, leaving_nothing, restore_unfinished
from nodes.home import Home, write_file
from nodes.home_config import EngineSection, HomeConfig, NetworkSection, NodeSection, StorageSection
from nodes.keys.keystore import Argon2Cost
from nodes.node import Node
from nodes.private import PrivateStore, outbox, parts
from nodes.reader import cursor_of
from nodes.trust_files import trust_document

AT_REST: Final = "replica"
_NAME_CHARS_MAX: Final = 64
_PASSPHRASE_BYTES: Final = 32
# The copy of an old home lives for a moment, under a random passphrase that nobody could guess anyway.
_CHEAP: Final = Argon2Cost(passes=1, memory_kib=8, lanes=1)


@dataclass(frozen=True, slots=True)
class MemberBackup:
    """What `nodes.backups` wrote of a member's home, and what opens it."""

    file: BinaryIO
    passphrase: bytes


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the new home keeps its databases, instead of where the member's own did: an address, or `home` for SQLite in it."""

    ledger_url: str | None = None
    private_url: str | None = None


@dataclass(frozen=True, slots=True)
class RestoredHome:
    """`engine` is how the home goes on; `none` for a replica at rest. `read` records were read into the private tables."""

    network: str
    node: str
    engine: str
    height: int
    records: int
    read: int


def restore_home(
    archive: BinaryIO,
    path: Path,
    backup: MemberBackup | None,
    *,
    storage: Storage = Storage(),
    trust: bytes | None = None,
    on_progress: Progress | None = None,
) -> RestoredHome:
    """Makes a home in a new directory from an archive, and from a member's backup if there is one.

    `trust` is a trust file's bytes that the archive must hold under; without it, the archive is believed to be of the network that it
    names, which with a backup is the member's own. Raises `Refused` (`home-not-empty`, `database-not-empty`, `ledger-older`,
    `other-network`), `InputError` (`database-shared`), and as `ledger.archive_replay.replay` and `restore_unfinished`.
    """
    opening = read_opening(archive)
    if trust is not None:
        check_trust(opening, trust)
    archive.seek(0)
    home = Home(path)
    home.check_free()
    with leaving_nothing(path), _filled() as filled:
        config = _at_rest(home, opening, storage) if backup is None else _members_own(home, opening, backup, storage, filled)
        _check_apart(home, config)
        with _empty_database(home.ledger_url(config), filled), closing(LedgerStore(home.ledger_url(config))) as store:
            replayed = fill(store, archive, RULEBOOK, on_progress)
        if backup is None:
            _write_public(home, opening.genesis)
        if trust is not None:
            write_file(home.trust_file, trust)
        home.write_config(config)
        read = 0 if backup is None else _read_again(path)
    return RestoredHome(opening.network, config.node.id, config.engine.kind, replayed.last.height, opening.records, read)


@contextmanager
def copied(old: Path, archive: BinaryIO, *, clock: Clock, random: Callable[[int], bytes]) -> Iterator[MemberBackup]:
    """A backup of an old home, made and opened on the spot, which nobody can run in the meantime.

    Raises `Unreachable` (`home-in-use`), `Refused` (`ledger-older`) where its own ledger goes further than an operator's archive,
    `VerificationFailed` (`fork-seen`, `operator-invalid`) where it has halted, and as `back_up`.
    """
    home = Home(old)
    opening = read_opening(archive)
    archive.seek(0)
    lock = FileLock(home.lock_file)
    config = home.read_config()
    lock.acquire()
    try:
        _check_old_ledger(home, config, opening)
        passphrase = random(_PASSPHRASE_BYTES)
        with tempfile.TemporaryFile() as file:
            back_up(home, file, passphrase, clock=clock, random=random, cost=_CHEAP)
            file.seek(0)
            yield MemberBackup(file, passphrase)
    finally:
        lock.release()


def _members_own(home: Home, opening: Opening, backup: MemberBackup, storage: Storage, filled: list[str]) -> HomeConfig:
    """Everything of the member's but the ledger and the configuration."""
    urls = {"ledger_url": storage.ledger_url, "private_url": storage.private_url}
    _, config = restore_unfinished(backup.file, backup.passphrase, home.path, **urls)
    filled.append(home.private_url(config))
    if config.network.id != opening.network:
        raise Refused("other-network", "the archive is of another network than the member's keys", hint="take its own network's archive")
    if config.engine.kind == "solo":
        with closing(PrivateStore(home.private_url(config))) as private, private.reading() as connection:
            _check_newest(connection, opening)
    return config


def _check_newest(connection: sa.Connection, opening: Opening) -> None:
    """An operator's private database knows of blocks by how far it read, by what it sent and by what it opened."""
    heights = [connection.execute(sa.select(sa.func.max(column))).scalar() for column in (outbox.c.height, parts.c.height)]
    if cursor_of(connection) > _log_size(opening) - 1 or max(height or 0 for height in heights) > opening.height:
        raise _older()


def _at_rest(home: Home, opening: Opening, storage: Storage) -> HomeConfig:
    """The configuration of a home that is nobody's."""
    home.make()
    url = None if storage.ledger_url == IN_HOME else storage.ledger_url
    return HomeConfig(
        network=NetworkSection(name=str(opening.genesis.get("name") or AT_REST)[:_NAME_CHARS_MAX], id=opening.network),
        node=NodeSection(id=AT_REST, name="A ledger at rest", role="auditor", member=AT_REST),
        engine=EngineSection(kind="none"),
        storage=StorageSection(ledger_url=url),
    )


def _write_public(home: Home, genesis: dict[str, Any]) -> None:
    """What a member's backup holds too. Raises `InputError` (`bad-genesis`)."""
    try:
        write_file(home.trust_file, canonical.encode(trust_document(genesis)))
    except (KeyError, TypeError) as error:
        raise InputError("bad-genesis", "the genesis document names no engine") from error
    write_file(home.genesis_file, canonical.encode(genesis))


def _check_apart(home: Home, config: HomeConfig) -> None:
    if parsed_url(home.ledger_url(config)) == parsed_url(home.private_url(config)):
        raise InputError("database-shared", "the ledger and the private data need a database each", hint="name two of them")


def _read_again(path: Path) -> int:
    """Makes every table that follows from the ledger again."""
    node = Node.open(path)
    lock = WriterLock(FileLock(node.home.lock_file), node.store.engine)
    try:
        lock.acquire()
        try:
            return node.reader.rebuild()
        finally:
            lock.release()
    finally:
        node.close()


def _check_old_ledger(home: Home, config: HomeConfig, opening: Opening) -> None:
    """An old ledger that still can be read has a word in it. One that is lost or damaged is what restoring is for."""
    try:
        with closing(LedgerStore(home.ledger_url(config), read_only=True)) as store:
            halted = store.halted()
            with store.reading() as reader:
                size = reader.head.log_size + 1
    except (TallystickError, SQLAlchemyError):
        return
    if halted is not None:
        hint = "see tallystick audit; keep this home as evidence"
        raise VerificationFailed(str(halted["code"]), "the old home refuses its operator for good", hint=hint)
    if config.engine.kind == "solo" and size > _log_size(opening):
        raise _older()


def _log_size(opening: Opening) -> int:
    """The size of the log after the archive's last block, as its first line says: the replay shows whether that is true."""
    return said(opening.checkpoint).size


def _older() -> Refused:
    message = "the archive lacks blocks that this operator has made before: to go on from there would be a fork"
    return Refused("ledger-older", message, hint="restore from a newer archive; any member can export one")


@contextmanager
def _filled() -> Iterator[list[str]]:
    """Addresses of databases that were empty before: after a failure they are empty again."""
    urls: list[str] = []
    try:
        yield urls
    except BaseException:
        for url in urls:
            _empty_again(url)
        raise


@contextmanager
def _empty_database(url: str, filled: list[str]) -> Iterator[None]:
    """Notes an empty database as one that is being filled. Raises `Refused` (`database-not-empty`)."""
    engine = connect(url)
    try:
        require_empty(engine)
        filled.append(url)
    finally:
        engine.dispose()
    try:
        yield
    except SQLAlchemyError as error:
        raise Unreachable("database-unreachable", "the ledger cannot be written", hint="check the database's disk and rights") from error


def _empty_again(url: str) -> None:
    tables = sa.MetaData()
    try:
        engine = connect(url)
        with engine.begin() as connection:
            tables.reflect(connection)
            tables.drop_all(connection)
        engine.dispose()
    except (TallystickError, SQLAlchemyError):
        # The failure that led here is the one to be told; a database that is not empty says so at the next attempt.
        return
