"""Where an audit that was stopped goes on: a file with the state that the replay had reached, and the header that commits to it.

The file is not believed but checked against the ledger that it is for: the header must stand there, in an unbroken chain of headers from
genesis; the entries must give its state root, and the stored nodes of the log its log root. What no check can tell is that everything up
to there was really compared: that rests on the run that wrote the file, so it belongs to whoever made that run, and the report says it.
"""

from __future__ import annotations

import gzip
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from ledger import canonical, log_tree
from ledger.errors import InputError, NotFound, TallystickError, Unreachable, VerificationFailed
from ledger.header import Header
from ledger.limits import RECORD_BYTES_MAX
from ledger.memory_chain import MemoryChain
from ledger.stored_trees import from_log
from ledger.tables import headers

_KIND = "audit-snapshot"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A gzip file: a line that names network, height, header hash and number of entries, and a line for each entry of the state."""

    path: Path

    def save(self, chain: MemoryChain) -> None:
        """Puts the chain's present place into the file, in place of any before. Raises `Unreachable` (`snapshot-unwritable`)."""
        try:
            self._write(chain)
        except OSError as error:
            hint = "make room there, or let it be written elsewhere"
            raise Unreachable("snapshot-unwritable", f"the snapshot {self.path} cannot be written", hint=hint) from error

    def _write(self, chain: MemoryChain) -> None:
        head, fresh = chain.head, self.path.with_name(self.path.name + ".new")
        entries = list(chain.state.scan_bytes(""))
        first = {"v": 1, "kind": _KIND, "network": head.network, "height": head.height, "hash": head.hash, "entries": len(entries)}
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, filename="", mtime=0) as packed:
            packed.write(canonical.encode(first) + b"\n")
            for key, value in entries:
                packed.write(canonical.encode([key, value.decode()]) + b"\n")
        os.replace(fresh, self.path)

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()

    def restore(self, connection: Connection, chain: MemoryChain) -> int:
        """Moves a chain that stands at genesis to the file's place; its height. Raises `NotFound` (`no-snapshot`), and
        `VerificationFailed` (`snapshot-broken`, `snapshot-differs`).
        """
        first, entries = self._read()
        try:
            head, hashes = _headers_to(connection, first["height"])
            if head.hash != first["hash"] or hashes[0] != chain.head.hash:
                raise _differs("the ledger has another header at its height, or another beginning")
            frontier = from_log(connection, partial(log_tree.frontier_of, head.log_size))
            if log_tree.root(head.log_size, frontier).hex() != head.log_root:
                raise _differs("the stored nodes of the log do not lead to the header's log root")
            after = log_tree.append(head.log_size, frontier, [log_tree.leaf_hash(head.leaf)])
            chain.go_on_from(head, after.frontier, hashes, entries)
        except VerificationFailed as error:
            raise _differs(error.message) from error
        return head.height

    def _read(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        try:
            with gzip.open(self.path, "rb") as lines:
                first = canonical.decode(lines.readline(RECORD_BYTES_MAX).rstrip(b"\n"))
                entries: dict[str, bytes] = {}
                while line := lines.readline(RECORD_BYTES_MAX):
                    key, value = canonical.decode(line.rstrip(b"\n"))
                    entries[key] = value.encode()
        except FileNotFoundError as error:
            raise NotFound("no-snapshot", "there is no snapshot to go on from", hint="run the audit without --resume") from error
        except (OSError, EOFError, zlib.error, TallystickError, AttributeError, TypeError, ValueError) as error:
            raise _broken() from error
        expected = {"v": 1, "kind": _KIND, "entries": len(entries)}
        if not isinstance(first, dict) or any(first.get(name) != value for name, value in expected.items()):
            raise _broken()
        return first, entries


def _headers_to(connection: Connection, height: Any) -> tuple[Header, list[str]]:
    """The stored header of a height, and the hashes of all up to it, each of which names the one before."""
    query = sa.select(headers.c.leaf).where(headers.c.height <= height).order_by(headers.c.height)
    hashes: list[str] = []
    head: Header | None = None
    try:
        for (leaf,) in connection.execution_options(yield_per=500).execute(query):
            head = Header.from_json(canonical.decode(leaf)["header"])
            if head.height != len(hashes) or (hashes and head.previous != hashes[-1]):
                raise _differs("the chain of stored headers is broken")
            hashes.append(head.hash)
    except (InputError, LookupError, TypeError) as error:
        raise _differs("a stored header cannot be read") from error
    if head is None or head.height != height:
        raise _differs("the ledger does not reach its height")
    return head, hashes


def _broken() -> VerificationFailed:
    return VerificationFailed("snapshot-broken", "the snapshot cannot be read", hint="run the audit without --resume")


def _differs(reason: str) -> VerificationFailed:
    message = f"the snapshot is not one of this ledger: {reason}"
    return VerificationFailed("snapshot-differs", message, hint="run the audit without --resume")
