"""The lines of an archive, unpacked a little at a time: whoever made the file cannot make its reader take more memory than one line may.

One form of a gzip file is read: the first ten bytes as this program writes them, one member, its checksum and length right, and nothing
after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from ledger.errors import InputError, VerificationFailed
from ledger.limits import ARCHIVE_LINE_BYTES_MAX

# How every archive begins: deflate, no flags, no time, no hint of speed, no hint of a system.
GZIP_HEADER: Final = bytes.fromhex("1f8b08000000000000ff")
_GZIP: Final = 31
_CHUNK_BYTES: Final = 65_536


def is_archive(beginning: bytes) -> bool:
    """Whether a file that begins so is an archive, and not a proof file: by gzip's magic number."""
    return beginning[:2] == GZIP_HEADER[:2]


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The lines, without their ends. That the file is whole is known only after the last one.

    Raises `InputError` (`oversize`), `VerificationFailed` (`archive-damaged`).
    """
    rest = bytearray()
    for chunk in _unpacked(file):
        begin = len(rest)
        rest += chunk
        while (end := rest.find(b"\n", begin)) >= 0:
            _check_length(end)
            yield bytes(rest[:end])
            del rest[: end + 1]
            begin = 0
        _check_length(len(rest))
    if rest:
        raise damaged()


def damaged() -> VerificationFailed:
    """The error for a file that is not as it was packed."""
    return VerificationFailed("archive-damaged", "the archive was damaged, changed or cut off", hint="take another copy of it")


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    packed = file.read(len(GZIP_HEADER))
    if packed != GZIP_HEADER:
        raise damaged()
    inflate = zlib.decompressobj(_GZIP)
    while not inflate.eof:
        try:
            chunk = inflate.decompress(packed, _CHUNK_BYTES)
        except zlib.error as error:
            raise damaged() from error
        if chunk:
            yield chunk
        packed = inflate.unconsumed_tail
        if not packed and len(chunk) < _CHUNK_BYTES and not inflate.eof:
            packed = file.read(_CHUNK_BYTES)
            if not packed:
                raise damaged()
    if inflate.unused_data or file.read(1):
        raise damaged()


def _check_length(length: int) -> None:
    if length > ARCHIVE_LINE_BYTES_MAX:
        raise InputError("oversize", f"a line of the archive has more than {ARCHIVE_LINE_BYTES_MAX} bytes")
