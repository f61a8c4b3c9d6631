"""The snapshots that this node offers to others, in a directory of their own:

    chunk-N.z    chunk N of the log, packed, of whichever snapshot: it is the same in all of them
    HEIGHT.z     the last chunk of the snapshot of that engine height, packed
    HEIGHT.json  what describes it, written last

A new snapshot goes on where the one before it ended, so making it costs what the log has grown. Nothing here is needed: what is lost or
damaged is found by its hash, and all of it is made anew from the ledger. Files have mode 0600, and are of one engine at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger import canonical, log_tree
from ledger.errors import TallystickError, Unreachable, VerificationFailed
from ledger.limits import SNAPSHOT_CHUNKS_MAX
from ledger.snapshot import Cutter, Snapshot, broken, chunk_hash, pack, unpack
from ledger.store import LedgerStore, Reader
from ledger.stored_rows import plain_connection, rows_of
from ledger.tables import headers, records

_VERSION: Final = 1
_DESCRIPTION: Final = re.compile(r"[0-9]{1,19}\.json\Z")
_LEAVES_AT_ONCE: Final = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A snapshot whose files are here, of which network, and the size of its log."""

    snapshot: Snapshot
    network: str
    log_size: int


class SnapshotFiles:
    """`make` is for one thread at a time; beside it any others may list and load."""

    def __init__(self, directory: Path, kept: int) -> None:
        """`kept` is how many snapshots are kept, the newest; at least one."""
        self._directory, self._count = directory, kept
        self._kept: tuple[_Kept, ...] = ()
        self._damaged = False

    def open(self) -> None:
        """Makes the directory where it is missing, and looks at what is there. Raises `Unreachable` (`snapshots-unwritable`)."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            names = [path for path in self._directory.iterdir() if _DESCRIPTION.match(path.name)]
        except OSError as error:
            raise _unwritable(self._directory) from error
        found = [kept for kept in map(_described, names) if kept is not None]
        self._kept = tuple(sorted(found, key=lambda kept: kept.snapshot.engine_height))

    def list(self) -> list[Snapshot]:
        """The oldest first."""
        return [kept.snapshot for kept in self._kept]

    def load(self, engine_height: int, index: int) -> bytes:
        """A packed chunk; nothing where it is not here, or no more as it was made."""
        wanted = next((each.snapshot for each in self._kept if each.snapshot.engine_height == engine_height), None)
        if wanted is None or not 0 <= index < len(wanted.chunks):
            return b""
        path = self._chunk(index) if index < len(wanted.chunks) - 1 else self._last(engine_height)
        packed = _intact(path, wanted.chunks[index])
        if packed is None:
            log.warning("snapshot-damaged", height=engine_height, chunk=index)
            self._damaged = True
        return packed or b""

    def make(self, store: LedgerStore, height: int) -> None:
        """Makes the snapshot of a height of the ledger, where there is none so new, and removes what is too old.

        Raises `VerificationFailed` (`replica-damaged`), `Unreachable` (`snapshots-unwritable`, `database-busy`).
        """
        try:
            with store.reading() as reader:
                header = reader.header(height)
            if header is None:
                return
            before = self._beginning(header.network)
            if before is not None and before[0].log_size > header.log_size:
                return
            with plain_connection(store) as connection:
                chunks, rest = self._cut(connection, before, header.log_size + 1)
            self._keep(_Kept(Snapshot(header.engine_height, chunks), header.network, header.log_size + 1), rest)
        except OSError as error:
            raise _unwritable(self._directory) from error
        except SQLAlchemyError as error:
            raise Unreachable("database-busy", "the database does not answer", hint="try again; look at its disk and server") from error

    def _beginning(self, network: str) -> tuple[_Kept, bytes] | None:
        """The newest snapshot and its last chunk; None, and nothing is left, where it is not whole, or of another network."""
        if self._kept and not self._damaged and self._kept[-1].network == network:
            newest = self._kept[-1]
            packed = _intact(self._last(newest.snapshot.engine_height), newest.snapshot.chunks[-1])
            if packed is not None and all(self._chunk(index).exists() for index in range(len(newest.snapshot.chunks) - 1)):
                return newest, unpack(packed)
        self._kept, self._damaged = (), False
        for path in self._directory.iterdir():
            path.unlink()
        return None

    def _cut(self, connection: Connection, before: tuple[_Kept, bytes] | None, log_size: int) -> tuple[tuple[bytes, ...], bytes]:
        """Writes the full chunks that the log has more of; the hashes of all chunks, and the last chunk."""
        chunks, first, cutter = [], 0, Cutter()
        if before is not None:
            chunks, first, cutter = [*before[0].snapshot.chunks[:-1]], before[0].log_size, Cutter(before[1])
        with closing(_leaves(connection, first, log_size)) as leaves:
            for batch in leaves:
                for chunk in cutter.feed(batch):
                    _write(self._chunk(len(chunks)), pack(chunk))
                    chunks.append(chunk_hash(chunk))
        return (*chunks, chunk_hash(cutter.rest)), cutter.rest

    def _keep(self, made: _Kept, rest: bytes) -> None:
        height = made.snapshot.engine_height
        if len(made.snapshot.chunks) > SNAPSHOT_CHUNKS_MAX:
            log.warning("snapshot-too-large", height=height, chunks=len(made.snapshot.chunks))
            return
        hashes = [each.hex() for each in made.snapshot.chunks]
        _write(self._last(height), pack(rest))
        value = {"v": _VERSION, "chunks": hashes, "engine_height": height, "log_size": made.log_size, "network": made.network}
        _write(self._description(height), canonical.encode(value))
        kept = (*(each for each in self._kept if each.snapshot.engine_height != height), made)
        self._kept = kept[-self._count :]
        for old in kept[: -self._count]:
            self._description(old.snapshot.engine_height).unlink(missing_ok=True)
            self._last(old.snapshot.engine_height).unlink(missing_ok=True)

    def _chunk(self, index: int) -> Path:
        return self._directory / f"chunk-{index}.z"

    def _last(self, engine_height: int) -> Path:
        return self._directory / f"{engine_height}.z"

    def _description(self, engine_height: int) -> Path:
        return self._directory / f"{engine_height}.json"


def _leaves(connection: Connection, first: int, log_size: int) -> Generator[list[bytes], None, None]:
    """The leaves from an index on to the end of a log of that size, some at a time: shown by the log's own nodes to be its leaves."""
    reader = Reader(connection)
    size, frontier = first, reader.frontier(first)
    with (
        closing(rows_of(connection, records, records.c.log_index, where=records.c.log_index.between(first, log_size - 1))) as found_records,
        closing(rows_of(connection, headers, headers.c.log_index, where=headers.c.log_index.between(first, log_size - 1))) as found_headers,
    ):
        batch: list[bytes] = []
        for row in merge(found_records, found_headers, key=lambda row: row.log_index):
            batch.append(_bytes(row.leaf))
            if len(batch) >= _LEAVES_AT_ONCE or size + len(batch) == log_size:
                added = log_tree.append(size, frontier, [log_tree.leaf_hash(leaf) for leaf in batch])
                size, frontier = added.size, added.frontier
                yield batch
                batch = []
    if size != log_size or log_tree.root(size, frontier) != reader.log_root(log_size):
        raise _damaged()


