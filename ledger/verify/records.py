"""A record in a leaf of the log: its form, the keys of its signers as the state after its block knows them, and their signatures."""

from __future__ import annotations

from typing import Any, Final

from ledger.verify.merkle import check_state
from ledger.verify.signatures import body_key, key_id, p256_holds, tagged
from ledger.verify.strict_json import Invalid, ascii_text, encode, fields, integer, items, text, unhex

_SIGNERS_MAX: Final = 3
_PURPOSES: Final = ("make", "check", "service", "once")
_RECORD: Final = ("v", "network", "type", "signers", "nonce", "not_after", "seen", "body", "sealed")
_Signer = tuple[bytes, dict[str, Any]]
_ENTRY: Final = ("added_at", "alg", "member", "object", "person", "public", "purpose", "revoked_at")


def check_record(leaf: dict[str, Any], log_index: int, file: dict[str, Any], state_root: bytes, network: str) -> dict[str, Any]:
    """What the leaf at that index shows of its record, once each signer's key is shown in the state of that root, and each has signed:
    `{record_id, type, log_index, result, signers: [{key_id, member, purpose}], body}`.

    Raises `Invalid` (`malformed`, `wrong-network`, `key-invalid`, `key-not-alive`, `bad-signature`).
    """
    record, result = _core(leaf["record"], network), leaf["result"]
    digest = tagged("record", encode(record))
    if type(result) is not dict or type(result.get("code")) is not str:
        raise Invalid("malformed")
    signers = _signers(file, record, digest.hex(), log_index, state_root)
    signatures = [unhex(each, 64, "bad-signature") for each in items(leaf["signatures"], _SIGNERS_MAX, "bad-signature")]
    holds = [p256_holds(public, signature, digest) for (public, _), signature in zip(signers, signatures, strict=False)]
    if len(signatures) != len(signers) or not all(holds):
        raise Invalid("bad-signature")
    shown = {"record_id": digest.hex(), "type": record["type"], "log_index": log_index, "result": result, "body": record["body"]}
    return {**shown, "signers": [signer for _, signer in signers]}


def _core(value: Any, network: str) -> dict[str, Any]:
    record = fields(value, _RECORD)
    if type(record["v"]) is not int or record["v"] != 1 or type(record["body"]) is not dict or type(record["sealed"]) is not dict:
        raise Invalid("malformed")
    if record["network"] != network:
        raise Invalid("wrong-network")
    ascii_text(record["type"], 65)
    signers = [unhex(each, 32) for each in items(record["signers"], _SIGNERS_MAX)]
    if not signers or len(set(signers)) != len(signers):
        raise Invalid("malformed")
    return record


def _signers(file: dict[str, Any], record: dict[str, Any], record_id: str, log_index: int, state_root: bytes) -> list[_Signer]:
    """The public key of each signer, and whose it is, proven from the state after the block."""
    code, wanted = "key-invalid", record["signers"]
    listed = [fields(each, ("entry", "depth", "other"), code) for each in items(file["keys"], _SIGNERS_MAX, code)]
    if len(listed) != len(wanted):
        raise Invalid(code)
    named = list(zip(wanted, (each["entry"] for each in listed), listed, strict=True))
    check_state(state_root, [(f"key/{id_}", entry, place) for id_, entry, place in named], file["siblings"], code)
    found = [_signer(id_, entry, record, record_id, log_index, author=id_ == wanted[0]) for id_, entry, _ in named]
    purposes = [signer["purpose"] for _, signer in found]
    if "once" in purposes[1:] or (purposes[0] == "once" and purposes != ["once", "service"]):
        raise Invalid(code)
    return found


def _signer(wanted: str, entry: Any, record: dict[str, Any], record_id: str, log_index: int, *, author: bool) -> _Signer:
    if entry is None:
        # Only the one-time key of a record that was refused is not registered: such a record's own body gives the key.
        public = body_key(record["body"], wanted) if author else None
        if public is None:
            raise Invalid("key-invalid")
        return unhex(public, 33, "key-invalid"), {"key_id": wanted, "member": None, "purpose": "once"}
    entry = fields(entry, _ENTRY, "key-invalid")
    public_hex = text(entry["public"], 66, "key-invalid")
    if entry["alg"] != "p256" or key_id("p256", public_hex) != wanted or entry["purpose"] not in _PURPOSES:
        raise Invalid("key-invalid")
    added, revoked = integer(entry["added_at"], "key-invalid"), entry["revoked_at"]
    own = author and entry["purpose"] == "once" and entry["object"] == record_id and body_key(record["body"], wanted) is not None
    begun = added == log_index if own else added < log_index
    if not begun or (revoked is not None and log_index >= integer(revoked, "key-invalid")):
        raise Invalid("key-not-alive")
    return unhex(public_hex, 33, "key-invalid"), {"key_id": wanted, "member": entry["member"], "purpose": entry["purpose"]}
