"""The archive of a ledger: one file with which it leaves the network that made it, to be checked or restored without any of us.

A gzip file of one member, without name or time, of lines of canonical JSON, each with a line end:

    {"v": 1, "kind": "archive", "network": ..., "genesis": {...}, "height": H, "records": R, "checkpoint": note}
    {"checkpoint": note, "header": {...}, "records": [{"record": {...}, "result": {...}, "signatures": [...]}, ...]}

The second shape stands once for each block from height 1 to H. The block at height 0 follows from the genesis document. The note of the
first line is about the log after block H, and may carry cosignatures; the note of a block is the operator's alone. The same blocks
always give the same lines, whichever replica they come from; the packed bytes also depend on the machine's zlib.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ledger import canonical, log_tree
from ledger.checkpoint import Checkpoint
from ledger.checkpoint_text import said
from ledger.errors import InputError, NotFound, VerificationFailed
from ledger.header import Header
from ledger.log_operator import origin_of
from ledger.store import LedgerStore, Reader
from ledger.stored_rows import Grouped, Row, plain_connection, rows_of
from ledger.tables import headers, records
from ledger.vouching import voucher_of

FORMAT_VERSION: Final = 1
KIND: Final = "archive"
_LEVEL: Final = 6
_RECORD_PREFIX: Final = len(b'{"header":')

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an archive holds: the height of its last block, and how many records."""

    network: str
    height: int
    records: int


def export(
    store: LedgerStore, out: BinaryIO, to_height: int | None = None, *, note: str | None = None, on_progress: Progress | None = None
) -> Exported:
    """Writes the ledger up to a height, the newest by default, in memory that stays the same however much it is. `note` is a note of that
    height with cosignatures, to stand in the first line; `on_progress` gets the height done and the last one.

    What is written is checked against the log's own hashes and the notes' sizes and roots, so that a damaged replica gives no archive.
    Raises `NotFound` (`unknown-height`), `InputError` (`wrong-note`), `VerificationFailed` (`replica-damaged`).
    """
    with store.reading() as reader:
        genesis = _genesis(reader)
        sealed = voucher_of(genesis).seals_each_block
        last = _last_header(reader, to_height, sealed=sealed)
        own = reader.checkpoint(last.height)
    if own is None:
        raise _damaged("a block has no checkpoint")
    if note is not None and said(note) != said(own):
        raise InputError("wrong-note", "the note is not about the log after the last block of the archive", hint="export to its height")
    made = Exported(last.network, last.height, last.log_size - 1 - last.height)
    opening = {"v": FORMAT_VERSION, "kind": KIND, "network": made.network, "genesis": genesis, "height": made.height}
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=out, mtime=0) as packed:
        packed.write(canonical.encode({**opening, "records": made.records, "checkpoint": note or own}) + b"\n")
        try:
            with plain_connection(store) as connection, closing(_block_lines(connection, last, sealed=sealed)) as lines:
                for height, line in lines:
                    packed.write(line + b"\n")
                    if on_progress is not None:
                        on_progress(height, last.height)
        except SQLAlchemyError as error:
            raise _damaged(f"its database cannot be read: {type(error).__name__}") from error
    return made


def block_line(header: Header, leaves: Sequence[bytes], checkpoint: str | None) -> bytes:
    """The line of a block: spliced, because the canonical bytes of a record with its result and signatures are its leaf in the log."""
    header_bytes = header.leaf[_RECORD_PREFIX:-1]
    note = canonical.encode(checkpoint)
    return b'{"checkpoint":' + note + b',"header":' + header_bytes + b',"records":[' + b",".join(leaves) + b"]}"


def _last_header(reader: Reader, to_height: int | None, *, sealed: bool) -> Header:
    """Of a consortium by default the newest that is signed: the next block will sign the newest."""
    newest = reader.head.height if sealed else reader.newest_signed or 0
    wanted = newest if to_height is None else to_height
    header = reader.header(wanted)
    if header is None or wanted < 1:
        kept = f"it has heights 1 to {reader.head.height}" if reader.head.height else "it has no block yet"
        raise NotFound("unknown-height", f"this ledger cannot be exported to height {wanted}: {kept}")
    return header


def _genesis(reader: Reader) -> dict[str, Any]:
    try:
        return reader.genesis()
    except (InputError, LookupError, TypeError) as error:
        raise _damaged("its genesis document cannot be read") from error


def _block_lines(connection: Connection, last: Header, *, sealed: bool) -> Generator[tuple[int, bytes], None, None]:
    """The lines from height 1 on. The tables are read beside each other as streams. `sealed`: every block has a checkpoint of its own."""
    log = _Log()
    with (
        closing(rows_of(connection, headers, headers.c.height)) as header_rows,
        closing(rows_of(connection, records, records.c.log_index)) as record_rows,
    ):
        leaves_by_index = Grouped(record_rows, records.c.log_index)
        for height, row in zip(range(last.height + 1), header_rows, strict=False):
            header = _header(row, height)
            leaves = [_leaf(leaves_by_index, index) for index in range(log.size, header.log_size)]
            checkpoint = log.append(leaves, header)
            if height == 0:
                continue
            note = row.checkpoint
            # A consortium's block may be vouched for by a later one alone.
            unsigned = note is None and not sealed and height < last.height
            if not unsigned and (type(note) is not str or not _says(note, checkpoint)):
                raise _damaged(f"the checkpoint of height {height} is not of its log")
            yield height, block_line(header, leaves, note)
    if log.size != last.log_size + 1:
        raise _damaged("its last block is not there")


class _Log:
    """The log as it grows, from the leaves alone."""

    def __init__(self) -> None:
        self.size = 0
        self._frontier: Sequence[bytes] = ()
        self._previous = ""

    def append(self, leaves: Sequence[bytes], header: Header) -> Checkpoint:
        """The checkpoint after a block. Raises `VerificationFailed` where the block's header is not that of its leaves."""
        before = log_tree.append(self.size, self._frontier, [log_tree.leaf_hash(leaf) for leaf in leaves])
        if log_tree.root(before.size, before.frontier).hex() != header.log_root or (self._previous and header.previous != self._previous):
            raise _damaged(f"the leaves of height {header.height} are not those of its header")
        after = log_tree.append(before.size, before.frontier, [log_tree.leaf_hash(header.leaf)])
        self.size, self._frontier, self._previous = after.size, after.frontier, header.hash
        return Checkpoint(origin_of(header.network), after.size, log_tree.root(after.size, after.frontier))


def _header(row: Row, height: int) -> Header:
    try:
        header = Header.from_json(canonical.decode(row.leaf)["header"])
    except (InputError, KeyError, TypeError) as error:
        raise _damaged(f"the header of height {height} cannot be read") from error
    if header.height != height:
        raise _damaged(f"the header of height {height} is not there")
    return header


def _leaf(rows: Grouped, log_index: int) -> bytes:
    found = rows.at(log_index)
    if len(found) != 1 or type(found[0].leaf) is not bytes:
        raise _damaged(f"the record at log index {log_index} is not there")
    return bytes(found[0].leaf)


def _says(note: str, checkpoint: Checkpoint) -> bool:
    try:
        return said(note) == checkpoint
    except InputError:
        return False


def _damaged(what: str) -> VerificationFailed:
    return VerificationFailed("replica-damaged", f"this replica cannot be exported: {what}", hint="see tallystick audit")
