"""Readers with a fault each, which the fuzzer must find: or else it would find nothing in the others either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.fuzz.target import READ, Reader, Target


def _raises(data: bytes) -> str:
    if data.startswith(b"{") and len(data) > 8:
        raise KeyError("what no reader may raise")
    return READ


def _hangs(data: bytes) -> str:
    while data.startswith(b"{") and len(data) > 8:
        pass
    return READ


def _grows(data: bytes) -> str:
    kept = []
    while data.startswith(b"{") and len(data) > 8:
        kept.append(bytearray(1 << 26))
    return READ


def _made(read: Reader) -> Callable[[], Reader]:
    return lambda: read


BROKEN: Final[Mapping[str, Target]] = {
    "raises": Target(_made(_raises), "bytes", 64),
    "hangs": Target(_made(_hangs), "bytes", 64),
    "grows": Target(_made(_grows), "bytes", 64),
}
