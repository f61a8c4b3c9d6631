"""What a witness does: it cosigns the checkpoints of a log that only ever grows (c2sp.org/tlog-cosignature), and takes them by the protocol
of c2sp.org/tlog-witness. Pure rules: what was cosigned last is passed in, and whoever calls keeps it, atomically, before it answers.

An `add-checkpoint` request is text: `old N`, up to 63 lines of a consistency proof (RFC 9162, 2.1.4) in base64, an empty line, and the
note. The refusals are the errors below; each carries the HTTP status that the protocol gives it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import Checkpoint, Cosignature, add_cosignature, cosignatures_of, parse_note, verify_note
from ledger.errors import InputError, NotFound, NotPermitted, Refused, TallystickError, VerificationFailed
from ledger.hashing import HASH_BYTES
from ledger.limits import ADD_CHECKPOINT_BYTES_MAX, ADD_CHECKPOINT_HASHES_MAX, INTEGER_MAX
from ledger.log_operator import OperatorKey, origin_of
from ledger.log_tree import verify_consistency

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,15})\Z")


class BadRequest(TallystickError):
    """The request is not of the protocol's form, or its old size is above the checkpoint's: 400."""

    http_status: ClassVar[int] = 400


class OtherOldSize(Refused):
    """409: the witness cosigned another size last, which the sender learns by this; or another root of the same size."""

    def __init__(self, size: int) -> None:
        super().__init__("old-size-differs", f"this witness last cosigned a log of {size} leaves", hint="prove consistency with that size")
        self.size = size


@dataclass(frozen=True)
class AddCheckpoint:
    """A request as it was read; nothing in it is verified yet."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str


class WitnessKey:
    """A witness's name and Ed25519 key. Whoever cosigns must have verified the note, and that its log continues the one before."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.name, self._private_key = name, private_key

    @property
    def public(self) -> bytes:
        return self._private_key.public_key().public_bytes_raw()

    def cosign(self, note: str, time_s: int) -> Cosignature:
        """This witness's cosignature of the note, at a time in POSIX seconds."""
        return cosignatures_of(add_cosignature(note, self.name, self._private_key, time_s), {self.name: self.public})[0]


def write_add_checkpoint(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """The body of a request."""
    lines = [f"old {old_size}", *(base64.b64encode(each).decode("ascii") for each in proof), ""]
    return ("\n".join(lines) + "\n" + note).encode("utf-8")


def read_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Raises `BadRequest` (`bad-request`)."""
    if len(body) > ADD_CHECKPOINT_BYTES_MAX:
        raise _bad("the request is too long")
    try:
        head, separator, note = body.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError as error:
        raise _bad("the request is not UTF-8") from error
    first, *hashes = head.split("\n")
    old = _OLD.match(first)
    if not separator or old is None or int(old[1]) > INTEGER_MAX or len(hashes) > ADD_CHECKPOINT_HASHES_MAX:
        raise _bad("a request is `old N`, at most 63 hashes, an empty line, and a checkpoint")
    return AddCheckpoint(int(old[1]), tuple(_hash(each) for each in hashes), note)


def check_add_checkpoint(request: AddCheckpoint, latest: Checkpoint | None, network: str, operator: OperatorKey) -> Checkpoint:
    """The checkpoint that may be cosigned, given the one that was cosigned last, None where there is none.

    Raises `NotFound` (`unknown-log`, 404), `NotPermitted` (`log-not-signed`, 403), `BadRequest` (400), `OtherOldSize` (409) and
    `InputError` (`not-consistent`, 422).
    """
    try:
        origin = parse_note(request.note).checkpoint.origin
    except InputError as error:
        raise _bad(error.message) from error
    if origin != origin_of(network):
        raise NotFound("unknown-log", "this witness does not know the log")
    try:
        found = verify_note(request.note, operator.name, operator.public)
    except VerificationFailed as error:
        raise NotPermitted("log-not-signed", "the checkpoint is not signed by the log's operator") from error
    if request.old_size > found.size:
        raise _bad("the old size is above the checkpoint's")
    size = 0 if latest is None else latest.size
    if request.old_size != size:
        raise OtherOldSize(size)
    if latest is not None and latest.size == found.size and latest.root != found.root:
        raise OtherOldSize(size)
    if latest is None or size == 0:
        proven = not request.proof
    else:
        proven = verify_consistency(size, found.size, request.proof, latest.root, found.root)
    if not proven:
        raise InputError("not-consistent", "the proof does not show that this log continues the one that was cosigned last")
    return found


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad("a hash is not base64") from error
    if len(data) != HASH_BYTES or base64.b64encode(data).decode("ascii") != line:
        raise _bad("a hash is not 32 bytes in exact base64")
    return data


def _bad(message: str) -> BadRequest:
    return BadRequest("bad-request", message)
