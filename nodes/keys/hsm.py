"""Keys in a hardware module, by PKCS#11 (OASIS, 2.40): ECDSA on P-256, made there and never leaving it.

A key of a module is used like any other private key (`HsmPrivateKey`); what is not signing, it refuses. One token is one session, which
threads take turns at. The library is an extra, `tallystick[hsm]`, since it needs a compiler where there is no wheel of it.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from ledger.errors import InputError, NotFound, NotPermitted, Refused, Unreachable
from nodes.home_config import Pkcs11Section

# DER of the object identifiers 1.2.840.10045.3.1.7 (P-256), and of an OCTET STRING with an uncompressed point of it.
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
_POINT: Final = bytes.fromhex("044104")
_HALF: Final = 32


class Hsm:
    """One token of one module. Nothing is loaded before it is used. Safe to share between threads."""

    def __init__(self, section: Pkcs11Section) -> None:
        self._section = section
        self._lock = threading.RLock()
        self._session: Any = None

    def find(self, label: str, pin: bytes) -> tuple[str, ec.EllipticCurvePublicKey]:
        """The id (CKA_ID, hexadecimal) and the public half of the one P-256 key of a label.

        Raises `InputError` (`hsm-missing`, `hsm-key`), `NotFound` (`hsm-key`), `NotPermitted` (`hsm-pin`), `Unreachable` (`hsm`).
        """
        pkcs11 = _library()
        with self._lock, _Failing(pkcs11):
            session = self._logged_in(pkcs11, pin)
            search = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.LABEL: label}
            found = list(session.get_objects(search))
            if len(found) != 1 or not found[0].id:
                raise NotFound("hsm-key", "the token has no key of this label, or several, or one without an id")
            key_id = bytes(found[0].id)
            return key_id.hex(), self._public(pkcs11, session, key_id)

    def open(self, key_id: str, public: bytes, pin: bytes) -> HsmPrivateKey:
        """The key of an id, once its public half is the one that is expected (compressed). Raises as `find`."""
        pkcs11 = _library()
        with self._lock, _Failing(pkcs11):
            found = self._public(pkcs11, self._logged_in(pkcs11, pin), bytes.fromhex(key_id))
        expected = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        if found.public_numbers() != expected.public_numbers():
            raise Refused("hsm-key", "the key in the token is another than the one that was registered")
        return HsmPrivateKey(self, key_id, expected, pin)

    def sign(self, key_id: str, digest: bytes, pin: bytes) -> bytes:
        """A signature of a 32-byte digest, 64 raw bytes as the module gives them (r || s). Raises as `find`."""
        pkcs11 = _library()
        with self._lock, _Failing(pkcs11):
            session = self._logged_in(pkcs11, pin)
            search = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.ID: bytes.fromhex(key_id)}
            found = list(session.get_objects(search))
            if len(found) != 1:
                raise NotFound("hsm-key", "the token has no key of this id, or several")
            return bytes(found[0].sign(digest, mechanism=pkcs11.Mechanism.ECDSA))

    def _logged_in(self, pkcs11: Any, pin: bytes) -> Any:
        """The session; a token that was taken out and put back, or started again, gets another."""
        if self._session is not None:
            try:
                list(self._session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}))
            except pkcs11.exceptions.PKCS11Error:
                self._session = None
        if self._session is None:
            token = pkcs11.lib(self._section.module).get_token(token_label=self._section.token)
            try:
                self._session = token.open(user_pin=pin.decode("utf-8"))
            except pkcs11.exceptions.UserAlreadyLoggedIn:
                # Logging in holds for the whole process, and another node of it did.
                self._session = token.open()
        return self._session

    def _public(self, pkcs11: Any, session: Any, key_id: bytes) -> ec.EllipticCurvePublicKey:
        search = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY, pkcs11.Attribute.ID: key_id}
        found = list(session.get_objects(search))
        if len(found) != 1:
            raise NotFound("hsm-key", "the token has no public key beside this key, or several")
        point, curve = bytes(found[0][pkcs11.Attribute.EC_POINT]), bytes(found[0][pkcs11.Attribute.EC_PARAMS])
        if curve != _P256 or not point.startswith(_POINT) or len(point) != len(_POINT) + 2 * _HALF:
            raise InputError("hsm-key", "the key in the token is not of the curve P-256")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[2:])
        except ValueError as error:
            raise InputError("hsm-key", "the public key in the token is no point of P-256") from error


def hsm_of(section: Pkcs11Section | None) -> Hsm | None:
    """The module that a configuration names, if it names one."""
    return None if section is None else Hsm(section)


class HsmPrivateKey(ec.EllipticCurvePrivateKey):
    """A private key that stays in its module. It signs with SHA-256, and does nothing else."""

    def __init__(self, hsm: Hsm, key_id: str, public: ec.EllipticCurvePublicKey, pin: bytes) -> None:
        self._hsm, self._key_id, self._public, self._pin = hsm, key_id, public, pin

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """As cryptography's own keys: DER. Raises as `Hsm.sign`, `Refused` (`key-in-hsm`) for another hash than SHA-256."""
        algorithm = signature_algorithm.algorithm
        digest = bytes(data)
        if isinstance(algorithm, hashes.SHA256):
            digest = _sha256(digest)
        elif not (isinstance(algorithm, utils.Prehashed) and len(digest) == _HALF):
            _refuse()
        raw = self._hsm.sign(self._key_id, digest, self._pin)
        return utils.encode_dss_signature(int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big"))

    def exchange(self, *_: Any, **__: Any) -> bytes:
        _refuse()

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        _refuse()

    def private_bytes(self, *_: Any, **__: Any) -> bytes:
        _refuse()

    def __copy__(self) -> HsmPrivateKey:
        return self

    def __deepcopy__(self, *_: Any) -> HsmPrivateKey:
        return self


class _Failing:
    """What the module says, as one of our errors: never its text, which may name what it was asked for."""

    def __init__(self, pkcs11: Any) -> None:
        self._pkcs11 = pkcs11

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        exceptions = self._pkcs11.exceptions
        if isinstance(error, exceptions.PinIncorrect | exceptions.PinInvalid | exceptions.PinLenRange | exceptions.PinLocked):
            raise NotPermitted("hsm-pin", "the token does not open with this PIN", hint="too many wrong ones lock the token") from error
        # A module that is not there is a plain error of the library's loader.
        if isinstance(error, exceptions.PKCS11Error | RuntimeError | OSError):
            hint = "look at [pkcs11] in tallystick.toml, and at the module"
            raise Unreachable("hsm", f"the hardware module does not do what it is asked ({type(error).__name__})", hint=hint) from error


def _library() -> Any:
    try:
        return importlib.import_module("pkcs11")
    except ImportError as error:
        raise InputError("hsm-missing", "this installation speaks to no hardware module", hint="pip install 'tallystick[hsm]'") from error


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def _refuse() -> NoReturn:
    raise Refused("key-in-hsm", "a key in a hardware module signs with SHA-256, and does nothing else")
