"""Public keys, their ids, and signatures: ECDSA P-256 with SHA-256, 64 raw bytes (r || s), low-s only (SEC 1, FIPS 186-5).

A signature is made over a 32-byte digest, which for a record is its id. Of the two signatures (r, s) and (r, n - s) that
mathematics allows, only the one with the smaller s is valid, so that nobody can turn a signed record into a second form of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.errors import InputError
from ledger.hashing import tagged_json

P256: Final = "p256"
X25519: Final = "x25519"
ED25519: Final = "ed25519"
PUBLIC_BYTES: Final = {P256: 33, X25519: 32, ED25519: 32}
SIGNATURE_BYTES: Final = 64

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF_ORDER: Final = _ORDER // 2
_PRIME_25519: Final = 2**255 - 19
# The points with which every exchange gives zero, which RFC 7748, section 6.1, has both sides refuse: those of order 1, 2, 4 and 8.
_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
        _PRIME_25519 - 1,
    }
)
_PREHASHED: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
# RFC 6979: no signature leaks its key because a machine's randomness was poor, or was the same twice in a copied machine.
_SIGNING: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`alg` is one of p256 (compressed point, 33 bytes), x25519 (32 bytes), ed25519 (32 bytes)."""

    alg: str
    public: bytes

    @property
    def id(self) -> str:
        return key_id(self.alg, self.public)

    def to_json(self) -> dict[str, str]:
        return {"alg": self.alg, "public": self.public.hex()}


def key_id(alg: str, public: bytes) -> str:
    """The id of a key: the tagged hash of its algorithm and public bytes, 64 hex digits."""
    return tagged_json("key", {"alg": alg, "public": public.hex()})


def check_public(alg: str, public: bytes) -> PublicKey:
    """The key, if the bytes are a valid public key of that algorithm. Raises `InputError` (`bad-key`)."""
    if PUBLIC_BYTES.get(alg) != len(public):
        raise InputError("bad-key", "the public key's algorithm or length is not known")
    if alg == P256:
        try:
            _load_p256(public)
        except ValueError as error:
            raise InputError("bad-key", "the bytes are no point of P-256") from error
    if alg == X25519 and _u_coordinate(public) in _SMALL_ORDER:
        raise InputError("bad-key", "nothing can be sealed to a point of small order")
    return PublicKey(alg, public)


def _u_coordinate(public: bytes) -> int:
    """As RFC 7748 reads it, section 5: the highest bit is passed over, and what is not below the prime is reduced."""
    return (int.from_bytes(public, "little") & (1 << 255) - 1) % _PRIME_25519


def public_of(private: ec.EllipticCurvePrivateKey) -> PublicKey:
    """The public half of a P-256 private key."""
    return PublicKey(P256, private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def sign(private: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """The low-s signature of a 32-byte digest, 64 raw bytes."""
    r, s = utils.decode_dss_signature(private.sign(digest, _SIGNING))
    if s > _HALF_ORDER:
        s = _ORDER - s
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether the signature is the one low-s form valid for this P-256 key and 32-byte digest. Never raises on hostile bytes."""
    if len(signature) != SIGNATURE_BYTES or len(digest) != 32:
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < _ORDER and 0 < s <= _HALF_ORDER):
        return False
    try:
        _load_p256(public).verify(utils.encode_dss_signature(r, s), digest, _PREHASHED)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def _load_p256(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
