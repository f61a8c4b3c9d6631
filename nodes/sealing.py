"""Sealed parts: the content of a record that only its recipients can open.

A part is encrypted once, with AES-256-GCM under a content key that is used for nothing else, and the content key is wrapped to
each recipient by HPKE (RFC 9180, base mode: X25519, HKDF-SHA256, AES-256-GCM). What this file promises:

- a part opens only in the record and under the name that it was sealed for: both are bound, as associated data and HPKE's `info`;
- a part opens to one text only: AES-GCM does not commit to its key, so `key_commitment` does, and is checked before decrypting;
- a replica learns little of the recipients: four wraps (or eight) always, dummies among them, in shuffled order, named only
  where the public fields name the recipient already; plaintexts are padded to powers of two.

HPKE draws its ephemeral keys from the operating system, so of a sealed part only the content key, the text and the order of
the wraps follow from the injected randomness.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ledger import canonical
from ledger.errors import InputError, NotFound, VerificationFailed
from ledger.hashing import tagged
from ledger.keys import X25519, check_public
from ledger.limits import SEALED_TEXT_BYTES_MAX, WRAPS_PER_PART

SUITE: Final = 1
SECRET_PART: Final = "secret"
CONTENT_KEY_BYTES: Final = 32
PADDED_BYTES_MIN: Final = 512

_TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)
_CORE_FIELDS: Final = frozenset({"v", "network", "type", "signers", "nonce", "not_after", "seen", "body"})
_PART_FIELDS: Final = frozenset({"suite", "key_commitment", "wraps", "text"})

Random = Callable[[int], bytes]
SealingKeys = Mapping[str, X25519PrivateKey]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Someone who may open a part. `public` is an X25519 key; `named`: the record's public fields name its holder already."""

    public: bytes
    key_id: str
    named: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What a part says, and the content key that would reveal it (that part whole, for good, and nothing else)."""

    content: dict[str, Any]
    content_key: bytes


def seal(
    record_core: Mapping[str, Any], part: str, content: dict[str, Any], recipients: Sequence[Recipient], random: Random
) -> tuple[dict[str, Any], bytes]:
    """The sealed part for `record["sealed"][part]`, and its content key.

    `record_core` is the record without `sealed` (present, it is left out of account), complete and final: any later change of it
    makes the part unreadable. Raises `InputError`: `no-recipients`, `too-many-recipients`, `bad-key`, `sealed-part-too-large`.
    """
    context = sealed_context(record_core, part)
    chosen = _distinct(recipients)
    content_key = random(CONTENT_KEY_BYTES)
    text = AESGCM(content_key).encrypt(_NONCE, _pad(canonical.encode(content)), context)
    wraps = [_wrap(recipient, content_key, context) for recipient in chosen]
    wraps += [_dummy_wrap(context, random) for _ in range(_wrap_count(len(chosen)) - len(chosen))]
    return {
        "suite": SUITE,
        "key_commitment": key_commitment(content_key),
        "wraps": shuffled(wraps, random),
        "text": _to_base64url(text),
    }, content_key


def open_part(record: Mapping[str, Any], part: str, keys: SealingKeys) -> Opened | None:
    """Opens a part with whichever of our sealing keys it was wrapped to, old ones included; None where it is not for us.

    Raises `VerificationFailed` (`sealed-part-broken`) where it is for us and does not hold: a wrap that names our key does not
    open, or one opens and the commitment, the text, its padding or its JSON is not right. Raises `NotFound` (`unknown-part`).
    """
    sealed = _sealed_part(record, part)
    context = sealed_context(record, part)
    for wrap in sealed["wraps"]:
        named = wrap.get("to")
        candidates = keys.values() if named is None else [keys[named]] if named in keys else []
        for private in candidates:
            content_key = _open_box(wrap.get("box"), context, private)
            if content_key is not None:
                return Opened(_open_text(sealed, content_key, context), content_key)
            if named is not None:
                raise _broken("a wrap names our sealing key and does not open with it")
    return None


def open_with_key(record: Mapping[str, Any], part: str, content_key: bytes) -> dict[str, Any]:
    """What a part says, opened with a content key that was revealed. Raises as `open_part` does."""
    return _open_text(_sealed_part(record, part), content_key, sealed_context(record, part))


def open_wrap(box: bytes, context: bytes, private: X25519PrivateKey) -> bytes | None:
    """What is in a box, in a wrap's its content key, or None where the box was not made for this key and this context."""
    try:
        return _suite().decrypt(box, private, context)
    except (InvalidTag, ValueError):
        return None


def make_box(public: bytes, text: bytes, context: bytes) -> bytes:
    """Text of any length for the holder of an X25519 key, bound to a context; `open_wrap` opens it. Raises `InputError` (`bad-key`)."""
    try:
        return _suite().encrypt(text, X25519PublicKey.from_public_bytes(public), context)
    except ValueError as error:
        raise InputError("bad-key", "a recipient's sealing key is not usable") from error


def key_commitment(content_key: bytes) -> str:
    """The public commitment to a content key, 64 hex digits."""
    return tagged("content-key", content_key).hex()


