"""Checkpoints: the size and root of a log as a C2SP signed note (tlog-checkpoint), with Ed25519 signatures and witness cosignatures.

The formats are c2sp.org/signed-note, c2sp.org/tlog-checkpoint and c2sp.org/tlog-cosignature. Where they leave a choice, only the narrower
form is read or written: names and origins are visible ASCII without a plus sign, the body is exactly origin, size and root (no extension
lines), base64 is padded and exact, and a key signs a note once. Lines of keys that nobody asked about are kept and not believed.

Keys are Ed25519; a public key is its 32 raw bytes. What is malformed raises `InputError` (`bad-note`); a note that is well-formed and not
signed as it must be raises `VerificationFailed` (`bad-checkpoint`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import InputError, VerificationFailed
from ledger.hashing import HASH_BYTES
from ledger.limits import INTEGER_MAX, NOTE_CHARS_MAX, NOTE_NAME_CHARS_MAX, NOTE_SIGNATURE_BYTES_MAX, NOTE_SIGNATURES_MAX

ED25519: Final = 0x01
COSIGNATURE_V1: Final = 0x04

_KEY_HASH_BYTES: Final = 4
_TIME_BYTES: Final = 8
_PUBLIC_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_BODY_LINES: Final = 3
_TIME_S_MAX: Final = 2**63 - 1
_NAME: Final = re.compile(r"[!-*,-~]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_DASH: Final = "\u2014 "


@dataclass(frozen=True)
class Checkpoint:
    """What a log's operator vouches for: the log's name, its number of leaves, and its 32-byte RFC 9162 root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: the key's name, its four-byte hash, and whatever that kind of key signs with."""

    name: str
    key_hash: bytes
    signature: bytes


@dataclass(frozen=True)
class Cosignature:
    """A witness's cosignature/v1 that holds: who, by which key, when (POSIX seconds), and its line in the note."""

    name: str
    public: bytes
    time_s: int
    line: str


@dataclass(frozen=True)
class SignedNote:
    """A checkpoint with its signature lines, in order; nothing about them is verified yet."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]


def key_hash(name: str, kind: int, public_key: bytes) -> bytes:
    """The four bytes by which a signature line points at a key; `kind` is the signed-note signature type."""
    return sha256(f"{name}\n".encode() + bytes([kind]) + public_key).digest()[:_KEY_HASH_BYTES]


def note_body(checkpoint: Checkpoint) -> str:
    """The signed text: origin, size in decimal, root in base64, each on its line."""
    _require_name(checkpoint.origin, "origin")
    _require(type(checkpoint.size) is int and 0 <= checkpoint.size <= INTEGER_MAX, "the size is not a number of leaves")
    _require(type(checkpoint.root) is bytes and len(checkpoint.root) == HASH_BYTES, "the root is not a 32-byte hash")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode('ascii')}\n"


def sign_note(checkpoint: Checkpoint, name: str, private_key: Ed25519PrivateKey) -> str:
    """The checkpoint as a note with one signature, by the log's operator."""
    body = note_body(checkpoint)
    return f"{body}\n{_line(_signature(body, name, private_key))}"


def add_cosignature(note: str, name: str, private_key: Ed25519PrivateKey, time_s: int) -> str:
    """The note with a witness's cosignature/v1 of that time (POSIX seconds), in place of an earlier one by the same key.

    Whoever cosigns must have verified the note and its consistency with the log that it saw before; this function does neither.
    """
    parsed = parse_note(note)
    body = note_body(parsed.checkpoint)
    made = _cosignature(body, name, private_key, time_s)
    kept = [each for each in parsed.signatures if (each.name, each.key_hash) != (made.name, made.key_hash)]
    _require(len(kept) < NOTE_SIGNATURES_MAX, f"a note has at most {NOTE_SIGNATURES_MAX} signatures")
    return f"{body}\n{''.join(_line(each) for each in [*kept, made])}"


