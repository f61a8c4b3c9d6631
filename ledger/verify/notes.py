"""The engine `solo`, where one operator signs the log: the trust file, which says whose word counts, and the signed note (C2SP
tlog-checkpoint) that must carry it.

Trust file: `{v, network, engine, operators: [{name, public, first_size, last_size}], witnesses: [{name, public}], witnesses_required}`.
An operator's key counts for log sizes from `first_size` to `last_size` (null: without end). Of the witnesses, `witnesses_required`
must have cosigned.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from ledger.verify.signatures import ed25519_holds
from ledger.verify.strict_json import Invalid, decode, fields, integer, items, text, unhex

TRUST_BYTES_MAX: Final = 262_144
_NAME: Final = re.compile(r"[!-*,-~]{1,255}\Z")
_SIZE: Final = re.compile(r"(?:0|[1-9][0-9]{0,15})\Z")
_LISTED_MAX: Final = 64
_NOTE_CHARS_MAX: Final = 65_536


@dataclass(frozen=True)
class OperatorTrust:
    """A key whose checkpoints count between two sizes of the log."""

    name: str
    public: bytes
    first_size: int
    last_size: int | None


@dataclass(frozen=True)
class Trust:
    """What the verifier believes beforehand. `network` is the hash of the genesis document."""

    network: str
    operators: tuple[OperatorTrust, ...]
    witnesses: tuple[tuple[str, bytes], ...]
    witnesses_required: int

    def log(self, checkpoint: Any, *, accused: bool = False) -> SignedLog:
        """The log that a note vouches for. Of an operator that is `accused` by its own signature no witness is asked. As `check_note`."""
        return check_note(checkpoint, self, witnessed=not accused)


@dataclass(frozen=True)
class SignedLog:
    """A log that a trusted operator signed: its size, its root, that operator's name, and the witnesses that cosigned."""

    size: int
    root: bytes
    operator: str
    cosigners: tuple[str, ...]

    single = True
    doubt = "which of the two operators signed what it should not have"

    @property
    def who(self) -> str:
        """The operator, by the name of the trust file."""
        return f"operator {self.operator!a}"

    def said(self) -> tuple[list[str], list[str]]:
        """Who vouches that everybody is shown this log: what is proven, and what is not."""
        if self.cosigners:
            return [f"the checkpoint of {self.size} leaves was cosigned by {', '.join(self.cosigners)}"], []
        shown = f"no witness cosigned the checkpoint of {self.size} leaves, operator's word only"
        return [], [f"that everyone is shown the same history: {shown}"]

    def conflict(self, other: SignedLog) -> str | None:
        """What shows, without another proof, that two such logs are not of one history."""
        return f"with different first {self.size} leaves" if self.size == other.size and self.root != other.root else None


def read_trust(data: bytes) -> Trust:
    """What a trust file's bytes say. Raises `Invalid` (`bad-trust`, `unknown-engine`)."""
    bad = "bad-trust"
    try:
        value = decode(data, TRUST_BYTES_MAX)
    except Invalid as invalid:
        raise Invalid(bad) from invalid
    names = ("v", "network", "engine", "operators", "witnesses", "witnesses_required")
    file = fields(value, names, bad)
    if type(file["v"]) is not int or file["v"] != 1:
        raise Invalid(bad)
    if file["engine"] != "solo":
        raise Invalid("unknown-engine")
    witnesses = tuple(_witness(each) for each in items(file["witnesses"], _LISTED_MAX, bad))
    required = integer(file["witnesses_required"], bad)
    # A cosignature does not say its witness's name: one key under two names would count twice.
    if len({public for _, public in witnesses}) != len(witnesses) or required > len(witnesses):
        raise Invalid(bad)
    operators = tuple(_operator(each) for each in items(file["operators"], _LISTED_MAX, bad))
    return Trust(unhex(file["network"], 32, bad).hex(), operators, witnesses, required)


def check_note(note: Any, trust: Trust, *, witnessed: bool = True) -> SignedLog:
    """The log that a note vouches for; with `witnessed`, only if as many witnesses cosigned it as the trust file demands.

    Raises `Invalid` (`bad-checkpoint`, `wrong-network`, `operator-not-trusted`, `witnesses-missing`).
    """
    lines = text(note, _NOTE_CHARS_MAX, "bad-checkpoint").split("\n")
    if len(lines) < 6 or lines[3] != "" or lines[-1] != "" or _SIZE.match(lines[1]) is None:
        raise Invalid("bad-checkpoint")
    if lines[0] != f"tallystick/{trust.network}":
        raise Invalid("wrong-network")
    body, size, root = "\n".join([*lines[:3], ""]).encode(), int(lines[1]), _unbase64(lines[2])
    if len(root) != 32:
        raise Invalid("bad-checkpoint")
    signed = [_signature_line(line) for line in items(lines[4:-1], _LISTED_MAX, "bad-checkpoint")]
    operator = next((each.name for each in trust.operators if _is_signed(signed, each, body, size)), None)
    if operator is None:
        raise Invalid("operator-not-trusted")
    cosigners = tuple(name for name, public in trust.witnesses if _is_cosigned(signed, name, public, body))
    if witnessed and len(cosigners) < trust.witnesses_required:
        raise Invalid("witnesses-missing")
    return SignedLog(size, root, operator, cosigners)


def _operator(value: Any) -> OperatorTrust:
    found = fields(value, ("name", "public", "first_size", "last_size"), "bad-trust")
    last = None if found["last_size"] is None else integer(found["last_size"], "bad-trust")
    return OperatorTrust(_name(found["name"]), unhex(found["public"], 32, "bad-trust"), integer(found["first_size"], "bad-trust"), last)


def _witness(value: Any) -> tuple[str, bytes]:
    found = fields(value, ("name", "public"), "bad-trust")
    return _name(found["name"]), unhex(found["public"], 32, "bad-trust")


def _name(value: Any) -> str:
    if _NAME.match(text(value, 255, "bad-trust")) is None:
        raise Invalid("bad-trust")
    return str(value)


def _signature_line(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or _NAME.match(parts[1]) is None:
        raise Invalid("bad-checkpoint")
    return parts[1], _unbase64(parts[2])


def _is_signed(signed: list[tuple[str, bytes]], operator: OperatorTrust, body: bytes, size: int) -> bool:
    if size < operator.first_size or (operator.last_size is not None and size > operator.last_size):
        return False
    hashed = _key_hash(operator.name, 0x01, operator.public)
    return any(name == operator.name and blob[:4] == hashed and ed25519_holds(operator.public, blob[4:], body) for name, blob in signed)


def _is_cosigned(signed: list[tuple[str, bytes]], witness: str, public: bytes, body: bytes) -> bool:
    hashed = _key_hash(witness, 0x04, public)
    for name, blob in signed:
        if name == witness and blob[:4] == hashed and len(blob) == 76 and blob[4] < 0x80:
            time_s = int.from_bytes(blob[4:12], "big")
            if ed25519_holds(public, blob[12:], f"cosignature/v1\ntime {time_s}\n".encode() + body):
                return True
    return False


def _key_hash(name: str, kind: int, public: bytes) -> bytes:
    return sha256(f"{name}\n".encode() + bytes([kind]) + public).digest()[:4]


def _unbase64(value: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("bad-checkpoint") from error
    if base64.b64encode(data).decode() != value:
        raise Invalid("bad-checkpoint")
    return data