def _bytes(leaf: object) -> bytes:
    if not isinstance(leaf, bytes):
        raise _damaged()
    return leaf


def _damaged() -> VerificationFailed:
    return VerificationFailed("replica-damaged", "the leaves of this ledger are not those of its log", hint="see tallystick audit")


def _described(path: Path) -> _Kept | None:
    """What a description says; None where it cannot be read."""
    try:
        value = canonical.decode(path.read_bytes())
        hashes = b"".join(bytes.fromhex(each) for each in value["chunks"])
        snapshot = Snapshot.read(value["engine_height"], hashes)
        if snapshot is None or value["v"] != _VERSION or path.stem != str(snapshot.engine_height) or type(value["log_size"]) is not int:
            raise broken("its description is of another form")
        return _Kept(snapshot, value["network"], value["log_size"])
    except (OSError, TallystickError, KeyError, TypeError, ValueError):
        log.warning("snapshot-damaged", file=path.name)
        return None


def _intact(path: Path, expected: bytes) -> bytes | None:
    """A packed chunk of that hash; None where the file holds another, or none."""
    try:
        packed = path.read_bytes()
        return packed if chunk_hash(unpack(packed)) == expected else None
    except (OSError, VerificationFailed):
        return None


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all while the machine runs; what a power failure leaves is found by its hash."""
    beside = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        beside.unlink()
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    os.replace(beside, path)


def _unwritable(directory: Path) -> Unreachable:
    return Unreachable("snapshots-unwritable", f"snapshots cannot be kept in {directory}", hint="make room there, and see to its rights")
