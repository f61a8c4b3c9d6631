"""What a record must show before the rules see it. A record that fails here leaves nothing on the ledger.

In this order: its bytes are well formed (`record.parse`), its type is known and its body fits the type's model, it is meant for this
network, it is neither expired nor dated too far ahead, its author has seen this chain, it was not admitted before, its keys are
registered and alive at its place in the log, a one-time key stands only where it may, every signature is valid, and the member that
pays has quota left in this block.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from ledger import keyring, keys
from ledger.errors import InputError, Refused
from ledger.keys import PublicKey
from ledger.record import Record, parse
from ledger.rules import RecordType, Ruleset, Signer, State

_DAY_MS: Final = 86_400_000
_WHERE_CHARS_MAX: Final = 128
_MISFITS_LISTED_MAX: Final = 100

CODES: Final = {
    "oversize": "the transaction is longer than a record may be",
    "not-json": "the bytes are not JSON in UTF-8",
    "not-canonical": "the JSON is not in RFC 8785 canonical form, or holds what the format does not",
    "malformed": "a field is missing, unknown, or of the wrong type or size",
    "unknown-type": "the rules in force know no such record type",
    "wrong-network": "the record was made for another network",
    "expired": "the record's not_after is past",
    "not-after-too-far": "the record's not_after lies further ahead than the policy allows",
    "unknown-seen": "the record names a header that this chain does not hold",
    "repeat": "this very record is on the ledger already",
    "unknown-key": "a signer's key is not registered",
    "key-not-alive": "a signer's key is revoked, or not yet in force",
    "key-purpose": "a signer's key is not for signing records",
    "introducer-missing": "a one-time key needs the service key of a member beside it",
    "one-time-key-misused": "a one-time key may sign only for the thing it was made for",
    "bad-signature": "a signature is not valid for its key",
    "quota-exceeded": "the member that pays for the record has used its quota of this block",
}


# What may wait for a block while another is made; beyond that a signature is checked again.
_REMEMBERED: Final = 4_096


@dataclass(slots=True)
class VerifiedSignatures:
    """Transactions whose signatures were found good, by the hash of the whole transaction, never by the record id: a copy of a record
    with a broken signature is another transaction. Whether a key is alive is not remembered here.
    """

    entries_max: int = _REMEMBERED
    _good: dict[bytes, None] = field(default_factory=dict)

    def check(self, record: Record, publics: list[bytes]) -> bool:
        digest = sha256(record.raw).digest()
        if digest in self._good:
            return True
        good = all(keys.verify(public, s, record.digest) for public, s in zip(publics, record.signatures, strict=True))
        if good:
            if len(self._good) >= self.entries_max:
                del self._good[next(iter(self._good))]
            self._good[digest] = None
        return good


@dataclass(frozen=True, slots=True)
class Place:
    """Where the record would stand."""

    network: str
    time_ms: int
    log_index: int
    header_hash: Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class Admitted:
    """A record that may be executed, what was read from it, and the member whose quota it uses."""

    record: Record
    kind: RecordType
    body: BaseModel
    signers: tuple[Signer, ...]
    payer: str | None


def read(raw: bytes, rules: Ruleset) -> tuple[Record, RecordType, BaseModel]:
    """The record, its type and its body, from bytes alone. Raises `InputError` with a code of `CODES`."""
    record = parse(raw)
    kind = rules.types.get(record.type)
    if kind is None:
        raise InputError("unknown-type", CODES["unknown-type"])
    if not record.core["sealed"].keys() <= kind.parts:
        raise InputError("malformed", "the record carries a sealed part that its type does not have")
    if not kind.required_parts <= record.core["sealed"].keys():
        raise InputError("malformed", "the record lacks a sealed part that its type demands")
    try:
        body = kind.model.model_validate(record.core["body"], strict=True)
    except ValidationError as error:
        raise InputError("malformed", f"the body of a {record.type} does not fit: {_where(error)}") from error
    except InputError as error:
        raise InputError("malformed", error.message) from error
    return record, kind, body


def _where(error: ValidationError) -> str:
    """The first place that does not fit. A hundred thousand unknown fields are not listed to name one: reading them takes less time."""
    if error.error_count() > _MISFITS_LISTED_MAX:
        return "body"
    return ".".join(str(step) for step in error.errors(include_url=False, include_input=False)[0]["loc"])[:_WHERE_CHARS_MAX] or "body"


def admit(raw: bytes, place: Place, state: State, repeats: Container[str], rules: Ruleset, verified: VerifiedSignatures) -> Admitted:
    """Everything but the quota. Raises `InputError` or `Refused` with a code of `CODES`."""
    record, kind, body = read(raw, rules)
    core = record.core
    if core["network"] != place.network:
        _refuse("wrong-network")
    if core["not_after"] <= place.time_ms:
        _refuse("expired")
    if core["not_after"] > place.time_ms + int(policy_value(state, "not_after_days_max")) * _DAY_MS:
        _refuse("not-after-too-far")
    if place.header_hash(core["seen"]["height"]) != core["seen"]["hash"]:
        _refuse("unknown-seen")
    if record.id in repeats:
        _refuse("repeat")
    signers, publics = _signers(record, kind, body, state, place.log_index)
    if not verified.check(record, publics):
        _refuse("bad-signature")
    payer = signers[1].member if signers[0].member is None else signers[0].member
    return Admitted(record, kind, body, tuple(signers), payer)


def policy_value(state: State, name: str) -> Any:
    """A field of the policy that the ledger itself reads: `not_after_days_max` and `records_per_member_block`."""
    policy = state.get("policy")
    assert policy is not None, "genesis writes a policy"
    return policy[name]


def _refuse(code: str) -> None:
    raise Refused(code, CODES[code])


def _signers(record: Record, kind: RecordType, body: BaseModel, state: State, log_index: int) -> tuple[list[Signer], list[bytes]]:
    signers: list[Signer] = []
    publics: list[bytes] = []
    for place, key_id in enumerate(record.signers):
        entry = state.get(keyring.entry_key(key_id))
        if place == 0 and kind.one_time_key is not None:
            key = _one_time_key(kind.one_time_key, body)
            if entry is not None or key.id != key_id:
                _refuse("one-time-key-misused")
            signers.append(Signer(key_id, None, "once", None, record.id))
            publics.append(key.public)
            continue
        if entry is None:
            _refuse("unknown-key")
        if not keyring.alive(entry, log_index):
            _refuse("key-not-alive")
        signer = keyring.signer_of(key_id, entry)
        if signer.purpose not in keyring.SIGNING_PURPOSES:
            _refuse("key-purpose")
        signers.append(signer)
        publics.append(bytes.fromhex(entry["public"] if entry is not None else ""))
    _check_one_time(record, kind, signers)
    return signers, publics


def _one_time_key(find: Callable[[Any], PublicKey], body: BaseModel) -> PublicKey:
    """The key in the body, which must be able to sign. Raises `InputError` (`malformed`)."""
    try:
        key = find(body)
        keys.check_public(key.alg, key.public)
    except (InputError, LookupError, TypeError, ValueError) as error:
        raise InputError("malformed", "the body holds no key that can sign") from error
    if key.alg != keys.P256:
        raise InputError("malformed", "a one-time key is a P-256 key")
    return key


def _check_one_time(record: Record, kind: RecordType, signers: list[Signer]) -> None:
    if all(signer.purpose != "once" for signer in signers):
        return
    author = signers[0]
    if author.purpose != "once" or any(signer.purpose == "once" for signer in signers[1:]):
        _refuse("one-time-key-misused")
    if kind.one_time_key is None and author.object not in record.body.values():
        _refuse("one-time-key-misused")
    if len(signers) != 2 or signers[1].purpose != "service" or signers[1].member is None:
        _refuse("introducer-missing")
