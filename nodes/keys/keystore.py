"""The key store of a home: one file for each key, its private half encrypted under its owner's secret.

A staff key opens only with that person's secret, a node's key only with the node's, so that a record which needs two people
needs both of them at work. From the secret, Argon2id (RFC 9106) and HKDF (RFC 5869) derive the key for AES-256-GCM, whose
associated data binds the key's id, algorithm, purpose and owner. A checksum tells a damaged file from a wrong secret.

Of a key in a hardware module the file holds, in the same box, the PIN that opens the module's token instead (`nodes.keys.hsm`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger import canonical
from ledger.errors import InputError, NotFound, NotPermitted, Refused, VerificationFailed
from ledger.hashing import HASH_BYTES, tagged_json
from ledger.keys import ED25519, P256, X25519, PublicKey, check_public, public_of
from ledger.limits import ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX, SECRET_BYTES_MAX
from nodes.keys.hsm import Hsm
from nodes.keys.registry import HMAC_SHA256, REGISTRY_KEY_BYTES, RegistryKey
from nodes.private_files import locked, make_private_directory, read_private_file, write_private_file

FILE_VERSION: Final = 1
NODE_OWNER: Final = "node"
WITNESS: Final = "witness"
PrivateKey = EllipticCurvePrivateKey | X25519PrivateKey | Ed25519PrivateKey | RegistryKey

_ID: Final = re.compile(r"[0-9a-f]{64}\Z")
_LABEL: Final = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_FIELDS: Final = {"v", "id", "alg", "public", "purpose", "owner", "kdf", "check", "nonce", "box", "checksum"}
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one guess at a secret costs: passes over memory (KiB) in lanes. The default takes some 75 ms on one core."""

    passes: int = 2
    memory_kib: int = 32_768
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be known of a key without its secret. `owner` is a user's id, or `node`; `hsm` the id that a hardware module knows it by."""

    id: str
    alg: str
    public: bytes
    purpose: str
    owner: str
    hsm: str | None = None


