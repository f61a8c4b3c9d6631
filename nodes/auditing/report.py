"""The report of an audit as a signed document, which stands without the node that made it.

`{"v": 1, "kind": "audit-report", "report": R, "signature": S, "key": P}` is canonical JSON. S is `{"key_id", "member", "value"}`: the
member's service key signs, as it signs records (P-256, low-s), the SHA-256 of R's canonical form under the tag `audit-report`. P is a
proof file of kind `state` that shows the key's entry at the height that R is about, so that the report can be checked offline with a
trust file. A home without a service key makes a report that nobody signed: S and P are null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from ledger import canonical, keyring, keys, verify
from ledger.clock import rfc3339
from ledger.errors import InputError, TallystickError, VerificationFailed
from ledger.hashing import tagged_json
from ledger.limits import AUDIT_REPORT_BYTES_MAX
from ledger.store import LedgerStore
from nodes.auditing.sampling import Sample
from nodes.auditing.whole import HomeAudit
from nodes.author import SigningKey
from nodes.private import PrivateStore
from nodes.proofs import Proofs

KIND: Final = "audit-report"
_COMPARED: Final = (
    "every record, header, result, state entry, tree page, log node and checkpoint of the ledger with a replay from genesis",
    "every signature of every record, and the operator's signature of every checkpoint",
    "every sealed part that this node has opened with the part on the ledger, its content key with the record's commitment",
)
_LEFT_OUT: Final = (
    "whether later blocks were cut off: compare the checkpoint with other members' and witnesses'",
    "whether what was declared or reported is true: the ledger shows who said it",
    "sealed parts that this node cannot open",
)


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed a report that was checked, and the height and time that it is about."""

    member: str
    key_id: str
    as_of: Mapping[str, Any]


def report_of(audited: HomeAudit, sample: Sample, store: LedgerStore, *, name: str, made_at_ms: int) -> dict[str, Any]:
    """R. `name` is the network's."""
    with store.reading() as reader:
        head, note = reader.header(audited.ledger.height) or reader.head, reader.checkpoint(audited.ledger.height)
    left_out = [*_LEFT_OUT]
    if audited.amounts_left_out is not None:
        left_out.append(f"sealed amounts against shares: {audited.amounts_left_out}")
    if audited.ledger.resumed_from is not None:
        left_out.append(f"what was compared up to height {audited.ledger.resumed_from} by an earlier run, which this one went on from")
    return {
        "network": {"id": head.network, "name": name},
        "as_of": {"height": head.height, "time": rfc3339(head.time_ms), "header_hash": head.hash, "log_size": head.log_size + 1},
        "checkpoint": note,
        "made_at": rfc3339(made_at_ms),
        "audit": audited.to_json(),
        "compared": [*_COMPARED, *(["sealed amounts with shares, by declaration"] if audited.amounts_left_out is None else [])],
        "counts": {"parts": audited.parts, "declarations": audited.declarations},
        "left_out": left_out,
        "sample": {"seed": sample.seed, "of": sample.of, "drawn": len(sample.rows), "sha256": sha256(sample.to_csv()).hexdigest()},
    }


def document(report: dict[str, Any], store: LedgerStore, private: PrivateStore, member: str | None, key: SigningKey | None) -> bytes:
    """The whole document, signed where there is a key. Raises `NotFound` (`no-checkpoint`)."""
    signature = proof = None
    if key is not None and member is not None:
        value = keys.sign(key.private, _digest(report)).hex()
        signature = {"key_id": key.id, "member": member, "value": value}
        height = report["as_of"]["height"]
        proof = canonical.decode(Proofs(store, private).state(keyring.entry_key(key.id), height))
    return canonical.encode({"v": 1, "kind": KIND, "report": report, "signature": signature, "key": proof})


def check(data: bytes, trust: bytes) -> SignedBy:
    """Checks a report with nothing but a trust file. Raises `InputError` (`malformed-report`, and those of `canonical.decode`),
    `VerificationFailed` (`report-unsigned`, `report-not-signed`; or the verifier's code for the proof of the key).
    """
    report, signature, proof = _read(data)
    if signature is None:
        raise VerificationFailed("report-unsigned", "nobody signed this report: the home that made it holds no service key")
    verdict = verify.verify(canonical.encode(proof), trust)
    if not verdict.ok:
        raise VerificationFailed(str(verdict.code), "the proof of the key that signed does not hold")
    entries = [entry for entry in verdict.entries if entry["key"] == keyring.entry_key(signature["key_id"])]
    value = entries[0]["value"] if entries else None
    if not value or value["member"] != signature["member"] or value["purpose"] != "service" or value["revoked_at"] is not None:
        raise VerificationFailed("report-not-signed", "the key is not a live service key of the member that the report names")
    if (proof["network"], entries[0]["height"]) != (report["network"]["id"], report["as_of"]["height"]):
        raise VerificationFailed("report-not-signed", "the proof of the key is about another network or height than the report")
    if not keys.verify(bytes.fromhex(value["public"]), bytes.fromhex(signature["value"]), _digest(report)):
        raise VerificationFailed("report-not-signed", "the signature is not one of this report")
    return SignedBy(signature["member"], signature["key_id"], report["as_of"])


def verdict_on(data: bytes, trust: bytes) -> verify.Verdict | None:
    """What a report proves to whoever trusts that trust file; None for a document that is none."""
    try:
        value = canonical.decode(data) if len(data) <= AUDIT_REPORT_BYTES_MAX else None
    except InputError:
        return None
    if not isinstance(value, dict) or value.get("kind") != KIND:
        return None
    try:
        signed = check(data, trust)
    except TallystickError as error:
        return verify.Verdict(ok=False, code=error.code)
    proves = f"member {signed.member!a} signed this report of an audit up to block {signed.as_of['height']}, with a service key alive then"
    return verify.Verdict(
        True, None, [proves], ["that the audit found what the report says: that is the word of the member that signed it"]
    )


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, str] | None, dict[str, Any]]:
    if len(data) > AUDIT_REPORT_BYTES_MAX:
        raise InputError("malformed-report", f"an audit report has at most {AUDIT_REPORT_BYTES_MAX} bytes")
    value = canonical.decode(data)
    try:
        report, signature, proof = value["report"], value["signature"], value["key"]
        whole = value.keys() == {"v", "kind", "report", "signature", "key"} and (value["v"], value["kind"]) == (1, KIND)
        whole = whole and isinstance(report["as_of"]["height"], int) and isinstance(report["network"]["id"], str)
        if signature is not None:
            whole = whole and signature.keys() == {"key_id", "member", "value"} and isinstance(proof["network"], str)
            whole = whole and all(isinstance(text, str) for text in signature.values())
            bytes.fromhex(signature["value"])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError("malformed-report", "the document is not an audit report") from error
    if not whole:
        raise InputError("malformed-report", "the document is not an audit report")
    return report, signature, proof


def _digest(report: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(tagged_json(KIND, report))