def parse_note(text: str) -> SignedNote:
    """Read a note; what is accepted, writing it again gives back character for character."""
    _require(type(text) is str and len(text) <= NOTE_CHARS_MAX, f"a note is text of at most {NOTE_CHARS_MAX} characters")
    lines = text.split("\n")
    _require(
        len(lines) > _BODY_LINES + 2 and lines[_BODY_LINES] == "" and lines[-1] == "",
        "a note is a body, an empty line, and signature lines",
    )
    origin, size, root = lines[:_BODY_LINES]
    _require_name(origin, "origin")
    _require(_SIZE.fullmatch(size) is not None and int(size) <= INTEGER_MAX, "the size is not a plain decimal number within 2**53")
    checkpoint = Checkpoint(origin, int(size), _from_base64(root, HASH_BYTES))
    _require(len(checkpoint.root) == HASH_BYTES, "the root is not a 32-byte hash")
    signature_lines = lines[_BODY_LINES + 1 : -1]
    _require(len(signature_lines) <= NOTE_SIGNATURES_MAX, f"a note has at most {NOTE_SIGNATURES_MAX} signatures")
    signatures = tuple(_parse_line(line) for line in signature_lines)
    _require(len({(each.name, each.key_hash) for each in signatures}) == len(signatures), "a key signs a note only once")
    return SignedNote(checkpoint, signatures)


def verify_note(text: str, name: str, public_key: bytes) -> Checkpoint:
    """The checkpoint of a note that carries a valid signature by this operator key.

    Whether the origin is the one expected is for the caller to compare. Raises `InputError` (`bad-note`, `bad-key`),
    `VerificationFailed` (`bad-checkpoint`).
    """
    note = parse_note(text)
    key = _public_key(public_key)
    signature = _find(note, name, key_hash(name, ED25519, public_key))
    if signature is None:
        raise VerificationFailed(
            "bad-checkpoint", f"the checkpoint is not signed by the key of {name}", hint="Check the operator key in the trust file."
        )
    if not _is_valid(key, signature, note_body(note.checkpoint).encode("ascii")):
        raise VerificationFailed("bad-checkpoint", f"the signature of {name} on the checkpoint does not hold")
    return note.checkpoint


def verified_cosigners(text: str, witnesses: Mapping[str, bytes]) -> dict[str, int]:
    """Which of these witnesses (name to public key) cosigned the note, and when (POSIX seconds), sorted by name. As `cosignatures_of`."""
    return {each.name: each.time_s for each in cosignatures_of(text, witnesses)}


def cosignatures_of(text: str, witnesses: Mapping[str, bytes]) -> list[Cosignature]:
    """The cosignatures on a note by these witnesses (name to public key), sorted by name.

    A cosignature that does not hold counts as none, so that one bad witness cannot spoil the note for the others; the operator's signature
    is for `verify_note`. A v1 cosignature does not say the witness's name, so one key under two names would count twice: that is refused.
    Raises `InputError` (`bad-note`, `bad-key`).
    """
    note = parse_note(text)
    body = note_body(note.checkpoint)
    if len(set(witnesses.values())) != len(witnesses):
        raise InputError("bad-key", "two witnesses have the same key", hint="List each witness once in the trust file.")
    found: list[Cosignature] = []
    for name, public_key in sorted(witnesses.items()):
        key = _public_key(public_key)
        hashed = key_hash(name, COSIGNATURE_V1, public_key)
        blob = _find(note, name, hashed)
        if blob is None or len(blob) != _TIME_BYTES + _SIGNATURE_BYTES:
            continue
        time_s = int.from_bytes(blob[:_TIME_BYTES], "big")
        if time_s <= _TIME_S_MAX and _is_valid(key, blob[_TIME_BYTES:], _cosigned_message(body, time_s)):
            found.append(Cosignature(name, public_key, time_s, _line(NoteSignature(name, hashed, blob))))
    return found


