"""The record: a signed request for change, and the strict reading of its bytes.

A transaction is the canonical JSON `{"record": R, "signatures": [...]}`. The record's id is the tagged SHA-256 of the canonical R,
and is also the digest that each signer signs. `parse` checks everything that the bytes alone can show: canonical form, exact
fields and types, limits, one signature for each signer. It does not check signatures or state: see `ledger.admission`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from ledger import canonical, keys
from ledger.errors import InputError
from ledger.hashing import tagged
from ledger.limits import INTEGER_MAX, RECORD_BYTES_MAX, SEALED_PARTS_MAX, SIGNERS_MAX, WRAPS_PER_PART

FORMAT_VERSION: Final = 1
_HEX32: Final = re.compile(r"[0-9a-f]{64}\Z")
_HEX16: Final = re.compile(r"[0-9a-f]{32}\Z")
_HEX64: Final = re.compile(r"[0-9a-f]{128}\Z")
_TYPE: Final = re.compile(r"[a-z][a-z-]{0,31}\.[a-z][a-z-]{0,31}\Z")
_PART: Final = re.compile(r"[a-z][a-z-]{0,31}\Z")
_BASE64URL: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TRANSACTION: Final = frozenset({"record", "signatures"})
_BEFORE: Final = b'{"record":'
RECORD_OFFSET: Final = len(_BEFORE)
_FIELDS: Final = frozenset({"v", "network", "type", "signers", "nonce", "not_after", "seen", "body", "sealed"})
_SEEN: Final = frozenset({"height", "hash"})
_PART_FIELDS: Final = frozenset({"suite", "key_commitment", "wraps", "text"})
_WRAP: Final = frozenset({"box"})
_WRAP_TO: Final = frozenset({"box", "to"})


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed transaction. `core` is the unsigned object R; `raw` the transaction's bytes; `record_bytes` the canonical R."""

    id: str
    core: Mapping[str, Any]
    signatures: tuple[bytes, ...]
    record_bytes: bytes
    raw: bytes

    @property
    def type(self) -> str:
        return str(self.core["type"])

    @property
    def signers(self) -> list[str]:
        return list(self.core["signers"])

    @property
    def body(self) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self.core["body"]
        return body

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.id)


def is_hash(value: object) -> bool:
    """Whether a value is a 32-byte hash written as 64 lower-case hex digits."""
    return isinstance(value, str) and _HEX32.match(value) is not None


def record_id(record_bytes: bytes) -> str:
    """The id of the canonical unsigned record."""
    return tagged("record", record_bytes).hex()


def sign_record(core: Mapping[str, Any], private_keys: Sequence[ec.EllipticCurvePrivateKey]) -> bytes:
    """The transaction of a core signed by the keys of its signers, in their order."""
    record_bytes = canonical.encode(core)
    digest = bytes.fromhex(record_id(record_bytes))
    return assemble(record_bytes, [keys.sign(key, digest) for key in private_keys])


def assemble(record_bytes: bytes, signatures: Sequence[bytes]) -> bytes:
    """The transaction bytes of a canonical record and its signatures (made elsewhere, for instance one by one)."""
    return _BEFORE + record_bytes + _after([signature.hex() for signature in signatures])


def _after(signatures: Sequence[str]) -> bytes:
    """What stands behind the record in a transaction."""
    return b',"signatures":' + canonical.encode(signatures) + b"}"


