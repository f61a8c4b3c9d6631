"""The two trees, from the side of one who checks: the log (RFC 9162, 2.1.3.2 and 2.1.4.2) and the compact sparse Merkle tree of the state.

State tree: a key's path is SHA-256 of the key; a leaf hashes SHA-256(0x02 || path || SHA-256(value)), an inner node
SHA-256(0x03 || left || right), an empty subtree is 32 zero bytes, and a subtree of one leaf is that leaf's hash.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from ledger.verify.strict_json import Invalid, fields, items, unhex

_EMPTY: Final = bytes(32)
_SIBLINGS_MAX: Final = 256
_PATH_MAX: Final = 64


def check_inclusion(leaf: bytes, index: int, size: int, proof: Any, root: bytes) -> None:
    """The leaf stands at `index` of the log of that size and root. Raises `Invalid` (`inclusion-invalid`)."""
    path = [unhex(each, 32, "inclusion-invalid") for each in items(proof, _PATH_MAX, "inclusion-invalid")]
    if not 0 <= index < size:
        raise Invalid("inclusion-invalid")
    value, node, last = sha256(b"\x00" + leaf).digest(), index, size - 1
    for sibling in path:
        if last == 0:
            raise Invalid("inclusion-invalid")
        if node & 1 or node == last:
            value = sha256(b"\x01" + sibling + value).digest()
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            value = sha256(b"\x01" + value + sibling).digest()
        node, last = node >> 1, last >> 1
    if last != 0 or value != root:
        raise Invalid("inclusion-invalid")


def check_consistency(first: int, first_root: bytes, second: int, second_root: bytes, proof: Any) -> None:
    """The log of `second` leaves begins with that of `first`, at least one. Raises `Invalid` (`consistency-invalid`)."""
    code = "consistency-invalid"
    path = [unhex(each, 32, code) for each in items(proof, 2 * _PATH_MAX, code)]
    if not 0 < first <= second or (first == second and (path or first_root != second_root)):
        raise Invalid(code)
    if first == second:
        return
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0] if path else b""
    for sibling in path[1:]:
        if last == 0:
            raise Invalid(code)
        if node & 1 or node == last:
            old, new = sha256(b"\x01" + sibling + old).digest(), sha256(b"\x01" + sibling + new).digest()
            while not node & 1 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            new = sha256(b"\x01" + new + sibling).digest()
        node, last = node >> 1, last >> 1
    if last != 0 or old != first_root or new != second_root:
        raise Invalid(code)


def check_state(root: bytes, key: str, value: bytes | None, proof: Any, code: str) -> None:
    """The state of that root holds exactly this value at the key, or nothing where the value is None. Raises `Invalid` (the code)."""
    shape = fields(proof, ("siblings", "terminal"), code)
    siblings = [unhex(each, 32, code) for each in items(shape["siblings"], _SIBLINGS_MAX, code)]
    path = sha256(key.encode()).digest()
    terminal = _terminal(shape["terminal"], code)
    if value is not None:
        proven = terminal == (path, sha256(value).digest())
    else:
        proven = terminal is None or (terminal[0] != path and _bits(terminal[0], len(siblings)) == _bits(path, len(siblings)))
    # A right prover stops above an empty neighbour, so that there is one proof for each key.
    if not proven or (siblings and siblings[-1] == _EMPTY) or _climb(path, siblings, terminal) != root:
        raise Invalid(code)


def _terminal(value: Any, code: str) -> tuple[bytes, bytes] | None:
    if value is None:
        return None
    leaf = fields(value, ("path", "value_hash"), code)
    return unhex(leaf["path"], 32, code), unhex(leaf["value_hash"], 32, code)


def _climb(path: bytes, siblings: list[bytes], terminal: tuple[bytes, bytes] | None) -> bytes:
    node = _EMPTY if terminal is None else sha256(b"\x02" + terminal[0] + terminal[1]).digest()
    for depth in reversed(range(len(siblings))):
        right = path[depth // 8] >> (7 - depth % 8) & 1
        pair = siblings[depth] + node if right else node + siblings[depth]
        node = sha256(b"\x03" + pair).digest()
    return node


def _bits(path: bytes, count: int) -> int:
    return int.from_bytes(path, "big") >> (256 - count)
