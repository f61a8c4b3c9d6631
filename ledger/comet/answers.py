"""What CometBFT's JSON-RPC answers about a block, read strictly: numbers that it writes as text, hashes in upper-case hex, keys and
signatures in base64, times in RFC 3339 to the nanosecond. What does not have that form raises `InputError` (`bad-engine-answer`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ledger.errors import InputError

Block = dict[str, Any]
"""A block of the engine as a checkpoint holds it: `{header, parts, round, signatures, validators}`."""

_FOR_THE_BLOCK: Final = 2
_KEY_TYPE: Final = "tendermint/PubKeyEd25519"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})*")
_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z")
_HASHES: Final = (
    *("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash", "app_hash"),
    *("last_results_hash", "evidence_hash", "proposer_address"),
)


def block_in(commit: Any, validators: Sequence[Any]) -> Block:
    """The block of an answer of `commit`, with those validators, and all votes for it by one of them."""
    signed = _get(commit, "signed_header")
    votes = _get(signed, "commit")
    cast = list(enumerate(_listed(_get(votes, "signatures"))))
    known = [_validator(each) for each in validators]
    if len(cast) != len(known):
        raise _bad("a commit has one place for each validator")
    return {
        "header": _header(_get(signed, "header")),
        "parts": _parts(_get(_get(votes, "block_id"), "parts")),
        "round": _number(_get(votes, "round")),
        "signatures": [_vote(place, each) for place, each in cast if _get(each, "block_id_flag") == _FOR_THE_BLOCK],
        "validators": known,
    }


def oldest_in(status: Any) -> int:
    """The height of the oldest block that the engine holds, of an answer of `status`; 0 where it holds none."""
    return _number(_get(_get(status, "sync_info"), "earliest_block_height"))


def _get(value: Any, name: str) -> Any:
    """A field of an object."""
    if not isinstance(value, dict) or name not in value:
        raise _bad(f"there is no {name}")
    return value[name]


def _listed(value: Any) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise _bad("a list is none")
    return value


def _number(value: Any) -> int:
    """A number, as text or, where it is small, as itself."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or _NUMBER.fullmatch(text) is None:
        raise _bad("a number is none")
    return int(text)


def _header(value: Any) -> dict[str, Any]:
    version, last = _get(value, "version"), _get(value, "last_block_id")
    chain_id = _get(value, "chain_id")
    if not isinstance(chain_id, str):
        raise _bad("a chain's id is no text")
    first = _get(last, "hash") == ""
    return {
        "version": {"block": _number(_get(version, "block")), "app": _number(version.get("app", 0))},
        "chain_id": chain_id,
        "height": _number(_get(value, "height")),
        "time": _time(_get(value, "time")),
        "last_block_id": None if first else {"hash": _hex(_get(last, "hash")), "parts": _parts(_get(last, "parts"))},
        **{name: _hex(_get(value, name)) for name in _HASHES},
    }


def _parts(value: Any) -> dict[str, Any]:
    return {"total": _number(_get(value, "total")), "hash": _hex(_get(value, "hash"))}


def _validator(value: Any) -> dict[str, Any]:
    key = _get(value, "pub_key")
    if _get(key, "type") != _KEY_TYPE:
        raise _bad("a validator's key is not of Ed25519")
    return {"public": _unbase64(_get(key, "value"), 32), "power": _number(_get(value, "voting_power"))}


def _vote(place: int, value: Any) -> dict[str, Any]:
    return {"validator": place, "time": _time(_get(value, "timestamp")), "signature": _unbase64(_get(value, "signature"), 64)}


def _time(value: Any) -> dict[str, int]:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _bad("a time is not in UTC")
    try:
        moment = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _bad("a time is none") from error
    return {"seconds": int(moment.timestamp()), "nanos": int((found[2] or "").ljust(9, "0"))}


def _hex(value: Any) -> str:
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise _bad("a hash is not in hex")
    return value.lower()


def _unbase64(value: Any, length: int) -> str:
    """The bytes in hex."""
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise _bad("a key or signature is not in base64") from error
    if len(data) != length:
        raise _bad("a key or signature has another length")
    return data.hex()


def _bad(message: str) -> InputError:
    return InputError("bad-engine-answer", f"the engine's answer cannot be read: {message}")
