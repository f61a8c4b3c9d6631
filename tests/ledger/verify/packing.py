"""Hashes as proof files hold them, written here by the tests themselves."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final

HASH_CHARS: Final = 43


def packed(hashes: Iterable[bytes | str]) -> str:
    """A text of hashes, each given as bytes or in hex."""
    each = (bytes.fromhex(found) if isinstance(found, str) else found for found in hashes)
    return "".join("." if found == bytes(32) else base64.urlsafe_b64encode(found).decode()[:HASH_CHARS] for found in each)


def split(text: str) -> list[str]:
    """The hashes of a text, each by itself."""
    return re.findall(rf"\.|[^.]{{{HASH_CHARS}}}", text)


def other_texts(text: str) -> list[str]:
    """Texts that no prover gives in the place of this one."""
    hashes, more = split(text), packed([b"\x11" * 32])
    made = [
        [],
        hashes[:-1],
        hashes[1:],
        [*hashes, more],
        [more, *hashes],
        [*hashes, "."],
        [".", *hashes],
        [*hashes, *hashes[-1:]],
        hashes * 90,
    ]
    made += [
        hashes[::-1],
        [*hashes, ""],
        [*hashes[:-1], *(each[:-1] for each in hashes[-1:])],
        [*hashes, "A"],
        [*hashes, "\n"],
        [*hashes, "="],
    ]
    made += [[spoilt, *hashes[1:]] for first in hashes[:1] for spoilt in spoilt_hashes(first)]
    return [other for other in dict.fromkeys("".join(each) for each in made) if other != text]


def spoilt_hashes(one: str) -> list[str]:
    """A hash in forms that are not its one: zeros written out, stray bits, another alphabet, white space."""
    if one == ".":
        return ["A" * HASH_CHARS, "..", "", " "]
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = one[:-1] + digits[digits.index(one[-1]) ^ 1]
    return ["A" * HASH_CHARS, stray, "+" + one[1:], "/" + one[1:], "\u00e9" + one[1:], " " + one, one + "=", one[:-1] + "\n"]