def sealed_context(record: Mapping[str, Any], part: str) -> bytes:
    """The 32 bytes that bind a part to its name and to everything in the record but `sealed`."""
    core = {name: value for name, value in record.items() if name != "sealed"}
    if set(core) != _CORE_FIELDS:
        raise InputError("malformed", "a part is sealed into a record with exactly the fields of the format")
    return tagged("sealed-part", canonical.encode({"part": part, "record": core}))


def shuffled(items: Sequence[Any], random: Random) -> list[Any]:
    """A Fisher-Yates shuffle that follows from the randomness passed in. Eight bytes a draw leave a bias below 2**-56."""
    result = list(items)
    for last in range(len(result) - 1, 0, -1):
        other = int.from_bytes(random(8), "big") % (last + 1)
        result[last], result[other] = result[other], result[last]
    return result


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _distinct(recipients: Sequence[Recipient]) -> list[Recipient]:
    """One recipient for each key: where the same key comes named and unnamed it is public already, so named."""
    by_key: dict[bytes, Recipient] = {}
    for recipient in recipients:
        if check_public(X25519, recipient.public).id != recipient.key_id:
            raise InputError("bad-key", "a recipient's key id is not that of its public key")
        if recipient.public not in by_key or recipient.named:
            by_key[recipient.public] = recipient
    if not by_key:
        raise InputError("no-recipients", "a part that nobody can open is not sealed but lost", hint="the author is always a recipient")
    return list(by_key.values())


def _wrap_count(recipients: int) -> int:
    for count in WRAPS_PER_PART:
        if recipients <= count:
            return count
    raise InputError("too-many-recipients", f"a sealed part has at most {max(WRAPS_PER_PART)} recipients, not {recipients}")


def _wrap(recipient: Recipient, content_key: bytes, context: bytes) -> dict[str, str]:
    wrap = {"box": _to_base64url(make_box(recipient.public, content_key, context))}
    return {"to": recipient.key_id, **wrap} if recipient.named else wrap


def _dummy_wrap(context: bytes, random: Random) -> dict[str, str]:
    """A wrap like any other, of a key that opens nothing, to a key that nobody keeps."""
    nobody = X25519PrivateKey.from_private_bytes(random(32)).public_key()
    return {"box": _to_base64url(_suite().encrypt(random(CONTENT_KEY_BYTES), nobody, context))}


def _sealed_part(record: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    sealed = record.get("sealed") or {}
    if part not in sealed:
        raise NotFound("unknown-part", f"the record has no sealed part `{part}`")
    value: Mapping[str, Any] = sealed[part]
    if set(value) != _PART_FIELDS or value["suite"] != SUITE:
        raise _broken("its suite or its fields are not known")
    return value


def _open_box(box: Any, context: bytes, private: X25519PrivateKey) -> bytes | None:
    """As `open_wrap`. What is not even base64url was made for nobody: a stranger's broken wrap must not keep us from our own."""
    data = _from_base64url(box)
    return None if data is None else open_wrap(data, context, private)


def _open_text(sealed: Mapping[str, Any], content_key: bytes, context: bytes) -> dict[str, Any]:
    if len(content_key) != CONTENT_KEY_BYTES or key_commitment(content_key) != sealed["key_commitment"]:
        raise _broken("the content key is not the one that the record commits to")
    text = _from_base64url(sealed["text"])
    if text is None or not PADDED_BYTES_MIN <= len(text) - _TAG_BYTES <= SEALED_TEXT_BYTES_MAX:
        raise _broken("its text is not base64url of an allowed length")
    try:
        plaintext = _unpad(AESGCM(content_key).decrypt(_NONCE, text, context))
        content = canonical.decode(plaintext)
    except InvalidTag as error:
        raise _broken("its text was not sealed for this record under this key") from error
    except InputError as error:
        raise _broken("its content is not canonical JSON") from error
    if not isinstance(content, dict):
        raise _broken("its content is not a JSON object")
    return content


def _padded_size(size: int) -> int:
    """The power of two that holds `size` bytes and at least the one byte of padding."""
    return max(PADDED_BYTES_MIN, 1 << size.bit_length())


def _pad(plaintext: bytes) -> bytes:
    """ISO/IEC 7816-4 padding (0x80, then zeros) to a power of two."""
    size = _padded_size(len(plaintext))
    if size > SEALED_TEXT_BYTES_MAX:
        raise InputError("sealed-part-too-large", f"a sealed part holds less than {SEALED_TEXT_BYTES_MAX} bytes")
    return (plaintext + b"\x80").ljust(size, b"\x00")


def _unpad(padded: bytes) -> bytes:
    plaintext, mark, rest = padded.rpartition(b"\x80")
    if not mark or rest.strip(b"\x00") or _padded_size(len(plaintext)) != len(padded):
        raise _broken("its padding is not right")
    return plaintext


def _to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_base64url(text: Any) -> bytes | None:
    """The bytes of the one spelling that `_to_base64url` gives, or None."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (TypeError, ValueError):
        return None
    return data if _to_base64url(data) == text else None


def _broken(why: str) -> VerificationFailed:
    return VerificationFailed(
        "sealed-part-broken", f"a sealed part that is meant for this node does not hold: {why}", hint="keep the record: it is evidence"
    )
