"""The check of a proof file: from the trust file, over the signed checkpoint, to the header, the record or state entry, and its keys.

Each step believes only what the step before has shown. A hostile file gets a verdict with a code, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.verify import histories, strict_json
from ledger.verify.blocks import Verdict, as_of, check_header
from ledger.verify.engines import Log, Trust, read_trust
from ledger.verify.merkle import check_state
from ledger.verify.records import check_record
from ledger.verify.sealed_parts import open_parts
from ledger.verify.strict_json import Invalid, ascii_text, encode, fields, integer, items, unhex

FILE_BYTES_MAX: Final = 4_194_304
_BUNDLED_MAX: Final = 16
_ANCHORED: Final = ("v", "kind", "network", "checkpoint", "header", "inclusion", "siblings")
_Kinds = Mapping[str, Callable[[Any, Trust], Verdict]]


def verify(document: bytes, trust: bytes) -> Verdict:
    """The verdict on a proof file's bytes under a trust file's bytes. Reads no clock, network, database or home."""
    try:
        believed = read_trust(trust)
        return _judged(strict_json.decode(document, FILE_BYTES_MAX), believed, _KINDS)
    except Invalid as invalid:
        return Verdict(ok=False, code=invalid.code)


def _judged(value: Any, trust: Trust, kinds: _Kinds) -> Verdict:
    kind = value.get("kind") if type(value) is dict else None
    if type(kind) is not str or kind not in kinds:
        raise Invalid("unknown-kind")
    if type(value.get("v")) is not int or value["v"] != 1:
        raise Invalid("unknown-version")
    if value.get("network") != trust.network:
        raise Invalid("wrong-network")
    return kinds[kind](value, trust)


def _record(value: Any, trust: Trust) -> Verdict:
    file = fields(value, (*_ANCHORED, "leaf", "log_index", "keys", "revealed"))
    leaf, log_index = fields(file["leaf"], ("record", "result", "signatures")), integer(file["log_index"])
    header, log = _anchor(file, trust, (log_index, encode(leaf)))
    shown = check_record(leaf, log_index, file, unhex(header["state_root"], 32), trust.network)
    record, signers = leaf["record"], [(each["member"], each["purpose"]) for each in shown["signers"]]
    whose = ", ".join("a one-time key" if member is None else f"member {member!a} (purpose {purpose})" for member, purpose in signers)
    revealed = open_parts(record, file["revealed"])
    proves = [
        f"record {shown['record_id']} of type {record['type']} stands on the ledger at log index {log_index}, by block {header['height']}",
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
    dated = {**shown, "height": header["height"], "time_ms": header["time"]}
    return _verdict(header, log, proves, leaves_open, revealed=revealed, records=[dated])


def _state(value: Any, trust: Trust) -> Verdict:
    file = fields(value, (*_ANCHORED, "key", "value", "depth", "other"))
    header, log = _anchor(file, trust)
    key = ascii_text(file["key"], 256)
    content = None if file["value"] is None else encode(file["value"])
    check_state(unhex(header["state_root"], 32), [(key, file["value"], file)], file["siblings"], "state-proof-invalid")
    what = f"the state entry {key!a} is {content.decode()}" if content is not None else f"there is no state entry {key!a}"
    entry = {"key": key, "value": file["value"], "height": header["height"], "time_ms": header["time"]}
    return _verdict(header, log, [f"{what} after block {header['height']}"], ["what it is after any later block"], entries=[entry])


def _bundle(value: Any, trust: Trust) -> Verdict:
    """Each file by itself under the same trust; together they say what each of them says."""
    parts = [_judged(each, trust, _SINGLE) for each in items(fields(value, ("v", "kind", "network", "files"))["files"], _BUNDLED_MAX)]
    if not parts:
        raise Invalid("malformed")
    revealed = {f"{part.records[0]['record_id']}/{name}": said for part in parts for name, said in part.revealed.items()}
    return Verdict(
        ok=True,
        code=None,
        proves=list(dict.fromkeys(sentence for part in parts for sentence in part.proves)),
        does_not_prove=list(dict.fromkeys(sentence for part in parts for sentence in part.does_not_prove)),
        as_of=max((part.as_of for part in parts if part.as_of is not None), key=lambda found: found["height"], default=None),
        revealed=revealed,
        entries=[entry for part in parts for entry in part.entries],
        records=[record for part in parts for record in part.records],
        parts=parts,
    )


_SINGLE: Final[_Kinds] = {"record": _record, "state": _state, "consistency": histories.consistency, "fork": histories.fork}
_KINDS: Final[_Kinds] = {**_SINGLE, "bundle": _bundle}


def _anchor(file: dict[str, Any], trust: Trust, *before: tuple[int, bytes]) -> tuple[dict[str, Any], Log]:
    """The header, once it is shown to be a leaf of the log that the checkpoint vouches for, and with it leaves before it, by index."""
    log = trust.log(file["checkpoint"])
    return check_header(file["header"], file["inclusion"], log.size, log.root, trust.network, *before), log


def _verdict(header: dict[str, Any], log: Log, proves: list[str], leaves_open: list[str], **shown: Any) -> Verdict:
    proven, unproven = log.said()
    return Verdict(True, None, [*proves, *proven], [*leaves_open, *unproven], as_of(header), **shown)
