"""An encrypted file under a passphrase, written and read in a stream.

A line of JSON says how the key is derived: argon2id from the passphrase (RFC 9106), then HKDF-Expand. After it come chunks of 64 KiB, each
sealed with AES-256-GCM under a nonce of eleven bytes that count the chunks and one that marks the last: the STREAM construction (Hoang,
Reyhanitabar, Rogaway, Vizár 2015) as age uses it. So no chunk can be changed, left out, put elsewhere or added, nor the end cut off, and
the first line is bound to each of them. The salt makes a key that no other file has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import canonical
from ledger.errors import InputError, NotPermitted, VerificationFailed
from ledger.limits import BACKUP_HEADER_BYTES_MAX
from nodes.keys.keystore import Argon2Cost, checked_kdf, derive

FORMAT: Final = "tallystick-backup"
CHUNK_BYTES: Final = 65_536
# A guess at a passphrase costs ten times what one at a person's secret does: a backup lies where nobody counts failures.
COST: Final = Argon2Cost(passes=4, memory_kib=131_072, lanes=1)
_TAG_BYTES: Final = 16


class SealedWriter:
    """Encrypts what is written; nothing but a file on which `finish` was called can be read again."""

    def __init__(self, file: BinaryIO, passphrase: bytes, random: Callable[[int], bytes], cost: Argon2Cost = COST) -> None:
        kdf = {"name": "argon2id", "salt": random(16).hex(), **asdict(cost)}
        key, check = derive(kdf, passphrase)
        self._header = canonical.encode({"format": FORMAT, "v": 1, "kdf": kdf, "check": check.hex()}) + b"\n"
        self._file, self._box, self._buffer, self._count = file, AESGCM(key), bytearray(), 0
        file.write(self._header)

    def write(self, data: bytes) -> None:
        self._buffer += data
        # The last chunk is marked, so one is kept back until it is known whether more comes.
        while len(self._buffer) > CHUNK_BYTES:
            self._seal(bytes(self._buffer[:CHUNK_BYTES]), last=False)
            del self._buffer[:CHUNK_BYTES]

    def finish(self) -> None:
        """Writes the last chunk."""
        self._seal(bytes(self._buffer), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._box.encrypt(_nonce(self._count, last=last), chunk, self._header))
        self._count += 1


def read_sealed(file: BinaryIO, passphrase: bytes) -> Iterator[bytes]:
    """The chunks of a file, each of them authentic; that the file is whole is known only at the end.

    Raises `InputError` (`not-a-backup`), `NotPermitted` (`passphrase-wrong`), `VerificationFailed` (`backup-damaged`).
    """
    header = file.readline(BACKUP_HEADER_BYTES_MAX)
    key, check = derive(checked_kdf((values := _header(header))["kdf"]), passphrase)
    if check.hex() != values["check"]:
        raise NotPermitted("passphrase-wrong", "the passphrase does not open this backup")
    box, count, sealed = AESGCM(key), 0, file.read(CHUNK_BYTES + _TAG_BYTES)
    while True:
        following = file.read(CHUNK_BYTES + _TAG_BYTES)
        try:
            yield box.decrypt(_nonce(count, last=not following), sealed, header)
        except (InvalidTag, ValueError) as error:
            raise damaged() from error
        if not following:
            return
        sealed, count = following, count + 1


def damaged() -> VerificationFailed:
    """The error for a backup that is not as it was written."""
    return VerificationFailed("backup-damaged", "the backup was damaged, changed or cut off", hint="take another copy of it")


def _header(line: bytes) -> dict[str, Any]:
    try:
        values = canonical.decode(line.removesuffix(b"\n"))
        known = isinstance(values, dict) and set(values) == {"format", "v", "kdf", "check"} and values["format"] == FORMAT
        if not known or values["v"] != 1 or not isinstance(values["kdf"], dict):
            raise _no_backup()
        checked_kdf(values["kdf"])
    except (InputError, TypeError, ValueError) as error:
        raise _no_backup() from error
    return values  # type: ignore[no-any-return]  # an object, as was just checked


def _no_backup() -> InputError:
    return InputError("not-a-backup", "this file is no backup that this program knows", hint="make one with tallystick backup")


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])
