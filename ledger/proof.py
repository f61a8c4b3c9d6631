"""Writes proof files: one canonical JSON document each, which a stranger checks offline with a trust file and `ledger.verify`.

`kind` `record` proves that a record stands on the ledger, with its result and the keys that signed it; `kind` `state` what a state entry
is at a height, or that there is none. Inclusion proofs lead to the newest signed checkpoint. The verifier shares no code with this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger import canonical, keyring
from ledger.errors import InputError, NotFound, Refused
from ledger.header import Header
from ledger.store import Reader, StoredRecord

FORMAT_VERSION = 1
SECRET_PREFIX = "secret"


def record_proof(reader: Reader, record_id: str, revealed: Mapping[str, bytes] | None = None) -> bytes:
    """The proof file of a record. `revealed` gives content keys by the names of the sealed parts that the reader of the file shall read.

    Raises `NotFound` (`unknown-record`, `no-checkpoint`), `InputError` (`unknown-part`), `Refused` (`part-is-secret`).
    """
    stored = reader.record(record_id)
    if stored is None:
        raise NotFound("unknown-record", "this ledger holds no record of that id")
    header = reader.header(stored.height)
    assert header is not None, "a stored record's block has a header"
    parts = _revealed(stored, revealed or {})
    anchored = _anchored(reader, header)
    anchored["inclusion"]["record"] = _inclusion(reader, stored.log_index)
    record_keys = [_key(reader, key_id, header.height) for key_id in stored.record.signers]
    leaf = canonical.decode(stored.leaf)
    return canonical.encode(
        {**anchored, "kind": "record", "leaf": leaf, "log_index": stored.log_index, "keys": record_keys, "revealed": parts}
    )


def state_proof(reader: Reader, key: str, height: int | None = None) -> bytes:
    """The proof file of a state entry at a height, the newest by default; of its absence where there is none.

    Raises `NotFound` (`unknown-height`, `no-checkpoint`).
    """
    header = reader.head if height is None else reader.header(height)
    if header is None:
        raise NotFound("unknown-height", "this ledger holds no block of that height")
    value, proof = reader.state_proof(key, header.height)
    content = None if value is None else canonical.decode(value)
    return canonical.encode({**_anchored(reader, header), "kind": "state", "key": key, "value": content, "proof": proof.to_json()})


def _anchored(reader: Reader, header: Header) -> dict[str, Any]:
    """What both kinds of file share: a header, and how it hangs below the newest signed checkpoint."""
    checkpoint = reader.checkpoint()
    if checkpoint is None:
        raise NotFound("no-checkpoint", "this ledger has no signed checkpoint yet", hint="wait for the first block")
    return {
        "v": FORMAT_VERSION,
        "network": header.network,
        "header": header.to_json(),
        "header_log_index": header.log_size,
        "checkpoint": checkpoint,
        "inclusion": {"header": _inclusion(reader, header.log_size)},
    }


def _inclusion(reader: Reader, log_index: int) -> list[str]:
    return [each.hex() for each in reader.inclusion_proof(log_index, reader.head.log_size + 1)]


def _key(reader: Reader, key_id: str, height: int) -> dict[str, Any]:
    """A signer's entry after the block; null for a one-time key whose own record was refused, which the record's body gives."""
    value, proof = reader.state_proof(keyring.entry_key(key_id), height)
    return {"key_id": key_id, "entry": None if value is None else canonical.decode(value), "proof": proof.to_json()}


def _revealed(stored: StoredRecord, content_keys: Mapping[str, bytes]) -> dict[str, str]:
    for name in content_keys:
        if name.startswith(SECRET_PREFIX):
            raise Refused("part-is-secret", "a part with private keys or salts is never revealed")
        if name not in stored.record.core["sealed"]:
            raise InputError("unknown-part", "the record has no sealed part of that name")
    return {name: key.hex() for name, key in content_keys.items()}
