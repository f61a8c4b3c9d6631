"""Sealed parts that a proof file reveals by their content keys: AES-256-GCM, bound to the record and the part's name, padded after
ISO/IEC 7816-4 to a power of two. The record commits to each content key, so that a part opens to one text only.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.verify.signatures import tagged
from ledger.verify.strict_json import Invalid, decode, encode, unhex

_TEXT_BYTES_MAX: Final = 524_288
_PADDED_BYTES_MIN: Final = 512
_TAG_BYTES: Final = 16
_CODE: Final = "revealed-invalid"


def open_parts(record: dict[str, Any], revealed: Any) -> dict[str, Any]:
    """What the revealed parts say, by name. Raises `Invalid` (`revealed-invalid`, `secret-revealed`)."""
    if type(revealed) is not dict:
        raise Invalid("malformed")
    return {name: _open(record, name, unhex(key, 32, _CODE)) for name, key in sorted(revealed.items())}


def _open(record: dict[str, Any], name: str, content_key: bytes) -> Any:
    if name.startswith("secret"):
        raise Invalid("secret-revealed")
    part = record["sealed"].get(name)
    shaped = type(part) is dict and part.keys() == {"suite", "key_commitment", "wraps", "text"}
    if not shaped or type(part["suite"]) is not int or part["suite"] != 1:
        raise Invalid(_CODE)
    if tagged("content-key", content_key).hex() != part["key_commitment"]:
        raise Invalid(_CODE)
    sealed = _unbase64url(part["text"])
    if not _PADDED_BYTES_MIN <= len(sealed) - _TAG_BYTES <= _TEXT_BYTES_MAX:
        raise Invalid(_CODE)
    core = {field: value for field, value in record.items() if field != "sealed"}
    context = tagged("sealed-part", encode({"part": name, "record": core}))
    try:
        padded = AESGCM(content_key).decrypt(bytes(12), sealed, context)
    except InvalidTag as error:
        raise Invalid(_CODE) from error
    content = _content(padded)
    if type(content) is not dict:
        raise Invalid(_CODE)
    return content


def _content(padded: bytes) -> Any:
    plaintext = padded.rstrip(b"\x00")
    if not plaintext.endswith(b"\x80"):
        raise Invalid(_CODE)
    plaintext = plaintext[:-1]
    if max(_PADDED_BYTES_MIN, 1 << len(plaintext).bit_length()) != len(padded) or plaintext.endswith(b"\n"):
        raise Invalid(_CODE)
    try:
        return decode(plaintext, _TEXT_BYTES_MAX)
    except Invalid as error:
        raise Invalid(_CODE) from error


def _unbase64url(value: Any) -> bytes:
    if type(value) is not str:
        raise Invalid(_CODE)
    try:
        data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(_CODE) from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != value:
        raise Invalid(_CODE)
    return data
