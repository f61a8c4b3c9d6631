"""Tagged hashes, key ids, and signatures: ECDSA P-256 in its low-s form, and Ed25519 as `cryptography` checks it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.verify.strict_json import encode

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def tagged(tag: str, data: bytes) -> bytes:
    """SHA-256 of `tallystick:<tag>:v1`, a zero byte, and the data."""
    return sha256(b"tallystick:" + tag.encode() + b":v1\x00" + data).digest()


def key_id(alg: str, public: str) -> str:
    """The id of a key from its algorithm and its public bytes in hex."""
    return tagged("key", encode({"alg": alg, "public": public})).hex()


def p256_holds(public: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether r || s is the low-s signature of a 32-byte digest by this compressed point."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not 0 < r < _P256_ORDER or not 0 < s <= _P256_ORDER // 2:
        return False
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def ed25519_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature by these 32 bytes of a public key holds, as `cryptography` checks it."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def body_key(body: Any, wanted: str) -> str | None:
    """The public bytes in hex of the P-256 key with this id that a record's body gives in one of its fields, or None."""
    for value in body.values():
        is_key = type(value) is dict and value.keys() == {"alg", "public"} and value["alg"] == "p256" and type(value["public"]) is str
        if is_key and key_id("p256", value["public"]) == wanted:
            return str(value["public"])
    return None