class KeyStore:
    """The keys in one directory. `random` gives that many random bytes; `cost` binds new keys and changed secrets only; `hsm` is where keys
    are that are not here.
    """

    def __init__(self, directory: Path, random: Callable[[int], bytes], cost: Argon2Cost | None = None, hsm: Hsm | None = None) -> None:
        make_private_directory(directory)
        self._directory = directory
        self._random = random
        self._cost = cost or Argon2Cost()
        self._hsm = hsm

    def create(self, alg: str, purpose: str, owner: str, secret: bytes) -> KeyInfo:
        """Makes a new key of an algorithm of `ledger.keys`, or a registry key. Raises `InputError` (`bad-key`, `bad-secret`)."""
        return self.add(_generate(alg, self._random), purpose, owner, secret)

    def add(self, private: PrivateKey, purpose: str, owner: str, secret: bytes) -> KeyInfo:
        """Takes in a key made elsewhere. Raises `Refused` (`key-exists`), `InputError` (`bad-key`, `bad-secret`)."""
        if not (_LABEL.match(purpose) and _LABEL.match(owner)):
            raise InputError("bad-key", "a key's purpose and owner are lower-case words")
        public = _public(private)
        info = KeyInfo(public.id, public.alg, public.public, purpose, owner)
        with locked(self._directory):
            if self._path(info.id).exists():
                raise Refused("key-exists", f"the key {info.id} is in this store already")
            self._write(info, _private_bytes(private), secret)
        return info

    def add_from_hsm(self, label: str, pin: bytes, purpose: str, owner: str, secret: bytes) -> KeyInfo:
        """Takes in a P-256 key of the hardware module by its label: the PIN is sealed under the owner's secret. One that is here already,
        for the same, gets another PIN. Raises as `Hsm.find`, `Refused` (`no-hsm`, `key-exists`), `InputError` (`bad-key`, `bad-secret`).
        """
        key_id, found = self._module().find(label, pin)
        public = PublicKey(P256, found.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
        info = KeyInfo(public.id, public.alg, public.public, purpose, owner, key_id)
        with locked(self._directory):
            if self._path(info.id).exists() and self.info(info.id) != info:
                raise Refused("key-exists", f"the key {info.id} is in this store already, for something else")
            self._write(info, pin, secret)
        return info

    def list(self) -> list[KeyInfo]:
        """Every key, by id. One damaged file makes this fail: a store that lost a key must not look complete."""
        make_private_directory(self._directory)
        return [self.info(path.stem) for path in sorted(self._directory.glob("[!.]*.json"))]

    def info(self, key_id: str) -> KeyInfo:
        """What the file says of a key. Raises `NotFound` (`unknown-key`), `VerificationFailed` (`key-file-damaged`)."""
        return _info(self._read(key_id))

    def open(self, key_id: str, secret: bytes) -> PrivateKey:
        """The private key. Raises `NotPermitted` (`secret-wrong`), as `info` does, and for a key in a hardware module as `Hsm.open` and
        `Refused` (`no-hsm`).
        """
        info, opened = _info(file := self._read(key_id)), _decrypt(file, secret)
        return _load(info, opened) if info.hsm is None else self._module().open(info.hsm, info.public, opened)

    def change_secret(self, key_id: str, old: bytes, new: bytes) -> None:
        """Encrypts the key anew under another secret, under today's cost. Raises as `open` does; then the file is as it was."""
        with locked(self._directory):
            file = self._read(key_id)
            self._write(_info(file), _decrypt(file, old), new)

    def _module(self) -> Hsm:
        if self._hsm is None:
            raise Refused("no-hsm", "this home names no hardware module", hint="[pkcs11] in tallystick.toml")
        return self._hsm

    def _path(self, key_id: str) -> Path:
        if not _ID.match(key_id):
            raise NotFound("unknown-key", "a key's id has 64 hex digits")
        return self._directory / f"{key_id}.json"

    def _read(self, key_id: str) -> dict[str, Any]:
        make_private_directory(self._directory)
        try:
            data = read_private_file(self._path(key_id))
        except NotFound as error:
            raise NotFound("unknown-key", f"the key {key_id} is not in this store") from error
        return _checked(data, key_id)

    def _write(self, info: KeyInfo, private: bytes, secret: bytes) -> None:
        kdf = {"name": "argon2id", "salt": self._random(16).hex(), **asdict(self._cost)}
        encryption_key, check = derive(kdf, secret)
        nonce = self._random(12)
        file = {
            **_bound(info),
            "kdf": kdf,
            "check": check.hex(),
            "nonce": nonce.hex(),
            "box": AESGCM(encryption_key).encrypt(nonce, private, canonical.encode(_bound(info))).hex(),
        }
        file["checksum"] = tagged_json("key-file", file)
        write_private_file(self._path(info.id), canonical.encode(file))


def _bound(info: KeyInfo) -> dict[str, Any]:
    bound = {
        "v": FILE_VERSION,
        "id": info.id,
        "alg": info.alg,
        "public": info.public.hex(),
        "purpose": info.purpose,
        "owner": info.owner,
    }
    return bound if info.hsm is None else {**bound, "hsm": info.hsm}


def _checked(data: bytes, key_id: str) -> dict[str, Any]:
    """The file's fields, once its checksum holds and it is about the key that its name says."""
    try:
        file = canonical.decode(data)
    except InputError as error:
        raise _damaged(key_id) from error
    if not isinstance(file, dict) or set(file) - {"hsm"} != _FIELDS:
        raise _damaged(key_id)
    unsummed = {name: value for name, value in file.items() if name != "checksum"}
    if file["checksum"] != tagged_json("key-file", unsummed) or file["v"] != FILE_VERSION or file["id"] != key_id:
        raise _damaged(key_id)
    return file


def _info(file: dict[str, Any]) -> KeyInfo:
    try:
        public = _checked_public(file["alg"], bytes.fromhex(file["public"]))
        info = KeyInfo(public.id, public.alg, public.public, file["purpose"], file["owner"], file.get("hsm"))
    except (InputError, TypeError, ValueError) as error:
        raise _damaged(file["id"]) from error
    if info.id != file["id"]:
        raise _damaged(info.id)
    return info


def _checked_public(alg: str, public: bytes) -> PublicKey:
    """The public half as a file gives it. A registry key's is a commitment, which `ledger.keys` knows nothing of."""
    if alg == HMAC_SHA256 and len(public) == HASH_BYTES:
        return PublicKey(alg, public)
    return check_public(alg, public)


def _decrypt(file: dict[str, Any], secret: bytes) -> bytes:
    try:
        info, kdf = _info(file), checked_kdf(file["kdf"])
        nonce, box, check = (bytes.fromhex(file[name]) for name in ("nonce", "box", "check"))
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise _damaged(file["id"]) from error
    encryption_key, expected = derive(kdf, secret)
    if check != expected:
        raise NotPermitted("secret-wrong", "the secret does not open this key", hint="a key opens only with its owner's secret")
    try:
        return AESGCM(encryption_key).decrypt(nonce, box, canonical.encode(_bound(info)))
    except (InvalidTag, ValueError) as error:
        raise _damaged(info.id) from error


def checked_kdf(kdf: dict[str, Any]) -> dict[str, Any]:
    """The parameters as the file records them, within bounds, so that a file cannot make us spend without end."""
    bounds = {"passes": ARGON2_PASSES_MAX, "memory_kib": ARGON2_MEMORY_KIB_MAX, "lanes": ARGON2_LANES_MAX}
    if set(kdf) != {"name", "salt", *bounds} or kdf["name"] != "argon2id" or len(bytes.fromhex(kdf["salt"])) != 16:
        raise InputError("bad-key", "the derivation is not known")
    for name, largest in bounds.items():
        if type(kdf[name]) is not int or not 1 <= kdf[name] <= largest:
            raise InputError("bad-key", "the cost of the derivation is out of bounds")
    if kdf["memory_kib"] < 8 * kdf["lanes"]:
        raise InputError("bad-key", "the cost of the derivation is out of bounds")
    return kdf


def derive(kdf: dict[str, Any], secret: bytes) -> tuple[bytes, bytes]:
    """The encryption key, and a value that shows whether the secret was right; each tells nothing of the other."""
    if not 1 <= len(secret) <= SECRET_BYTES_MAX:
        raise InputError("bad-secret", f"a secret has 1 to {SECRET_BYTES_MAX} bytes")
    salt = bytes.fromhex(kdf["salt"])
    stretched = hash_secret_raw(secret, salt, kdf["passes"], kdf["memory_kib"], kdf["lanes"], 32, Type.ID)
    names = (b"tallystick:key-encryption:v1", b"tallystick:key-check:v1")
    encryption_key, check = (HKDFExpand(SHA256(), 32, name).derive(stretched) for name in names)
    return encryption_key, check


def _generate(alg: str, random: Callable[[int], bytes]) -> PrivateKey:
    if alg == P256:
        # 64 bits more than the order needs make the bias negligible (FIPS 186-5, A.2.1).
        return derive_private_key(int.from_bytes(random(40), "big") % (_P256_ORDER - 1) + 1, SECP256R1())
    if alg == X25519:
        return X25519PrivateKey.from_private_bytes(random(32))
    if alg == ED25519:
        return Ed25519PrivateKey.from_private_bytes(random(32))
    if alg == HMAC_SHA256:
        return RegistryKey(random(REGISTRY_KEY_BYTES))
    raise InputError("bad-key", f"the algorithm {alg} is not known")


def _public(private: PrivateKey) -> PublicKey:
    if isinstance(private, EllipticCurvePrivateKey):
        if not isinstance(private.curve, SECP256R1):
            raise InputError("bad-key", f"the curve {private.curve.name} is not known")
        return public_of(private)
    if isinstance(private, RegistryKey):
        # A symmetric key has no public half; its commitment is what the network knows it by.
        return PublicKey(HMAC_SHA256, bytes.fromhex(private.commitment))
    alg = X25519 if isinstance(private, X25519PrivateKey) else ED25519
    return PublicKey(alg, private.public_key().public_bytes_raw())


def _private_bytes(private: PrivateKey) -> bytes:
    """32 bytes: the scalar of P-256 (big-endian), the raw private key of RFC 7748 and RFC 8032, or the registry key."""
    if isinstance(private, EllipticCurvePrivateKey):
        return private.private_numbers().private_value.to_bytes(32, "big")
    if isinstance(private, RegistryKey):
        return private.value
    return private.private_bytes_raw()


def _load(info: KeyInfo, data: bytes) -> PrivateKey:
    """The key object, once its public half is the one that the file names."""
    private: PrivateKey
    try:
        if info.alg == P256:
            private = derive_private_key(int.from_bytes(data, "big"), SECP256R1())
        elif info.alg == HMAC_SHA256:
            private = RegistryKey(data)
        else:
            kind = X25519PrivateKey if info.alg == X25519 else Ed25519PrivateKey
            private = kind.from_private_bytes(data)
    except ValueError as error:
        raise _damaged(info.id) from error
    if _public(private).id != info.id:
        raise _damaged(info.id)
    return private


def _damaged(key_id: str) -> VerificationFailed:
    return VerificationFailed("key-file-damaged", f"the file of the key {key_id} was damaged or changed", hint="restore it from a backup")
