"""A ledger that is the same to the last bit wherever it is made: fixed keys, a clock that stands, signatures after RFC 6979, and sealed
parts whose wraps only look like some. Beside it, another history by the same operator.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import canonical
from ledger.record import assemble, record_id
from nodes.sealing import key_commitment, sealed_context
from tests.ledger.small_ledger import ANNE, ANNE_CHECK, ANNE_SERVICE, BOB, Private, Solo, key_id, private_key, public_json, solo_ledger

OPERATOR_PRIVATE: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESSES: Final = {name: Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()) for name in ("auditor", "bank-b", "bank-c")}
COSIGNED_S: Final = 1_700_000_100
LETTER: Final = {"v": 1, "text": "\u9752\u6885 36,250.00"}
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_DETERMINISTIC: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)
_WRAPS: Final = 4
_BOX_BYTES: Final = 80


@dataclass
class Fixed:
    """Two histories that begin with the same block; by name the first one's record ids, and the content keys of its sealed parts."""

    one: Solo
    other: Solo
    ids: dict[str, str]
    keys: dict[str, bytes]

    @property
    def network(self) -> str:
        return self.one.author.network

    def note(self, height: int) -> str:
        """The operator's note of a height of the first history."""
        with self.one.store.reading() as reader:
            return reader.checkpoint(height) or ""


def signature(private: Private, digest: bytes) -> bytes:
    """The low-s signature, the same each time."""
    r, s = utils.decode_dss_signature(private.sign(digest, _DETERMINISTIC))
    return r.to_bytes(32, "big") + min(s, _ORDER - s).to_bytes(32, "big")


def high_s(made: bytes) -> bytes:
    """The other signature that textbook ECDSA takes."""
    return made[:32] + (_ORDER - int.from_bytes(made[32:], "big")).to_bytes(32, "big")


def signed(core: Mapping[str, Any], signers: Sequence[Private]) -> bytes:
    """The transaction of a core."""
    record_bytes = canonical.encode(core)
    return assemble(record_bytes, [signature(key, bytes.fromhex(record_id(record_bytes))) for key in signers])


def sealed_part(core: Mapping[str, Any], name: str, content: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """A part that opens with its content key, and with no sealing key at all."""
    content_key = sha256(f"content key of {name}".encode()).digest()
    plain = canonical.encode(content) + b"\x80"
    padded = plain.ljust(max(512, 1 << (len(plain) - 1).bit_length()), b"\x00")
    text = AESGCM(content_key).encrypt(bytes(12), padded, sealed_context(core, name))
    boxes = [sha256(f"{name} {place}".encode()).digest().ljust(_BOX_BYTES, bytes([place])) for place in range(_WRAPS)]
    wraps = [{"box": base64url(box)} for box in boxes]
    return {"suite": 1, "key_commitment": key_commitment(content_key), "wraps": wraps, "text": base64url(text)}, content_key


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sealed_core(solo: Solo) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A record with a letter and a secret in it, and their content keys."""
    core = solo.author.core("note.put", {"key": "sealed", "count": 1}, [ANNE])
    made = {name: sealed_part(core, name, content) for name, content in (("letter", LETTER), ("secret", {"v": 1}))}
    core["sealed"] = {name: part for name, (part, _) in made.items()}
    return core, {name: key for name, (_, key) in made.items()}


@contextmanager
def fixed_ledgers(directory: Path) -> Iterator[Fixed]:
    """The ledgers, in files of that directory, while they run."""
    with solo_ledger(directory / "one.db") as one, solo_ledger(directory / "other.db") as other:
        ids: dict[str, str] = {}
        first = [_put(one, name) for name in ("a", "b", "c")]
        _send(one, dict(zip("abc", first, strict=True)), ids)
        other.send(*first)
        core, keys = sealed_core(one)
        _send(one, {**_second_block(one), "sealed": signed(core, [ANNE])}, ids)
        drop = one.author.core("note.drop", {"once": ids["once"]}, [private_key("once"), ANNE_SERVICE])
        _send(one, {"drop": signed(drop, [private_key("once"), ANNE_SERVICE])}, ids)
        _send(one, {"z": _put(one, "z")}, ids)
        other.author.made = 100
        other.send(_put(other, "d"), _put(other, "e"))
        other.send(_put(other, "f"))
        yield Fixed(one, other, ids, keys)


def _second_block(solo: Solo) -> dict[str, bytes]:
    by_two = solo.author.core("note.put", {"key": "two", "count": 2}, [ANNE, ANNE_CHECK])
    end = solo.author.core("key.end", {"key": key_id(BOB)}, [ANNE])
    return {
        "two": signed(by_two, [ANNE, ANNE_CHECK]),
        "once": _once(solo, "once", "yes"),
        "refused once": _once(solo, "refused", "no"),
        "by bob": _put(solo, "bob", BOB),
        "end": signed(end, [ANNE]),
        "taken": _put(solo, "a"),
    }


def _put(solo: Solo, key: str, by: Private = ANNE) -> bytes:
    return signed(solo.author.core("note.put", {"key": key, "count": 1}, [by]), [by])


def _once(solo: Solo, name: str, text: str) -> bytes:
    key = private_key(name)
    return signed(solo.author.core("note.once", {"key": public_json(key), "text": text}, [key, ANNE_SERVICE]), [key, ANNE_SERVICE])


def _send(solo: Solo, raws: Mapping[str, bytes], ids: dict[str, str]) -> None:
    """One block; notes the ids by name."""
    for name, answer in zip(raws, solo.send(*raws.values()), strict=True):
        assert not isinstance(answer, Exception), (name, answer)
        ids[name] = answer.record_id
