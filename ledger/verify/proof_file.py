"""The check of a proof file: from the trust file, over the signed checkpoint, to the header, the record or state entry, and its keys.

Each step believes only what the step before has shown. A hostile file gets a verdict with a code, never an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ledger.verify import strict_json
from ledger.verify.merkle import check_inclusion, check_state
from ledger.verify.sealed_parts import open_parts
from ledger.verify.signatures import body_key, key_id, p256_holds, tagged
from ledger.verify.strict_json import Invalid, encode, fields, integer, items, text, unhex
from ledger.verify.trust import SignedLog, Trust, check_note, read_trust

FILE_BYTES_MAX: Final = 4_194_304
TRUST_BYTES_MAX: Final = 262_144
_SIGNERS_MAX: Final = 3
_KEY_CHARS_MAX: Final = 256
_PURPOSES: Final = ("make", "check", "service", "once")
_PRINTABLE: Final = re.compile(r"[ -~]{1,256}\Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ANCHORED: Final = ("v", "kind", "network", "header", "header_log_index", "checkpoint", "inclusion")
_HEADER: Final = ("v", "network", "height", "engine_height", "time", "previous", "log_size", "log_root", "state_root", "rules")
_RECORD: Final = ("v", "network", "type", "signers", "nonce", "not_after", "seen", "body", "sealed")
_ENTRY: Final = ("added_at", "alg", "member", "object", "person", "public", "purpose", "revoked_at")


@dataclass(frozen=True)
class Verdict:
    """`code` is None where the file holds. `proves` and `does_not_prove` are sentences; `as_of` is the height and time of the block that
    the file speaks of; `revealed` what its revealed parts say, by name.
    """

    ok: bool
    code: str | None
    proves: list[str] = field(default_factory=list)
    does_not_prove: list[str] = field(default_factory=list)
    as_of: dict[str, Any] | None = None
    revealed: dict[str, Any] = field(default_factory=dict)


def verify(document: bytes, trust: bytes) -> Verdict:
    """The verdict on a proof file's bytes under a trust file's bytes. Reads no clock, network, database or home."""
    try:
        believed = read_trust(_trust_json(trust))
        value = strict_json.decode(document, FILE_BYTES_MAX)
        kind = value.get("kind") if type(value) is dict else None
        if kind == "record":
            return _record(value, believed)
        if kind == "state":
            return _state(value, believed)
        return Verdict(ok=False, code="unknown-kind")
    except Invalid as invalid:
        return Verdict(ok=False, code=invalid.code)
    except RecursionError:
        return Verdict(ok=False, code="malformed")


def _trust_json(trust: bytes) -> Any:
    try:
        return strict_json.decode(trust, TRUST_BYTES_MAX)
    except Invalid as invalid:
        raise Invalid("bad-trust") from invalid


def _record(value: Any, trust: Trust) -> Verdict:
    file = fields(value, (*_ANCHORED, "leaf", "log_index", "keys", "revealed"))
    inclusion = fields(file["inclusion"], ("record", "header"))
    header, log = _anchor(file, inclusion, trust)
    leaf = fields(file["leaf"], ("record", "result", "signatures"))
    log_index = integer(file["log_index"])
    if log_index >= header["log_size"]:
        raise Invalid("header-invalid")
    check_inclusion(encode(leaf), log_index, log.size, inclusion["record"], log.root)
    record = _core(leaf["record"], trust)
    record_id = tagged("record", encode(record))
    if type(leaf["result"]) is not dict or type(leaf["result"].get("code")) is not str:
        raise Invalid("malformed")
    signers = _signers(file["keys"], record, record_id.hex(), log_index, unhex(header["state_root"], 32))
    _check_signatures(leaf["signatures"], [public for public, _ in signers], record_id)
    revealed = open_parts(record, file["revealed"])
    whose = ", ".join(who for _, who in signers)
    proves = [
        f"record {record_id.hex()} of type {record['type']} stands on the ledger at log index {log_index}, by block {header['height']}",
        f"the ledger's result for it is {leaf['result']['code']!a}",
        f"it was signed by {whose}, each with a key that was alive at its place",
        *(f"its sealed part {name!a} says what this file shows, and can say nothing else" for name in revealed),
    ]
    leaves_open = [
        "that what the record says is true outside the ledger",
        "that nothing later changed its effect: a state proof of a newer height shows that",
    ]
    if record["sealed"].keys() - revealed.keys():
        leaves_open.append("anything about the sealed parts that are not revealed")
    return _verdict(header, log, proves, leaves_open, revealed)


def _state(value: Any, trust: Trust) -> Verdict:
    file = fields(value, (*_ANCHORED, "key", "value", "proof"))
    inclusion = fields(file["inclusion"], ("header",))
    header, log = _anchor(file, inclusion, trust)
    key = text(file["key"], _KEY_CHARS_MAX)
    if _PRINTABLE.match(key) is None:
        raise Invalid("malformed")
    content = None if file["value"] is None else encode(file["value"])
    check_state(unhex(header["state_root"], 32), key, content, file["proof"], "state-proof-invalid")
    what = f"the state entry {key!a} is {content.decode()}" if content is not None else f"there is no state entry {key!a}"
    return _verdict(header, log, [f"{what} after block {header['height']}"], ["what it is after any later block"], {})


def _verdict(header: dict[str, Any], log: SignedLog, proves: list[str], leaves_open: list[str], revealed: dict[str, Any]) -> Verdict:
    if log.cosigners:
        proves.append(f"the checkpoint was cosigned by {', '.join(log.cosigners)}")
    else:
        leaves_open.append("that the operator shows everyone the same history: no witness cosigned the checkpoint")
    try:
        moment = (_EPOCH + timedelta(milliseconds=header["time"])).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError as error:
        raise Invalid("header-invalid") from error
    return Verdict(True, None, proves, leaves_open, {"height": header["height"], "time": moment}, revealed)


def _anchor(file: dict[str, Any], inclusion: dict[str, Any], trust: Trust) -> tuple[dict[str, Any], SignedLog]:
    """The header, once it is shown to be a leaf of the log that the operator signed."""
    if type(file["v"]) is not int or file["v"] != 1:
        raise Invalid("unknown-version")
    if file["network"] != trust.network:
        raise Invalid("wrong-network")
    log = check_note(file["checkpoint"], trust)
    header = fields(file["header"], _HEADER, "header-invalid")
    for name in ("v", "height", "engine_height", "time", "log_size", "rules"):
        integer(header[name], "header-invalid")
    for name in ("network", "previous", "log_root", "state_root"):
        unhex(header[name], 32, "header-invalid")
    if header["v"] != 1 or header["network"] != trust.network or type(file["header_log_index"]) is not int:
        raise Invalid("header-invalid")
    if file["header_log_index"] != header["log_size"]:
        raise Invalid("header-invalid")
    check_inclusion(encode({"header": header}), header["log_size"], log.size, inclusion["header"], log.root)
    return header, log


def _core(value: Any, trust: Trust) -> dict[str, Any]:
    record = fields(value, _RECORD)
    if type(record["v"]) is not int or record["v"] != 1 or type(record["body"]) is not dict or type(record["sealed"]) is not dict:
        raise Invalid("malformed")
    if record["network"] != trust.network:
        raise Invalid("wrong-network")
    if _PRINTABLE.match(text(record["type"], 65)) is None:
        raise Invalid("malformed")
    signers = [unhex(each, 32) for each in items(record["signers"], _SIGNERS_MAX)]
    if not signers or len(set(signers)) != len(signers):
        raise Invalid("malformed")
    return record


def _signers(value: Any, record: dict[str, Any], record_id: str, log_index: int, state_root: bytes) -> list[tuple[bytes, str]]:
    """The public key and the description of each signer, proven from the state after the block."""
    listed = [fields(each, ("key_id", "entry", "proof"), "key-invalid") for each in items(value, _SIGNERS_MAX, "key-invalid")]
    if [each["key_id"] for each in listed] != record["signers"]:
        raise Invalid("key-invalid")
    found = [_signer(each, record, record_id, log_index, state_root, author=place == 0) for place, each in enumerate(listed)]
    purposes = [purpose for _, _, purpose in found]
    if "once" in purposes[1:] or (purposes[0] == "once" and purposes != ["once", "service"]):
        raise Invalid("key-invalid")
    return [(public, who) for public, who, _ in found]


def _signer(
    listed: dict[str, Any], record: dict[str, Any], record_id: str, log_index: int, state_root: bytes, *, author: bool
) -> tuple[bytes, str, str]:
    wanted, entry = listed["key_id"], listed["entry"]
    content = None if entry is None else encode(entry)
    check_state(state_root, f"key/{wanted}", content, listed["proof"], "key-invalid")
    if entry is None:
        # Only the one-time key of a record that was refused is not registered: such a record's own body gives the key.
        public = body_key(record["body"], wanted) if author else None
        if public is None:
            raise Invalid("key-invalid")
        return unhex(public, 33, "key-invalid"), "a one-time key of its own", "once"
    entry = fields(entry, _ENTRY, "key-invalid")
    public_hex = text(entry["public"], 66, "key-invalid")
    if entry["alg"] != "p256" or key_id("p256", public_hex) != wanted or entry["purpose"] not in _PURPOSES:
        raise Invalid("key-invalid")
    added, revoked = integer(entry["added_at"], "key-invalid"), entry["revoked_at"]
    own = author and entry["purpose"] == "once" and entry["object"] == record_id and body_key(record["body"], wanted) is not None
    begun = added == log_index if own else added < log_index
    if not begun or (revoked is not None and log_index >= integer(revoked, "key-invalid")):
        raise Invalid("key-not-alive")
    who = "a one-time key" if entry["member"] is None else f"member {entry['member']!a} (purpose {entry['purpose']})"
    return unhex(public_hex, 33, "key-invalid"), who, str(entry["purpose"])


def _check_signatures(value: Any, publics: list[bytes], digest: bytes) -> None:
    signatures = [unhex(each, 64, "bad-signature") for each in items(value, _SIGNERS_MAX, "bad-signature")]
    if len(signatures) != len(publics):
        raise Invalid("bad-signature")
    if not all(p256_holds(public, signature, digest) for public, signature in zip(publics, signatures, strict=True)):
        raise Invalid("bad-signature")