def parse(raw: bytes) -> Record:
    """Reads a transaction. Raises `InputError`: `oversize`, `not-json`, `not-canonical`, `malformed`."""
    if len(raw) > RECORD_BYTES_MAX:
        raise InputError("oversize", f"a record has at most {RECORD_BYTES_MAX} bytes")
    value = canonical.decode(raw)
    _require(type(value) is dict and value.keys() == _TRANSACTION, "a transaction holds a record and its signatures")
    core, signatures = value["record"], value["signatures"]
    _check_core(core)
    # In canonical JSON a character that is not printable stands behind a backslash, but for DEL: mostly there is none to look for.
    if not raw.isascii() or b"\\" in raw or b"\x7f" in raw:
        _check_ascii(core["body"])
    _require(isinstance(signatures, list) and len(signatures) == len(core["signers"]), "there is one signature for each signer")
    for signature in signatures:
        _require(isinstance(signature, str) and _HEX64.match(signature) is not None, "a signature has 64 bytes in hex")
    # Canonical bytes hold the canonical bytes of what is in them: the record's need not be made again.
    record_bytes = raw[RECORD_OFFSET : -len(_after(signatures))]
    return Record(record_id(record_bytes), core, tuple(bytes.fromhex(s) for s in signatures), record_bytes, raw)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError("malformed", message)


def _integer(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _check_core(core: Any) -> None:
    _require(type(core) is dict and core.keys() == _FIELDS, "a record has exactly the fields of the format")
    _require(core["v"] == FORMAT_VERSION and type(core["v"]) is int, "the format version is not known")
    _require(is_hash(core["network"]), "network is a hash")
    _require(isinstance(core["type"], str) and _TYPE.match(core["type"]) is not None, "the type's name is not well formed")
    signers = core["signers"]
    _require(isinstance(signers, list) and 1 <= len(signers) <= SIGNERS_MAX and all(map(is_hash, signers)), "signers are key ids")
    _require(len(set(signers)) == len(signers), "a key signs once")
    _require(isinstance(core["nonce"], str) and _HEX16.match(core["nonce"]) is not None, "the nonce has 16 bytes in hex")
    _require(_integer(core["not_after"], 0, INTEGER_MAX), "not_after is a time in milliseconds")
    seen = core["seen"]
    _require(type(seen) is dict and seen.keys() == _SEEN, "seen names a header by height and hash")
    _require(_integer(seen["height"], 0, INTEGER_MAX) and is_hash(seen["hash"]), "seen names a header by height and hash")
    _require(isinstance(core["body"], dict), "the body is an object")
    _check_sealed(core["sealed"])


def _check_ascii(value: Any) -> None:
    if isinstance(value, str):
        if not (value.isascii() and value.isprintable()):
            raise InputError("malformed", "public text is printable ASCII")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not key.isprintable():
                raise InputError("malformed", "names of public fields are printable ASCII")
            _check_ascii(item)
    elif isinstance(value, list):
        for item in value:
            _check_ascii(item)


def _check_sealed(sealed: Any) -> None:
    _require(isinstance(sealed, dict) and len(sealed) <= SEALED_PARTS_MAX, "sealed holds named parts")
    for name, part in sealed.items():
        _require(_PART.match(name) is not None, "a sealed part's name is not well formed")
        _require(type(part) is dict and part.keys() == _PART_FIELDS, "a sealed part has four fields")
        _require(_integer(part["suite"], 1, 1), "the suite of a sealed part is not known")
        _require(is_hash(part["key_commitment"]), "a key commitment is a hash")
        _require(_is_base64url(part["text"]), "sealed text is base64url")
        wraps = part["wraps"]
        _require(isinstance(wraps, list) and len(wraps) in WRAPS_PER_PART, "a sealed part has four or eight wraps")
        for wrap in wraps:
            if type(wrap) is not dict or (wrap.keys() != _WRAP and wrap.keys() != _WRAP_TO):
                raise InputError("malformed", "a wrap has a box, and may name its recipient")
            if not _is_base64url(wrap["box"]) or ("to" in wrap and not is_hash(wrap["to"])):
                raise InputError("malformed", "a wrap is not well formed")


def _is_base64url(value: object) -> bool:
    # Most bytes of a record are sealed: taking the alphabet away, to see that nothing is left, takes a quarter of a pattern's time.
    return isinstance(value, str) and not value.encode().translate(None, _BASE64URL)
