"""What a backup holds once it is decrypted: lines of JSON, one for each row and for each piece of a file, in a fixed order.

{"backup": {"v": 1, "network": ..., "node": ..., "schema": ..., "time_ms": ...}}
{"file": "keys/....json", "bytes": 512}       followed by {"data": "base64"} until all of its bytes were there
{"table": "users", "columns": [...]}          followed by {"row": [...]} for each row; bytes are {"b64": "..."}
{"end": {"files": 7, "rows": 1234}}
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from ledger.limits import BACKUP_LINE_BYTES_MAX
from nodes.backups.envelope import damaged


def encode(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line, default=_bytes) + b"\n"


def decode(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The lines of a stream. Raises `VerificationFailed` (`backup-damaged`)."""
    kept = bytearray()
    for chunk in chunks:
        kept += chunk
        *whole, rest = kept.split(b"\n")
        kept = bytearray(rest)
        if len(kept) > BACKUP_LINE_BYTES_MAX:
            raise damaged()
        for line in whole:
            yield _object(bytes(line))
    if kept:
        raise damaged()


def value(stored: Any) -> Any:
    """A value of a row."""
    if isinstance(stored, dict):
        return data(stored, "b64")
    return stored


def data(line: dict[str, Any], name: str) -> bytes:
    """The bytes in a field."""
    try:
        found = base64.b64decode(line[name], validate=True)
    except (binascii.Error, KeyError, TypeError, ValueError) as error:
        raise damaged() from error
    # Other last digits stand for the same bytes: whoever wrote them did not write a backup.
    if base64.b64encode(found).decode("ascii") != line[name]:
        raise damaged()
    return found


def pieces(content: bytes, size: int) -> Iterator[dict[str, Any]]:
    """The lines for a piece of a file after the other."""
    for start in range(0, len(content), size):
        yield {"data": base64.b64encode(content[start : start + size]).decode("ascii")}


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise damaged() from error
    if not isinstance(found, dict):
        raise damaged()
    return found


def _bytes(stored: object) -> dict[str, str]:
    assert isinstance(stored, bytes | memoryview), "databases hold text, numbers and bytes"
    return {"b64": base64.b64encode(stored).decode("ascii")}