def with_cosignatures(text: str, lines: Iterable[str]) -> str:
    """The note with these signature lines after its own, as many as a note may have. They are not verified here."""
    note = parse_note(text)
    added = tuple(_parse_line(line.removesuffix("\n")) for line in lines)
    kept: dict[tuple[str, bytes], NoteSignature] = {}
    for each in (*note.signatures, *added):
        kept.setdefault((each.name, each.key_hash), each)
    chosen = list(kept.values())[:NOTE_SIGNATURES_MAX]
    return f"{note_body(note.checkpoint)}\n{''.join(_line(each) for each in chosen)}"


def only_signed_by(text: str, name: str, public_key: bytes) -> str:
    """The note with this operator's signature line alone. Raises as `verify_note`."""
    verify_note(text, name, public_key)
    note, hashed = parse_note(text), key_hash(name, ED25519, public_key)
    own = [each for each in note.signatures if (each.name, each.key_hash) == (name, hashed)]
    return f"{note_body(note.checkpoint)}\n{''.join(_line(each) for each in own)}"


def _signature(body: str, name: str, private_key: Ed25519PrivateKey) -> NoteSignature:
    _require_name(name, "key name")
    public_key = private_key.public_key().public_bytes_raw()
    return NoteSignature(name, key_hash(name, ED25519, public_key), private_key.sign(body.encode()))


def _cosignature(body: str, name: str, private_key: Ed25519PrivateKey, time_s: int) -> NoteSignature:
    _require_name(name, "key name")
    _require(type(time_s) is int and 0 <= time_s <= _TIME_S_MAX, "the time of a cosignature is not a number of POSIX seconds")
    public_key = private_key.public_key().public_bytes_raw()
    blob = time_s.to_bytes(_TIME_BYTES, "big") + private_key.sign(_cosigned_message(body, time_s))
    return NoteSignature(name, key_hash(name, COSIGNATURE_V1, public_key), blob)


def _cosigned_message(body: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{body}".encode("ascii")


def _line(signature: NoteSignature) -> str:
    return f"{_DASH}{signature.name} {base64.b64encode(signature.key_hash + signature.signature).decode('ascii')}\n"


def _parse_line(line: str) -> NoteSignature:
    _require(line.startswith(_DASH), "a signature line begins with an em dash and a space")
    name, separator, encoded = line[len(_DASH) :].partition(" ")
    _require(separator == " ", "a signature line is a name and a signature")
    _require_name(name, "key name")
    blob = _from_base64(encoded, NOTE_SIGNATURE_BYTES_MAX)
    _require(len(blob) > _KEY_HASH_BYTES, "a signature is a key hash of four bytes and something signed")
    return NoteSignature(name, blob[:_KEY_HASH_BYTES], blob[_KEY_HASH_BYTES:])


def _find(note: SignedNote, name: str, hashed: bytes) -> bytes | None:
    return next((each.signature for each in note.signatures if each.name == name and each.key_hash == hashed), None)


def _is_valid(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _public_key(raw: bytes) -> Ed25519PublicKey:
    if type(raw) is not bytes or len(raw) != _PUBLIC_KEY_BYTES:
        raise InputError("bad-key", "an Ed25519 public key is 32 bytes")
    return Ed25519PublicKey.from_public_bytes(raw)


def _from_base64(text: str, bytes_max: int) -> bytes:
    """The bytes of standard, padded base64 in its one exact form: Python's decoder alone would let stray last bits pass."""
    _require(len(text) <= 4 * ((bytes_max + 2) // 3), "a base64 value is too long")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("bad-note", "a value is not base64") from None
    _require(base64.b64encode(data).decode("ascii") == text and len(data) <= bytes_max, "a value is not in exact base64")
    return data


def _require_name(name: str, what: str) -> None:
    good = type(name) is str and len(name) <= NOTE_NAME_CHARS_MAX and _NAME.fullmatch(name) is not None
    _require(good, f"the {what} is not 1 to {NOTE_NAME_CHARS_MAX} visible ASCII characters without a plus sign")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError("bad-note", message)
