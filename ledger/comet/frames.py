"""Frames of CometBFT's socket protocol: the length of a message as an unsigned varint, then the message."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.errors import InputError
from ledger.limits import ABCI_FRAME_BYTES_MAX

_LENGTH_BYTES_MAX = 5


def frame(message: bytes) -> bytes:
    """A message with its length before it."""
    left, head = len(message), bytearray()
    while left > 0x7F:
        head.append(left & 0x7F | 0x80)
        left >>= 7
    head.append(left)
    return bytes(head) + message


class Unframer:
    """Takes bytes as they come and gives whole messages. Raises `InputError` (`bad-frame`) for a length that no message may have."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole by now, one after the other: those before a length that no message may have are given first."""
        self._waiting += data
        start = 0
        try:
            while (head := self._head(start)) is not None:
                begin, end = head
                if end > len(self._waiting):
                    break
                start = end
                yield bytes(self._waiting[begin:end])
        finally:
            del self._waiting[:start]

    def _head(self, start: int) -> tuple[int, int] | None:
        """Where the next message begins and ends; None where its length is not whole yet."""
        length = 0
        for place, byte in enumerate(self._waiting[start : start + _LENGTH_BYTES_MAX]):
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                if length > ABCI_FRAME_BYTES_MAX:
                    raise InputError("bad-frame", "a message of the engine is longer than any may be")
                begin = start + place + 1
                return begin, begin + length
        if len(self._waiting) - start >= _LENGTH_BYTES_MAX:
            raise InputError("bad-frame", "a message of the engine has no length")
        return None
