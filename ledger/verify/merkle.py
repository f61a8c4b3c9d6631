"""The two trees, from the side of one who checks: the log (RFC 9162) and the compact sparse Merkle tree of the state.

Of some nodes it is known where they stand. The climb goes level by level, from the deepest, and at each level from left to right: of a node
whose neighbour is not known that neighbour's hash is the next of the proof. Of one leaf of the log that is the order of RFC 9162, 2.1.3.

State tree: a key's path is SHA-256 of the key; a leaf hashes SHA-256(0x02 || path || SHA-256(value)), an inner node
SHA-256(0x03 || left || right), an empty subtree is 32 zero bytes, and a subtree of one leaf is that leaf's hash.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from ledger.verify.strict_json import Invalid, encode, fields, integer, text, unhex

_EMPTY: Final = bytes(32)
_LEVELS, _PATH_MAX = 256, 64
_LEAF: Final = ("path", "value_hash")
_INCONSISTENT: Final = "consistency-invalid"
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]|\.")  # the last two bits belong to no byte, and are zero


def check_inclusion(leaves: Mapping[int, bytes], size: int, proof: Any, root: bytes) -> None:
    """The leaves stand at these indexes of the log of that size and root. Raises `Invalid` (`inclusion-invalid`)."""
    code = "inclusion-invalid"
    given = unpacked(proof, _PATH_MAX * len(leaves), code)
    known = {_way(index, size): sha256(b"\x00" + leaf).digest() for index, leaf in leaves.items() if 0 <= index < size}
    if len(known) != len(leaves) or _climb(known, given, b"\x01", code) != root or given:
        raise Invalid(code)


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Any) -> None:
    """The log of `second` leaves begins with that of `first`, at least one. Raises `Invalid` (`consistency-invalid`)."""
    given = unpacked(proof, 2 * _PATH_MAX, _INCONSISTENT)
    if not 0 < first <= second or _beginning(first, second, first_root, given) != (first_root, second_root) or given:
        raise Invalid(_INCONSISTENT)


def check_state(root: bytes, shown: Sequence[tuple[str, Any, Mapping[str, Any]]], siblings: Any, code: str) -> None:
    """The state of that root holds just these values at these keys, nothing where one is None; with each goes the object of the file that
    says at which `depth` the way to it ends, and at which `other` leaf. Raises `Invalid` (the code).
    """
    given, known = unpacked(siblings, _LEVELS * len(shown), code), dict[str, bytes]()
    for way, node in [_end(*each, code) for each in shown]:
        if known.setdefault(way, node) != node:
            raise Invalid(code)
    if _climb(known, given, b"\x03", code) != root or given:
        raise Invalid(code)


def _beginning(first: int, size: int, root: bytes | None, given: list[bytes]) -> tuple[bytes, bytes]:
    """The roots of the first leaves of a subtree, and of all of them; `root` is the former, where the subtree begins as the log does."""
    if first == size:
        whole = _next(given, _INCONSISTENT) if root is None else root
        return whole, whole
    if first <= (half := _divided(size)):
        old, new = _beginning(first, half, root, given)
        return old, sha256(b"\x01" + new + _next(given, _INCONSISTENT)).digest()
    old, new = _beginning(first - half, size - half, None, given)
    left = _next(given, _INCONSISTENT)
    return sha256(b"\x01" + left + old).digest(), sha256(b"\x01" + left + new).digest()


def unpacked(value: Any, most: int, code: str) -> list[bytes]:
    """The hashes of a text, the first of them last: 43 characters of base64url for each, or a point for an empty subtree's."""
    found: list[str] = _HASH.findall(text(value, 43 * most, code))
    hashes = [_EMPTY if each == "." else urlsafe_b64decode(each + "=") for each in reversed(found)]
    if "".join(found) != value or len(found) > most or hashes.count(_EMPTY) != found.count("."):
        raise Invalid(code)
    return hashes


def _next(given: list[bytes], code: str) -> bytes:
    """The next of the hashes that `unpacked` made."""
    if not given:
        raise Invalid(code)
    return given.pop()


def _divided(size: int) -> int:
    """Where a log of more than one leaf divides: the largest power of two below its size."""
    return 1 << (size - 1).bit_length() - 1


def _climb(known: dict[str, bytes], given: list[bytes], tag: bytes, code: str) -> bytes:
    """The root above known nodes, which are named by the way down to them: 0 to the left, 1 to the right."""
    ends = frozenset(known)
    for depth in range(max(map(len, known)), 0, -1):
        for above in sorted({way[:-1] for way in known if len(way) == depth}):
            ways = (above + "0", above + "1")
            sides = [known.pop(way) if way in known else _next(given, code) for way in ways]
            # A right prover stops above an empty neighbour, so that there is one proof for each key.
            if above in known or any(way in ends and side == _EMPTY for way, side in zip(ways, sides[::-1], strict=True)):
                raise Invalid(code)
            known[above] = sha256(tag + sides[0] + sides[1]).digest()
    return known[""]


def _way(index: int, size: int) -> str:
    way = ""
    while size > 1:
        half = _divided(size)
        way, index, size = (way + "1", index - half, size - half) if index >= half else (way + "0", index, half)
    return way


def _end(key: str, value: Any, place: Mapping[str, Any], code: str) -> tuple[str, bytes]:
    """The way to a key, and what stands where it ends: its own leaf, another whose path begins alike, or nothing."""
    path, depth, other = sha256(key.encode()).digest(), integer(place["depth"], code), place["other"]
    way = f"{int.from_bytes(path):0256b}"[:depth]
    if depth > _LEVELS or (value is not None and other is not None):
        raise Invalid(code)
    if value is not None:
        return way, sha256(b"\x02" + path + sha256(encode(value)).digest()).digest()
    if other is None:
        return way, _EMPTY
    stands, value_hash = (unhex(fields(other, _LEAF, code)[name], 32, code) for name in _LEAF)
    if stands == path or not f"{int.from_bytes(stands):0256b}".startswith(way):
        raise Invalid(code)
    return way, sha256(b"\x02" + stands + value_hash).digest()
