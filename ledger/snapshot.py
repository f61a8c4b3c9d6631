"""A snapshot: the log up to a block, as a newcomer takes it from others instead of every block since genesis.

Its content is the log's leaves in their order, each on a line of its own: genesis and the first header, then the records and the header of
each block. Nothing else is needed: results stand beside their records, and the state follows from the records. The lines are cut into
chunks of `SNAPSHOT_CHUNK_BYTES`, the last one of at least a byte and at most that many, so that all chunks but the last are those of every
later snapshot too. A chunk travels packed by zlib, whose bytes depend on the machine; hashes are therefore those of what it unpacks to,
and all honest nodes offer the same snapshot of a height.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import VerificationFailed
from ledger.hashing import HASH_BYTES, tagged
from ledger.limits import SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNK_PACKED_BYTES_MAX, SNAPSHOT_CHUNKS_MAX

FORMAT: Final = 1
_LEVEL: Final = 6
_HEIGHT_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`engine_height` is that of the engine's block after whose records the log ends; `chunks` are the hashes of its chunks in order."""

    engine_height: int
    chunks: tuple[bytes, ...]

    @property
    def metadata(self) -> bytes:
        """The hashes of the chunks, one after the other."""
        return b"".join(self.chunks)

    @property
    def hash(self) -> bytes:
        """What the snapshot is known by: it covers all of it."""
        return tagged("snapshot", self.engine_height.to_bytes(_HEIGHT_BYTES) + self.metadata)

    @classmethod
    def read(cls, engine_height: int, metadata: bytes) -> Snapshot | None:
        """The snapshot that metadata describes; None where no honest node describes any so."""
        count, rest = divmod(len(metadata), HASH_BYTES)
        if rest or not 0 < count <= SNAPSHOT_CHUNKS_MAX or not 0 < engine_height < 1 << 8 * _HEIGHT_BYTES - 1:
            return None
        return cls(engine_height, tuple(metadata[start : start + HASH_BYTES] for start in range(0, len(metadata), HASH_BYTES)))


def chunk_hash(chunk: bytes) -> bytes:
    """The hash of a chunk, unpacked."""
    return tagged("snapshot-chunk", chunk)


def pack(chunk: bytes) -> bytes:
    """A chunk as it is kept and sent."""
    return zlib.compress(chunk, _LEVEL)


def unpack(packed: bytes) -> bytes:
    """The chunk in what was kept or sent, in memory that is bounded whoever made it. Raises `VerificationFailed` (`snapshot-broken`)."""
    if len(packed) > SNAPSHOT_CHUNK_PACKED_BYTES_MAX:
        raise broken("a chunk is too long")
    inflate = zlib.decompressobj()
    try:
        chunk = inflate.decompress(packed, SNAPSHOT_CHUNK_BYTES + 1)
    except zlib.error as error:
        raise broken("a chunk cannot be unpacked") from error
    if not inflate.eof or inflate.unused_data or len(chunk) > SNAPSHOT_CHUNK_BYTES:
        raise broken("a chunk is cut, or unpacks to more than a chunk holds")
    return chunk


class Cutter:
    """Leaves go in, chunks come out. `rest` is what would be the last chunk if no more came."""

    def __init__(self, rest: bytes = b"") -> None:
        self._rest = bytearray(rest)

    @property
    def rest(self) -> bytes:
        return bytes(self._rest)

    def feed(self, leaves: Sequence[bytes]) -> Iterator[bytes]:
        """The chunks that these leaves complete."""
        for leaf in leaves:
            self._rest += leaf
            self._rest += b"\n"
            while len(self._rest) > SNAPSHOT_CHUNK_BYTES:
                yield bytes(self._rest[:SNAPSHOT_CHUNK_BYTES])
                del self._rest[:SNAPSHOT_CHUNK_BYTES]


def broken(what: str) -> VerificationFailed:
    """The error for a snapshot that no honest node gives."""
    return VerificationFailed("snapshot-broken", f"the snapshot does not hold: {what}", hint="another node's is tried")
