"""Writing a backup of a home: keys, secret, configuration, genesis, trust, attachments, and every row of the private database.

It is of one moment, beside a running node too: writers of the private database wait while the snapshot is begun and the small files
are read; the rows are then read from the snapshot, however long that takes, and nobody waits. The ledger is not in it: other
members have it, and the operator's must never be an old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import sqlalchemy as sa

from ledger.clock import Clock
from ledger.errors import Refused
from nodes.backups.envelope import CHUNK_BYTES, COST, SealedWriter
from nodes.backups.lines import encode, pieces
from nodes.home import Home
from nodes.keys.keystore import Argon2Cost
from nodes.private import PrivateStore, private_schema
from nodes.private_files import locked, read_private_file

FILES: Final = ("tallystick.toml", "genesis.json", "trust.json", "node.secret")
# Directories whose files are backed up; documents of the last one are written once and never changed.
KEYS: Final = "keys"
ATTACHMENTS: Final = "attachments"
_ROWS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, in numbers."""

    network: str
    node: str
    schema: str
    files: int
    rows: int


def back_up(
    home: Home,
    file: BinaryIO,
    passphrase: bytes,
    *,
    clock: Clock,
    random: Callable[[int], bytes],
    cost: Argon2Cost = COST,
) -> Backup:
    """Writes a backup of a home into a file, encrypted under a passphrase, in memory that stays the same however much it is.

    Raises as `Home.read_config`, `PrivateStore`, and `Refused` (`file-missing`, `key-file-mode`).
    """
    config = home.read_config()
    home.check_modes()
    out = SealedWriter(file, passphrase, random, cost)
    private = PrivateStore(home.private_url(config))
    try:
        with _snapshot(home, private) as (connection, small):
            about = {
                "v": 1,
                "network": config.network.id,
                "node": config.node.id,
                "schema": private_schema().head,
                "time_ms": clock.now_ms(),
            }
            out.write(encode({"backup": about}))
            for name, content in small.items():
                _write_bytes(out, name, content)
            documents = sum(_write_file(out, home.path, path) for path in _attachments(home))
            rows = sum(_write_table(out, connection, table) for table in private_schema().declared.sorted_tables)
    finally:
        private.close()
    files = len(small) + documents
    out.write(encode({"end": {"files": files, "rows": rows}}))
    out.finish()
    return Backup(config.network.id, config.node.id, private_schema().head, files, rows)


@contextmanager
def _snapshot(home: Home, private: PrivateStore) -> Iterator[tuple[sa.Connection, dict[str, bytes]]]:
    """A reading of the private database, and the small files as they were when it began."""
    with private.reading() as connection:
        with private.begin(), locked(home.keys_dir):
            # The first statement is what begins a snapshot, on either database.
            connection.execute(sa.text("SELECT 1 FROM meta")).all()
            paths = [home.path / name for name in FILES] + sorted(home.keys_dir.glob("[!.]*.json"))
            small = {str(path.relative_to(home.path)): read_small(path) for path in paths}
        yield connection, small


def read_small(path: Path) -> bytes:
    """A file of a home: its configuration, genesis and trust may be larger than a key."""
    return path.read_bytes() if path.name in FILES[:3] else read_private_file(path)


def _attachments(home: Home) -> list[Path]:
    directory = home.path / ATTACHMENTS
    return sorted(path for path in directory.glob("[!.]*") if path.is_file()) if directory.is_dir() else []


def _write_bytes(out: SealedWriter, name: str, content: bytes) -> None:
    out.write(encode({"file": name, "bytes": len(content)}))
    for piece in pieces(content, CHUNK_BYTES):
        out.write(encode(piece))


def _write_file(out: SealedWriter, home: Path, path: Path) -> int:
    with path.open("rb") as file:
        size = path.stat().st_size
        out.write(encode({"file": str(path.relative_to(home)), "bytes": size}))
        while chunk := file.read(CHUNK_BYTES):
            size -= len(chunk)
            for piece in pieces(chunk, CHUNK_BYTES):
                out.write(encode(piece))
    if size:
        raise Refused("file-changed", f"{path.name} changed while it was read", hint="make the backup again")
    return 1


def _write_table(out: SealedWriter, connection: sa.Connection, table: sa.Table) -> int:
    names = [column.name for column in table.columns]
    out.write(encode({"table": table.name, "columns": names}))
    count = 0
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(sa.select(table)):
        out.write(encode({"row": list(row)}))
        count += 1
    return count
